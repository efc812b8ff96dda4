"""The same work for many photographs on every core, so that memory does not grow with their number."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

import cv2

from cervix_tf.data.photographs import cores


def spread(work: Callable[[int], object], rows: Iterable[int]) -> None:
    """Do a piece of work for each row, one thread a core; each takes the next row when it is free.

    The first error, or Ctrl+C, ends it after the rows in hand, and is raised.

    Args:
        work: Called from the threads with a row.
        rows: The rows, in the order in which they are begun.

    Example:
        >>> spread(lambda row: decode(paths[row]), range(len(paths)))
    """
    waiting, turn, ended = iter(rows), threading.Lock(), threading.Event()

    def take() -> int | None:
        with turn:
            return None if ended.is_set() else next(waiting, None)

    def run() -> None:
        while (row := take()) is not None:
            work(row)

    with ThreadPoolExecutor(cores()) as pool:
        try:
            for job in as_completed([pool.submit(run) for _ in range(cores())]):
                job.result()
        finally:
            ended.set()


@contextmanager
def opencv_alone() -> Iterator[None]:
    """Keep OpenCV from threads of its own, which wait by spinning, where every core has work."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
