"""Near-duplicates among photographs, from small grey pictures of them, in three steps.

1. Every pair's hashes are compared, through every window and turn; distant pairs are passed over.
2. Of the rest the waves themselves are compared, which says more than their bits.
3. The alike are laid upon each other to a fraction of a pixel, turned, stretched and sheared as
   need be, and their detail is correlated. Only that decides.

Each step looks at a small part of what the one before looked at, and at most at a number of pairs
that grows as the photographs do; where more are alike, as drawn ones are, the least alike are left out.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import cv2
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cervix_tf.data.hashing import (
    SIDE,
    TURNS,
    WINDOWS,
    bits,
    directions,
    turned,
    waves,
)
from cervix_tf.data.photographs import cores

# Planted changes of the kinds in docs/audit.md come to 10 bits at most, 0.92 and 0.93 at least;
# strangers among real and drawn photographs to 0.82 in the last.
DISTANCE = 14  # bits of 64 in which the hashes of near-duplicates differ at most
ALIKE = 0.8  # product of the directions of their waves, at least
SAME = 0.87  # correlation of their detail when aligned, at least

_NEAR = 8  # bits within which a pair is always looked at, however many there are
_FLAT = 2.0  # standard deviation in grey levels below which a picture shows nothing to compare
_PAIRS = 50  # pairs a photograph that reach the second step
_LOOKS = 1  # pairs a photograph that are aligned in vain
_BLOCK = (8, 4096)  # pairs compared at once: what is computed of them stays in a core's cache


def near_duplicates(greys: np.ndarray) -> np.ndarray:
    """Put pictures into clusters of near-duplicates.

    Re-encoded, resized, slightly cropped, brightened, turned by quarters and mirrored pictures are
    found, and combinations of these. The order of the pictures does not matter, save where
    two pictures of the same waves compete for the last place among those looked at.

    Args:
        greys: uint8 (N, SIDE, SIDE): the squares of the photographs, grey, averaged over areas.

    Returns:
        int (N,): pictures of the same number are near-duplicates, or linked by such.

    Example:
        >>> near_duplicates(np.stack([grey, np.rot90(grey), another]))
        array([0, 0, 1])
    """
    count = len(greys)
    clusters = np.arange(count)
    seen = np.flatnonzero([grey.std() >= _FLAT for grey in greys])
    if len(seen) < 2:
        return clusters
    found = waves(greys[seen])
    parts = [slice(start, start + 256) for start in range(0, len(found), 256)]
    windows = np.concatenate([bits(found[part]) for part in parts])
    turns = np.concatenate([bits(turned(found[part, 0])) for part in parts])
    pairs = close_pairs(windows, turns, DISTANCE, _PAIRS * len(seen))
    pairs, how = _alike(found, windows, turns, pairs)
    return _numbered(seen[_aligned(greys[seen], pairs, how)], count)


def close_pairs(windows: np.ndarray, turns: np.ndarray, distance: int, most: int) -> np.ndarray:
    """Find the pairs of pictures of which a window's hash is near a turned whole's.

    All pairs are compared, in blocks that fit into a core's cache, so memory is flat.

    Args:
        windows: uint64 (N, W), the hashes of the windows of each picture.
        turns: uint64 (N, T), the hashes of each whole picture under the turns.
        distance: Bits that may differ, 0 to 64.
        most: Pairs wanted at most: with more, the distance is lowered until they are no more, but
            not below 8.

    Returns:
        int (P, 2): pairs of rows, the lower first, each once, in ascending order.
    """
    count = len(windows)
    limit = [distance]
    by_window, by_turn = np.ascontiguousarray(windows.T), np.ascontiguousarray(turns.T)

    def look(first: int) -> np.ndarray:
        own = by_window[:, first : first + _BLOCK[0], None]
        parts = []
        for start in range(0, count, _BLOCK[1]):
            others = by_turn[:, start : start + _BLOCK[1]]
            best = np.full((own.shape[1], others.shape[1]), 64, np.uint8)
            differ, bit_count = np.empty(best.shape, np.uint64), np.empty(best.shape, np.uint8)
            for window, turn in product(own, others):
                np.bitwise_xor(window, turn, out=differ)
                np.bitwise_count(differ, out=bit_count)
                np.minimum(best, bit_count, out=best)
            row, column = np.nonzero(best <= limit[0])
            parts.append(np.stack([row + first, column + start, best[row, column]], axis=1))
        every = np.concatenate(parts).astype(np.int32)
        return every[every[:, 0] != every[:, 1]]

    kept = np.empty((0, 3), np.int32)
    with ThreadPoolExecutor(cores()) as pool:
        for found in pool.map(look, range(0, count, _BLOCK[0])):
            kept = np.concatenate([kept, found]) if len(found) else kept
            # Each pair comes up at most twice, as (a, b) and as (b, a).
            while len(kept) > 2 * most and limit[0] > _NEAR:
                limit[0] -= 2
                kept = kept[kept[:, 2] <= limit[0]]
    kept = kept[kept[:, 2] <= limit[0]]
    return np.unique(np.sort(kept[:, :2], axis=1), axis=0)


def _alike(
    found: np.ndarray, windows: np.ndarray, turns: np.ndarray, pairs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs whose waves are alike, the most alike first, with their nearest window and turn.

    A pair (a, b) comes back such that a window of a shows what the whole of b shows, turned.
    """
    chosen, values, ways = [np.empty((0, 2), int)], [np.empty(0)], [np.empty(0, int)]
    for start in range(0, len(pairs), 1024):
        part = pairs[start : start + 1024]
        both = np.stack([part, part[:, ::-1]])
        differ = np.bitwise_count(windows[both[..., 0], :, None] ^ turns[both[..., 1], None, :])
        differ = differ.reshape(2, len(part), -1)
        side = differ.min(axis=2).argmin(axis=0)
        rows = np.arange(len(part))
        both, way = both[side, rows], differ[side, rows].argmin(axis=1)
        window, turn = np.divmod(way, turns.shape[1])
        whole = turned(found[both[:, 1], 0])[rows, turn]
        alike = np.vecdot(directions(found[both[:, 0], window]), directions(whole))
        good = alike >= ALIKE
        chosen.append(both[good])
        values.append(alike[good])
        ways.append(way[good])
    every, value, way = np.concatenate(chosen), np.concatenate(values), np.concatenate(ways)
    order = np.lexsort((*every.T, -value))
    return every[order], way[order]


