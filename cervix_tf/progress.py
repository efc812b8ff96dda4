"""Progress of long work: bars on a terminal, nothing elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


@contextmanager
def bar(title: str, total: int, console: Console | None = None) -> Iterator["Bar"]:
    """Show a bar with rate and time left while the block runs; nothing unless on a terminal.

    Args:
        title: What is being done.
        total: How many steps or photographs there are.
        console: Where to draw; standard error by default.

    Yields:
        A `Bar` to tell how far the work is.

    Example:
        >>> with bar("Decoding", 100) as progress:
        ...     progress(50, 100)
    """
    console = console or Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Bar(progress, progress.add_task(title, total=total, note=""))


class Bar:
    """A bar under way: call it with how much is done; callable as `progress` of `data.prepare`."""

    def __init__(self, progress: Progress, task):
        self._progress, self._task = progress, task
        self._began, self._first = time.perf_counter(), 0

    def __call__(self, done: int, total: int | None = None, note: str | None = None) -> None:
        """Move the bar.

        Args:
            done: Steps or photographs done.
            total: How many there are, if it is known only now.
            note: What to show beside the bar; by default photographs a second.
        """
        if self._progress.disable:
            return
        if note is None:
            note = f"{done / max(time.perf_counter() - self._began, 1e-9):.0f} images/s"
        self._progress.update(self._task, completed=done, note=note, total=total)
