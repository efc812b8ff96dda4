"""What an audit keeps of every photograph: its looks, its prints, and on disk its small grey picture."""

import tempfile
import threading

import numpy as np

from cervix_tf.errors import UserError
from cervix_tf.quality.appearance import FEATURES, MEASURES, Shrunk, measure, shrunk
from cervix_tf.quality.near_duplicates.signatures import SIDE, Prints, blank, prints

_TOGETHER = 24  # photographs measured at once


class Measurements:
    """The measurements of some photographs; their small pictures are there until it is closed.

    Args:
        count: Photographs.

    Attributes:
        measures: float32 (count, len(MEASURES)), NaN for photographs not added.
        features: float32 (count, FEATURES).
        prints: The prints to compare photographs by.
        greys: uint8 (SIDE, SIDE) by row: an object that reads them from disk.
    """

    def __init__(self, count: int):
        self.measures = np.full((count, len(MEASURES)), np.nan, np.float32)
        self.features = np.zeros((count, FEATURES), np.float32)
        self.prints: Prints = blank(count)
        self.greys = _OnDisk(count)
        self._waiting: list[tuple[int, Shrunk]] = []
        self._mutex = threading.Lock()

    def __enter__(self) -> "Measurements":
        return self

    def __exit__(self, *_) -> None:
        self.greys.close()

    def add(self, row: int, square: np.ndarray) -> None:
        """Measure a photograph, from any thread, now or when there are some more.

        Args:
            row: Which one it is.
            square: uint8 RGB (P, P, 3), its prepared square.
        """
        small = shrunk(square)
        with self._mutex:
            self._waiting.append((row, small))
            if len(self._waiting) < _TOGETHER:
                return
            waiting, self._waiting = self._waiting, []
        self._measure(waiting)

    def finish(self) -> None:
        """Measure what still waits for more."""
        if self._waiting:
            self._measure(self._waiting)
        self._waiting = []

    def _measure(self, waiting: list[tuple[int, Shrunk]]) -> None:
        rows, pictures = ([*each] for each in zip(*waiting, strict=True))
        greys, self.measures[rows], self.features[rows] = measure(pictures)
        for kept, found in zip(self.prints, prints(greys), strict=True):
            kept[rows] = found
        self.greys.add(rows, greys)


class _OnDisk:
    """Small pictures in a file that is gone when it is closed: 4 kB each, and few are read again."""

    def __init__(self, count: int):
        self._mutex = threading.Lock()
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by `close`
        # One after another, as they come; to ask for one that never came is an error of `seek`.
        self._places, self._written = np.full(count, -1, np.int64), 0

    def add(self, rows: list[int], greys: np.ndarray) -> None:
        try:
            with self._mutex:
                self._places[rows] = self._written + np.arange(len(rows))
                self._file.seek(self._written * SIDE**2)
                written = self._file.write(greys.data)
                self._written += len(rows)
        except OSError as error:
            raise _no_room(str(error.strerror).lower()) from error
        if written != greys.nbytes:
            raise _no_room("the disk is full")

    def __getitem__(self, row: int) -> np.ndarray:
        with self._mutex:
            self._file.seek(int(self._places[row]) * SIDE**2)
            content = self._file.read(SIDE**2)
        return np.frombuffer(content, np.uint8).reshape(SIDE, SIDE)

    def close(self) -> None:
        self._file.close()


def _no_room(reason: str) -> UserError:
    return UserError(
        f"{tempfile.gettempdir()} cannot keep the audit's small pictures, 4 kB a photograph: {reason}; "
        "make room there, or name another folder in the environment variable TMPDIR."
    )
