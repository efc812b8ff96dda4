"""Which pairs of photographs may show the same, told from their signatures.

Every pair is compared, so the first comparison is the cheapest: how alike the low frequencies of the
whole of one picture and the whole or the central window of the other are, for all turns in products of
matrices. One real pair in a hundred passes. The hashes of these are compared, and of those that are near
each other all frequencies. Where pictures are very many, an index gives the pairs whose hashes are
compared.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cervix_tf.data.photographs import cores
from cervix_tf.quality.near_duplicates import neighbours
from cervix_tf.quality.near_duplicates.signatures import (
    BACK,
    CENTRAL,
    TURNS,
    WINDOWS,
    Signatures,
    every_turn,
    low_frequencies,
    turned_directions,
)

# Planted changes of the kinds promised in docs/audit.md come to 0.86 at least, 10 bits at most, and 0.9
# at least of the window that is most alike.
ALIKE_AT_ALL = (
    0.8  # product of the low frequencies of a whole and a central window or whole, at least
)
DISTANCE = 12  # bits in which the hashes of near-duplicates differ at most, of some window
ALIKE = 0.7  # product of the directions of that window and the whole, at least
ALIKE_AT_BEST = 0.86  # the same of the window that is most alike

_NEAR = 8  # bits within which a pair is always compared further, however many there are
BLOCK = (128, 64)  # of wholes: a product of matrices so small is left to the thread that asks
_LOOKED_UP = 512  # pictures that are looked up in the index at once
_HASHES = 2048  # pairs whose hashes are compared at once: they stay in a core's cache

# Rows a and b, such that a window of a shows what b shows turned; which (window * 8 + turn), how far
# apart their hashes are and how alike their directions.
PAIR = np.dtype([("a", "i4"), ("b", "i4"), ("way", "u1"), ("distance", "u1"), ("alike", "f4")])


def candidates(
    signatures: Signatures, rows: np.ndarray, max_pairs: int, gate: float = ALIKE_AT_ALL
) -> np.ndarray:
    """Find the pairs that may show the same.

    Args:
        signatures: The signatures of pictures.
        rows: int (N,), which of them to compare with each other.
        max_pairs: Pairs wanted at most within `DISTANCE`: with more, the distance is lowered until
            they are no more, but not below 8.
        gate: How alike the low frequencies have to be, where every pair is compared.

    Returns:
        `PAIR` (P,): pairs of places in `rows`, each pair once, the most alike first.
    """
    many = len(rows) >= neighbours.MANY and neighbours.installed()
    compare = LookedUp(signatures, rows) if many else _Comparison(signatures, rows, gate)
    counts, alike = np.zeros(65, int), np.empty(0, PAIR)
    starts = range(0, len(rows), compare.step)
    with ThreadPoolExecutor(cores()) as pool:
        kept = []
        for distances, pairs in pool.map(compare, starts):
            counts += distances
            while compare.limit > _NEAR and counts[: compare.limit + 1].sum() > max_pairs:
                compare.limit -= 2
            kept.append(pairs)
            if len(kept) >= 64:
                kept = [_within(kept, compare.limit)]
        if kept:
            alike = _within(kept, compare.limit)
    return ranked(alike)  # in an index, either of a pair may have found the other


def _within(parts: Iterable[np.ndarray], limit: int) -> np.ndarray:
    return np.concatenate([part[part["distance"] <= limit] for part in parts])


def ranked(pairs: np.ndarray) -> np.ndarray:
    """Keep each pair once, as it is most alike, and put the most alike first."""
    pairs = _once(pairs)
    return pairs[np.lexsort((pairs["b"], pairs["a"], -pairs["alike"]))]


def _once(pairs: np.ndarray) -> np.ndarray:
    """Keep each pair once, as it is most alike."""
    pairs = pairs[np.lexsort((-pairs["alike"], *np.sort([pairs["a"], pairs["b"]], axis=0)))]
    again = np.sort([pairs["a"], pairs["b"]], axis=0)
    return np.delete(pairs, 1 + np.flatnonzero((np.diff(again) == 0).all(axis=0)))


class _Pairs:
    """Decides by hashes and directions which pairs may show the same."""

    def __init__(self, signatures: Signatures, rows: np.ndarray):
        self.limit = DISTANCE
        self._signatures, self._rows = signatures, rows
        self._windows, self._turns = (
            np.ascontiguousarray(hashes[rows].T)
            for hashes in (signatures.windows, signatures.turns)
        )

    def _alike(self, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # A picture like its own mirror image is alike in more ways than one.
        pairs = _once(near)
        counts = np.bincount(pairs["distance"], minlength=65)
        best = self._best(pairs[pairs["alike"] >= ALIKE])
        return counts, best[best["alike"] >= ALIKE_AT_BEST]

    def _near(self, one: np.ndarray, other: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """Keep the pairs whose hashes are near each other, where one turned is like the other."""
        near = np.flatnonzero(self._least(one, other, turn) <= self.limit)
        ways = ((other, one, turn), (one, other, BACK[turn]))
        both = np.concatenate(
            [
                np.bitwise_count(self._windows[:, a[near]] ^ self._turns[turning[near], b[near]])
                for a, b, turning in ways
            ]
        )
        best = both.argmin(axis=0)
        back, window = np.divmod(best, len(WINDOWS))
        pairs = np.empty(len(near), PAIR)
        pairs["a"] = np.where(back, one[near], other[near])
        pairs["b"] = np.where(back, other[near], one[near])
        turn = np.where(back, BACK[turn[near]], turn[near])
        pairs["way"], pairs["distance"] = window * len(TURNS) + turn, both.min(axis=0)
        shown = _unit(self._directions(pairs["a"], window))
        whole = turned_directions(self._directions(pairs["b"], 0), turn)
        pairs["alike"] = np.vecdot(shown, _unit(whole))
        return pairs

    def _least(self, one: np.ndarray, other: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """Give the distance of the nearest hashes, of a window of either and the other's whole."""
        least = np.empty((2, len(one)), np.uint8)
        for start in range(0, len(one), _HASHES):
            part = slice(start, start + _HASHES)
            ways = ((other, one, turn[part]), (one, other, BACK[turn[part]]))
            for k, (a, b, turning) in enumerate(ways):
                hashes = np.take(self._windows, a[part], axis=1)
                hashes ^= self._turns[turning, b[part]]
                np.minimum.reduce(np.bitwise_count(hashes), axis=0, out=least[k, part])
        return least.min(axis=0)

    def _best(self, pairs: np.ndarray) -> np.ndarray:
        """Give the pairs by the window that is most alike: hashes, being short, often do not tell."""
        a, b, turn = pairs["a"], pairs["b"], pairs["way"] % len(TURNS)
        numbers = np.arange(len(pairs))
        for one, other, turning in ((a, b, turn), (b, a, BACK[turn])):
            shown = self._directions(one, slice(None)).astype(np.float32)
            whole = turned_directions(self._directions(other, 0), turning)
            window = np.vecdot(shown, whole[:, None]).argmax(axis=1)
            alike = np.vecdot(_unit(shown[numbers, window]), _unit(whole))
            better = alike > pairs["alike"]
            best = np.empty(len(pairs), PAIR)
            best["a"], best["b"], best["distance"] = one, other, pairs["distance"]
            best["way"], best["alike"] = window * len(TURNS) + turning, alike
            pairs = np.where(better, best, pairs)
        return pairs

    def _directions(self, positions: np.ndarray, window: int | slice | np.ndarray) -> np.ndarray:
        return self._signatures.directions[self._rows[positions], window]


