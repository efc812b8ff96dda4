"""Progress of long work: bars on a terminal, nothing elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from cervix_tf.screen import exact

TRAINING = "Training"  # the bar that is a part of one of folds or trials
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

    The time left is of all that the bar is of: that of folds or trials counts how far the training under
    way has come, that of training all stages. What an earlier process had done does not count as speed.

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
        (left := TimeLeft()),
    )
    disable = bool(_silent) or not console.is_terminal
    with Progress(*columns, console=console, disable=disable) as display:
        _shown.insert(0, display)
        left.display = display
        try:
            yield Bar(display, display.add_task(title, total=total, note=""))
        finally:
            _shown.remove(display)


class TimeLeft(ProgressColumn):
    """Time left by the mean speed since the bar began.

    Rich's own goes by the last half minute, in which of several folds none may end.
    """

    display: Progress

    def render(self, task: Task) -> Text:
        """Hours, minutes and seconds."""
        seconds = self.seconds(task)
        if seconds is None:
            return Text("-:--:--")
        minutes, rest = divmod(round(seconds), 60)
        return Text(f"{minutes // 60}:{minutes % 60:02}:{rest:02}")

    def seconds(self, task: Task) -> float | None:
        """Those that are left of a task, or None while nothing is known."""
        done = self._done(task)
        # What was done before is not this process' work, and a first step is compiled.
        first, began = task.fields.get("first", (done, 0.0))
        if task.total is None or done <= first:
            return None
        return (task.get_time() - began) * max(0.0, task.total - done) / (done - first)

    def _done(self, task: Task) -> float:
        """What is done, with the part of a fold or trial that is under way."""
        for inner in self.display.tasks:
            if inner.id > task.id and inner.description == TRAINING and inner.total:
                return task.completed + inner.completed / inner.total
        return task.completed


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
        (task,) = (task for task in self._progress.tasks if task.id == self._task)
        first: dict[str, Any] = {"first": (done, self._progress.get_time())}
        if "first" in task.fields:
            first = {}
        self._progress.update(self._task, completed=done, note=note, total=total, **first)
