"""The same work for many photographs on every core, so that memory does not grow with their number."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

import cv2

from cervix_tf.data.photographs import cores

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_ALONE = threading.Lock()


def spread(work: Callable[[_Item], object], items: Iterable[_Item]) -> None:
    """Do a piece of work for each item, one thread a core; each takes the next when it is free.

    The first error, or Ctrl+C, ends it after the items in hand, and is raised.

    Args:
        work: Called from the threads with an item.
        items: Rows or whatever else is worked on, in the order in which they are begun; not None.
    """
    waiting, turn, ended = iter(items), threading.Lock(), threading.Event()

    def take() -> _Item | None:
        with turn:
            return None if ended.is_set() else next(waiting, None)

    def run() -> None:
        while (item := take()) is not None:
            work(item)

    with ThreadPoolExecutor(cores()) as pool:
        try:
            for job in as_completed([pool.submit(run) for _ in range(cores())]):
                job.result()
        finally:
            ended.set()


def ahead(work: Callable[[_Item], _Result], items: Iterable[_Item], most: int) -> Iterator[_Result]:
    """Do a piece of work for each item before it is asked for, one thread a core.

    Args:
        work: Called from the threads with an item; its error is raised when its result is asked for.
        items: What is worked on.
        most: How many results are waiting or being worked on at the most.

    Yields:
        The results, in the order of the items.
    """
    with ThreadPoolExecutor(cores()) as pool:
        begun: deque[Future] = deque()
        try:
            for item in items:
                if len(begun) == most:
                    yield begun.popleft().result()
                begun.append(pool.submit(work, item))
            while begun:
                yield begun.popleft().result()
        finally:
            for job in begun:
                job.cancel()


@contextmanager
def opencv_alone() -> Iterator[None]:
    """Limit OpenCV to one thread while the block runs, since every core has work already.

    The number of threads is the whole process's, so others that want this wait until it is over.
    """
    with _ALONE:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield
        finally:
            cv2.setNumThreads(threads)