class _Comparison(_Pairs):
    """Compares a few pictures with all that come after them."""

    step = BLOCK[0]

    def __init__(self, signatures: Signatures, rows: np.ndarray, gate: float):
        super().__init__(signatures, rows)
        self._gate = np.float32(gate)
        self._low = low_frequencies(signatures.directions[rows, :CENTRAL].swapaxes(0, 1))

    def __call__(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        """Count the pairs of each distance within the limit, and give those that are alike."""
        few = np.arange(first, min(first + BLOCK[0], len(self._rows)))
        few = low_frequencies(every_turn(self._directions(few, slice(CENTRAL))))
        whole, central = np.ascontiguousarray(few.transpose(1, 2, 0, 3))  # by turn
        passed = []
        for start in range(first, len(self._rows), BLOCK[1]):
            others, centrals = self._low[:, start : start + BLOCK[1]].swapaxes(1, 2)
            alike = whole @ others
            for more in (whole @ centrals, central @ others):
                np.maximum(alike, more, out=alike)
            turn, one, other = np.unravel_index(np.flatnonzero(alike >= self._gate), alike.shape)
            passed.append((one + first, other + start, turn))
        one, other, turn = np.concatenate(passed, axis=1)
        later = other > one  # each pair once
        return self._alike(self._near(one[later], other[later], turn[later]))


class LookedUp(_Pairs):
    """Compares a few pictures with those that an index gives."""

    step = _LOOKED_UP

    def __init__(self, signatures: Signatures, rows: np.ndarray):
        super().__init__(signatures, rows)
        self._neighbours = neighbours.Neighbours(signatures.directions, rows)

    def __call__(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        """Count the pairs of each distance within the limit, and give those that are alike."""
        few = np.arange(first, min(first + self.step, len(self._rows)))
        return self._alike(self._near(*self._neighbours(few)))


def _unit(directions: np.ndarray) -> np.ndarray:
    directions = directions.astype(np.float32)
    length = np.sqrt(np.vecdot(directions, directions))[..., None]
    return directions / np.maximum(length, 1)
