"""What an audit keeps of every photograph: its measures, its signature and its small grey picture."""

import threading

import numpy as np

from cervix_tf.quality.appearance import FEATURES, MEASURES, Shrunk, measure, shrunk
from cervix_tf.quality.near_duplicates.signatures import SIDE, blank, compute_signatures

_TOGETHER = 24  # photographs measured at once


class Measurements:
    """The measurements of some photographs.

    Args:
        count: Photographs.

    Attributes:
        measures: float32 (count, len(MEASURES)), NaN for photographs not added.
        features: float32 (count, FEATURES).
        signatures: The signatures to compare photographs by.
        greys: uint8 (count, SIDE, SIDE), the small grey pictures: 4 kB a photograph, the rest 1.3 kB.
    """

    def __init__(self, count: int):
        self.measures = np.full((count, len(MEASURES)), np.nan, np.float32)
        self.features = np.zeros((count, FEATURES), np.float32)
        self.signatures = blank(count)
        self.greys = np.zeros((count, SIDE, SIDE), np.uint8)
        self._waiting: list[tuple[int, Shrunk]] = []
        self._mutex = threading.Lock()

    def add(self, row: int, square: np.ndarray) -> None:
        """Measure the square of a photograph, from any thread, now or when there are some more."""
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
        rows, pictures = ([*part] for part in zip(*waiting, strict=True))
        greys, self.measures[rows], self.features[rows] = measure(pictures)
        self.greys[rows] = greys
        for kept, new in zip(self.signatures, compute_signatures(greys), strict=True):
            kept[rows] = new
