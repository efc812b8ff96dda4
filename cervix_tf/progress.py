"""Progress of long work: bars on a terminal, nothing elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cervix_tf.screen import exact

_shown: list[Progress] = []  # the display under way, which bars inside the first are added to
_silent: list[bool] = []  # whether a block without bars is under way


@contextmanager
def no_bars() -> Iterator[None]:
    """Show no bar while the block runs."""
    _silent.append(True)
    try:
        yield
    finally:
        _silent.pop()


@contextmanager
def bar(
    title: str,
    total: int,
    console: Console | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Callable[..., None]]:
    """Show a bar with rate and time left while the block runs; nothing unless on a terminal.

    Args:
        title: What is being done.
        total: How many steps or photographs there are.
        console: Where to draw; standard error by default. A bar inside another one's block is drawn
            below it.
        progress: Called with how much is done and the total, in place of a bar.

    Yields:
        A `Bar`, to be called with how much is done.
    """
    if progress:
        yield lambda done, total=total, note=None: progress(done, total)
        return
    if _shown and console is None:
        task = _shown[0].add_task(title, total=total, note="")
        try:
            yield Bar(_shown[0], task)
        finally:
            _shown[0].remove_task(task)
        return
    console = console or Console(file=exact(sys.stderr))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    disable = bool(_silent) or not console.is_terminal
    with Progress(*columns, console=console, disable=disable) as display:
        _shown.insert(0, display)
        try:
            yield Bar(display, display.add_task(title, total=total, note=""))
        finally:
            _shown.remove(display)


class Bar:
    """A bar under way: call it with how much is done; callable as `progress` of `data.prepare`."""

    def __init__(self, progress: Progress, task):
        self._progress, self._task = progress, task
        self._began = time.perf_counter()

    def __call__(self, done: int, total: int | None = None, note: str | None = None) -> None:
        """Move the bar; beside it stands the note, by default photographs a second."""
        if self._progress.disable:
            return
        if note is None:
            note = f"{done / max(time.perf_counter() - self._began, 1e-9):.0f} images/s"
        self._progress.update(self._task, completed=done, note=note, total=total)
