"""Which pairs of photographs may show the same, told from what waves they are made of.

Every pair is looked at, so the first look is the cheapest: of how alike the long waves of the two
pictures are as wholes, which a crop of 5 % hardly changes, for all turns in one product of matrices.
One real pair in twenty passes. The hashes of these are compared, through every window and turn, and
of those that are near each other all waves.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cervix_tf.data.hashing import BACK, LOW, TURNS, WINDOWS, Prints, laid
from cervix_tf.data.photographs import cores

# Planted changes of the kinds in docs/audit.md come to 0.71 at least, 10 bits at most and 0.92 at least.
ALIKE_AT_ALL = 0.6  # product of the directions of the low waves of the wholes, at least
DISTANCE = 14  # bits of 64 in which the hashes of near-duplicates differ at most
ALIKE = 0.8  # product of the directions of all waves of a window and a whole, at least

_NEAR = 8  # bits within which a pair is always looked at, however many there are
_BLOCK = (32, 256)  # of wholes: a product of matrices so small is left to the thread that asks
_HASHES = 512  # pairs whose hashes are compared at once: they stay in a core's cache
_PAIRS = 8 * _HASHES

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
        self._rows, self._shapes = rows, prints.shapes
        self._windows, self._turns = (
            np.ascontiguousarray(each[rows].T) for each in (prints.windows, prints.turns)
        )
        self._low = _unit(prints.shapes[rows, 0][:, LOW])

    def __call__(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        """How many pairs there are of each distance within the limit, and those that are alike."""
        own = np.where(LOW, self._shapes[self._rows[first : first + _BLOCK[0]], 0], 0)
        own = laid(_unit(own)[None], np.arange(len(TURNS))[:, None])[..., LOW]
        passed = []
        for start in range(first, len(self._rows), _BLOCK[1]):
            alike = (own @ self._low[start : start + _BLOCK[1]].T).max(axis=0)
            one, other = np.nonzero(alike >= self._gate)
            passed.append(np.stack([one + first, other + start]))
        one, other = np.concatenate(passed, axis=1)
        ahead = np.flatnonzero(one < other)
        counts, found = np.zeros(65, int), [np.empty(0, PAIR)]
        for start in range(0, len(ahead), _PAIRS):
            part = ahead[start : start + _PAIRS]
            pairs = self._near(one[part], other[part])
            counts += np.bincount(pairs["distance"], minlength=65)
            found.append(self._best(pairs[pairs["alike"] >= ALIKE]))
        return counts, np.concatenate(found)

    def _near(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Those pairs whose hashes are near each other."""
        limit = self.limit
        ways = ((one, other), (other, one))
        distances = np.stack([self._distance(a, b) for a, b in ways])
        near = np.flatnonzero(distances.min(axis=0) <= limit)
        side = distances[:, near].argmin(axis=0)
        a, b = (np.where(side, y[near], x[near]) for x, y in (ways[0], ways[1]))
        differ = np.bitwise_count(self._windows[:, None, a] ^ self._turns[None, :, b])
        differ = differ.reshape(len(WINDOWS) * len(TURNS), len(a))
        pairs = np.empty(len(a), PAIR)
        pairs["a"], pairs["b"] = a, b
        pairs["way"], pairs["distance"] = differ.argmin(axis=0), differ.min(axis=0)
        window, turn = np.divmod(pairs["way"], len(TURNS))
        shown = _unit(self._shapes[self._rows[a], window])
        pairs["alike"] = np.vecdot(shown, _unit(laid(self._shapes[self._rows[b], 0], turn)))
        return pairs

    def _best(self, pairs: np.ndarray) -> np.ndarray:
        """The same pairs by the window that is most alike: hashes, being short, often do not tell."""
        a, b, turn = pairs["a"], pairs["b"], pairs["way"] % len(TURNS)
        for one, other, laying in ((a, b, turn), (b, a, BACK[turn])):
            shown = _unit(self._shapes[self._rows[one]])
            whole = _unit(laid(self._shapes[self._rows[other], 0], laying))
            alike = np.vecdot(shown, whole[:, None])
            better = alike.max(axis=1) > pairs["alike"]
            best = np.empty(len(pairs), PAIR)
            best["a"], best["b"], best["distance"] = one, other, pairs["distance"]
            best["way"] = alike.argmax(axis=1) * len(TURNS) + laying
            best["alike"] = alike.max(axis=1)
            pairs = np.where(better, best, pairs)
        return pairs

    def _distance(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Bits between the nearest window of each a and turn of b."""
        best = np.empty(len(a), np.uint8)
        for start in range(0, len(a), _HASHES):
            part = slice(start, start + _HASHES)
            windows, turns = self._windows[:, a[part]], self._turns[:, b[part]]
            nearest = np.full(turns.shape, 64, np.uint8)
            differ, count = np.empty(turns.shape, np.uint64), np.empty(turns.shape, np.uint8)
            for window in windows:
                np.bitwise_xor(window, turns, out=differ)
                np.bitwise_count(differ, out=count)
                np.minimum(nearest, count, out=nearest)
            best[part] = nearest.min(axis=0)
        return best


def _unit(shapes: np.ndarray) -> np.ndarray:
    shapes = shapes.astype(np.float32)
    length = np.sqrt(np.vecdot(shapes, shapes))[..., None]
    return shapes / np.maximum(length, 1)