def _aligned(greys: np.ndarray, pairs: np.ndarray, how: np.ndarray) -> np.ndarray:
    """The pairs that prove the same when aligned; those already linked by others are skipped."""
    details = _Details(greys)
    joined = np.empty((0, 2), int)
    cluster = np.arange(len(greys))
    vain, step = 0, 16 * cores()
    with ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(pairs), step):
            rows = np.arange(start, min(start + step, len(pairs)))
            rows = rows[cluster[pairs[rows, 0]] != cluster[pairs[rows, 1]]]
            if not len(rows):
                continue
            same = np.array([*pool.map(lambda k: details.same(pairs[k], how[k]), rows)])
            if same.any():
                joined = np.concatenate([joined, pairs[rows[same]]])
                cluster = _numbered(joined, len(greys))
            vain += int(np.sum(~same))
            if vain > _LOOKS * len(greys):
                break
    return joined


class _Details:
    """Compares pictures by their detail, which light and vignetting do not change."""

    def __init__(self, greys: np.ndarray):
        self._greys = greys

    def _detail(self, row: int) -> np.ndarray:
        grey = self._greys[row].astype(np.float32)
        return cv2.GaussianBlur(grey, (0, 0), 0.7) - cv2.GaussianBlur(grey, (0, 0), 6)

    def same(self, pair: np.ndarray, how: np.ndarray) -> bool:
        """Align the turned b to a window of a and correlate, as Evangelidis and Psarakis (2008)."""
        (a, b), (window, turn) = pair, divmod(int(how), len(TURNS))
        side, across, down = WINDOWS[window]
        transposed, upside_down, mirrored = TURNS[turn]
        other = self._detail(b)
        other = other.T if transposed else other
        other = other[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
        margin = (1 - side) * (SIDE - 1) / 2
        start = np.array(
            [[side, 0, margin + across * SIDE], [0, side, margin + down * SIDE]], np.float32
        )
        stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 20, 1e-3)
        try:
            correlation, affine = cv2.findTransformECC(
                np.ascontiguousarray(other),
                self._detail(a),
                start,
                cv2.MOTION_AFFINE,
                stop,
                None,  # no mask
                1,  # no smoothing: the detail is smooth
            )
        except cv2.error:  # it went astray: nothing of them overlaps
            return False
        # A picture squeezed into a corner of the other correlates with anything.
        return correlation >= SAME and 0.7 < abs(np.linalg.det(affine[:, :2])) < 1.4


def _numbered(pairs: np.ndarray, count: int) -> np.ndarray:
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (count, count))
    return connected_components(graph, directed=False)[1]
