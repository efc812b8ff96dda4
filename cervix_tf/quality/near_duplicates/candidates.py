"""Which pairs of photographs may show the same, told from what waves they are made of.

Every pair is looked at, so the first look is the cheapest: of how alike the long waves of the two
pictures are as wholes, which a crop of 5 % changes little, for all turns in one product of matrices.
One real pair in three passes. The hashes of these are compared, through the central windows and then
through all, and of those that are near each other all waves.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cervix_tf.data.photographs import cores
from cervix_tf.quality.near_duplicates.signatures import BACK, TURNS, WINDOWS, Prints, laid, low

# Planted changes of the kinds promised in docs/audit.md come to 0.53 at least, 18 and 10 bits at most,
# and 0.9 at least of the window that is most alike.
ALIKE_AT_ALL = 0.5  # product of the directions of the low waves of the wholes, at least
GLANCE = 20  # bits of 64 in which hashes of the first windows, which are central, differ at most
DISTANCE = 12  # bits in which the hashes of near-duplicates differ at most, of some window
ALIKE = 0.7  # product of the directions of all waves of that window and the whole, at least
ALIKE_AT_BEST = 0.86  # the same of the window that is most alike

_CENTRAL = 2  # windows that are glanced at
_NEAR = 8  # bits within which a pair is always looked at, however many there are
_BLOCK = (64, 512)  # of wholes: a product of matrices so small is left to the thread that asks
_HASHES = 2048  # pairs whose hashes are compared at once: they stay in a core's cache

# Rows a and b, such that a window of a shows what b shows turned; which (window * 8 + turn), how far
# apart their hashes are and how alike their waves.
PAIR = np.dtype([("a", "i4"), ("b", "i4"), ("way", "u1"), ("distance", "u1"), ("alike", "f4")])


def candidates(
    prints: Prints, rows: np.ndarray, most: int, gate: float = ALIKE_AT_ALL
) -> np.ndarray:
    """Find the pairs that may show the same.

    Args:
        prints: The prints of pictures.
        rows: int (N,), which of them to compare with each other.
        most: Pairs wanted at most within `DISTANCE`: with more, the distance is lowered until they
            are no more, but not below 8.
        gate: How alike the low waves have to be.

    Returns:
        `PAIR` (P,): pairs of places in `rows`, each pair once, the most alike first.
    """
    look = _Look(prints, rows, gate)
    counts, found = np.zeros(65, int), np.empty(0, PAIR)
    starts = range(0, len(rows), _BLOCK[0])
    with ThreadPoolExecutor(cores()) as pool:
        kept = []
        for distances, pairs in pool.map(look, starts):
            counts += distances
            while look.limit > _NEAR and counts[: look.limit + 1].sum() > most:
                look.limit -= 2
            kept.append(pairs)
            if len(kept) >= 64:
                kept = [_within(kept, look.limit)]
        if kept:
            found = _within(kept, look.limit)
    return found[np.lexsort((found["b"], found["a"], -found["alike"]))]


def _within(parts: Iterable[np.ndarray], limit: int) -> np.ndarray:
    return np.concatenate([part[part["distance"] <= limit] for part in parts])


class _Look:
    """Looks at the pairs of a few pictures with all that come after them."""

    def __init__(self, prints: Prints, rows: np.ndarray, gate: float):
        self.limit, self._gate = DISTANCE, np.float32(gate)
        self._prints, self._rows = prints, rows
        self._windows, self._turns = (
            np.ascontiguousarray(each[rows].T) for each in (prints.windows, prints.turns)
        )
        self._low = low(prints.shapes[rows, 0])

    def __call__(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        """How many pairs there are of each distance within the limit, and those that are alike."""
        own = self._prints.shapes[self._rows[first : first + _BLOCK[0]], 0]
        own = low(laid(own[None], np.arange(len(TURNS))[:, None]))
        near = [np.empty(0, PAIR)]
        for start in range(first, len(self._rows), _BLOCK[1]):
            alike = own @ self._low[start : start + _BLOCK[1]].T
            passed = alike >= self._gate
            if start == first:
                passed = np.triu(passed, 1)  # each pair once
            turn, one, other = np.unravel_index(np.flatnonzero(passed), passed.shape)
            near.append(self._near(one + first, other + start, turn))
        pairs = np.concatenate(near)
        # A picture like its own mirror image is alike in more ways than one.
        pairs = pairs[np.lexsort((-pairs["alike"], *np.sort([pairs["a"], pairs["b"]], axis=0)))]
        again = np.sort([pairs["a"], pairs["b"]], axis=0)
        pairs = np.delete(pairs, 1 + np.flatnonzero((np.diff(again) == 0).all(axis=0)))
        counts = np.bincount(pairs["distance"], minlength=65)
        best = self._best(pairs[pairs["alike"] >= ALIKE])
        return counts, best[best["alike"] >= ALIKE_AT_BEST]

    def _near(self, one: np.ndarray, other: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """Those pairs whose hashes are near each other, where one turned looks like the other."""
        glanced = self._least(one, other, turn, slice(_CENTRAL)) <= GLANCE
        one, other, turn = one[glanced], other[glanced], turn[glanced]
        near = np.flatnonzero(self._least(one, other, turn, slice(None)) <= self.limit)
        ways = ((other, one, turn), (one, other, BACK[turn]))
        both = np.concatenate(
            [
                np.bitwise_count(self._windows[:, a[near]] ^ self._turns[laying[near], b[near]])
                for a, b, laying in ways
            ]
        )
        best = both.argmin(axis=0)
        back, window = np.divmod(best, len(WINDOWS))
        pairs = np.empty(len(near), PAIR)
        pairs["a"] = np.where(back, one[near], other[near])
        pairs["b"] = np.where(back, other[near], one[near])
        turn = np.where(back, BACK[turn[near]], turn[near])
        pairs["way"], pairs["distance"] = window * len(TURNS) + turn, both.min(axis=0)
        shown = _unit(self._shapes(pairs["a"], window))
        pairs["alike"] = np.vecdot(shown, _unit(laid(self._shapes(pairs["b"], 0), turn)))
        return pairs

    def _least(
        self, one: np.ndarray, other: np.ndarray, turn: np.ndarray, windows: slice
    ) -> np.ndarray:
        """The distance of the nearest hashes, of some windows of either and the other's whole."""
        least = np.empty((2, len(one)), np.uint8)
        for start in range(0, len(one), _HASHES):
            part = slice(start, start + _HASHES)
            ways = ((other, one, turn[part]), (one, other, BACK[turn[part]]))
            for k, (a, b, laying) in enumerate(ways):
                hashes = np.take(self._windows[windows], a[part], axis=1)
                hashes ^= self._turns[laying, b[part]]
                np.minimum.reduce(np.bitwise_count(hashes), axis=0, out=least[k, part])
        return least.min(axis=0)

    def _best(self, pairs: np.ndarray) -> np.ndarray:
        """The same pairs by the window that is most alike: hashes, being short, often do not tell."""
        a, b, turn = pairs["a"], pairs["b"], pairs["way"] % len(TURNS)
        every = np.arange(len(pairs))
        for one, other, laying in ((a, b, turn), (b, a, BACK[turn])):
            shown = self._shapes(one, slice(None)).astype(np.float32)
            whole = laid(self._shapes(other, 0), laying)
            window = np.vecdot(shown, whole[:, None]).argmax(axis=1)
            alike = np.vecdot(_unit(shown[every, window]), _unit(whole))
            better = alike > pairs["alike"]
            best = np.empty(len(pairs), PAIR)
            best["a"], best["b"], best["distance"] = one, other, pairs["distance"]
            best["way"], best["alike"] = window * len(TURNS) + laying, alike
            pairs = np.where(better, best, pairs)
        return pairs

    def _shapes(self, places: np.ndarray, window: int | slice | np.ndarray) -> np.ndarray:
        return self._prints.shapes[self._rows[places], window]


def _unit(shapes: np.ndarray) -> np.ndarray:
    shapes = shapes.astype(np.float32)
    length = np.sqrt(np.vecdot(shapes, shapes))[..., None]
    return shapes / np.maximum(length, 1)
