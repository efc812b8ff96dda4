"""The pictures most alike by their low frequencies, from an inverted-file index (FAISS).

Johnson, Douze and Jegou (2019), "Billion-scale similarity search with GPUs": vectors are put into the
cells of a seeded k-means, and a query looks into the nearest cells alone. Stored is the whole of each
picture, in half precision; asked for are the whole and the central 90 % of it in the eight turns. One of
two views cropped by 5 % or less is nearly the central part of the other, or its whole: no altered copy in
benchmarks/many_duplicates.py was less alike than 0.9.
"""

import importlib.util
import warnings

import numpy as np

from cervix_tf.data.photographs import cores
from cervix_tf.quality.near_duplicates.signatures import (
    CENTRAL,
    TURNS,
    every_turn,
    low_frequencies,
)

MANY = 50_000  # photographs from which on an index finds the pairs to compare
NEIGHBOURS = 32  # of a window in a turn, at most
NEAR = 0.9  # product of the low frequencies of a window and a whole, at least

_CELLS = 4  # times the root of the number of vectors
_LOOKED_INTO = 16  # cells a query
_LEARNED_FROM = 64  # vectors a cell
_SECONDS = 3.8e-8  # of a core, times the square of the number: docs/appendix/audit.md
_NUMBERS = 32  # of a stored vector: 29 low frequencies, padded to what processors like


class Neighbours:
    """An index of pictures.

    Args:
        directions: int8 (N, windows, D), the directions of `Signatures`.
        rows: int (M,), which of them to store.
    """

    def __init__(self, directions: np.ndarray, rows: np.ndarray):
        import faiss

        self._faiss, self._directions, self._rows = faiss, directions, rows
        whole = _padded(low_frequencies(directions[rows, 0]))
        size, cells = whole.shape[1], _cells(len(rows))
        self._index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(size),
            size,
            cells,
            faiss.ScalarQuantizer.QT_fp16,
            faiss.METRIC_INNER_PRODUCT,
        )
        self._index.by_residual = False
        self._index.cp.seed, self._index.cp.niter, self._index.cp.spherical = 1, 10, True
        self._index.cp.max_points_per_centroid = _LEARNED_FROM
        self._index.cp.min_points_per_centroid = 1
        self._index.nprobe = _LOOKED_INTO
        self._index.train(whole)
        self._index.add(whole)

    def __call__(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find what is alike to some pictures, from any thread.

        Args:
            places: int (F,), places in `rows`.

        Returns:
            Places of pictures (P,), of neighbours (P,), and the turns of the former that are like the
            latter (P,): each of these once.
        """
        self._faiss.omp_set_num_threads(1)  # of this thread: the others search too
        shown = self._directions[self._rows[places], :CENTRAL]
        queries = _padded(low_frequencies(every_turn(shown)))
        alike, found = self._index.search(queries.reshape(-1, queries.shape[-1]), NEIGHBOURS)
        query, k = np.nonzero(alike >= NEAR)
        other = found[query, k]
        of, turn = query // (shown.shape[1] * len(TURNS)), query % len(TURNS)
        of, turn, other = (each[places[of] != other] for each in (of, turn, other))
        shape = (len(places), len(self._rows), len(TURNS))
        once = np.unique(np.ravel_multi_index((of, other, turn), shape))
        of, other, turn = np.unravel_index(once, shape)
        return places[of], other, turn


def installed() -> bool:
    """Tell whether FAISS is installed."""
    return importlib.util.find_spec("faiss") is not None


def warn_of_every_pair(count: int) -> None:
    """Warn where so many photographs are to be compared pair by pair, since FAISS is not installed."""
    if count < MANY or installed():
        return
    minutes = _SECONDS * count**2 / cores() / 60
    warnings.warn(
        f"{count:,} photographs are compared pair by pair to find near-duplicates, which takes about "
        f"{minutes:,.0f} minutes on {cores()} cores: pip install 'cervix-tf[scale]' for an index.",
        stacklevel=3,
    )


def bytes_of(count: int) -> int:
    """The bytes of an index of so many photographs: numbers in half precision, their place, the cells."""
    return count * (2 * _NUMBERS + 8) + 4 * _NUMBERS * _cells(count)


def _cells(count: int) -> int:
    return max(1, int(_CELLS * count**0.5))


def _padded(vectors: np.ndarray) -> np.ndarray:
    lacking = _NUMBERS - vectors.shape[-1]
    return np.pad(vectors, [(0, 0)] * (vectors.ndim - 1) + [(0, lacking)]).astype(np.float32)
