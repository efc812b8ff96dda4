"""Copies squeezed to another aspect, such as a photograph of 4:3 resized to a square.

The square of a photograph holds a part of its frame that depends on the aspect, so that the squares of
such a pair show different parts. What all squares hold is the middle of the frame, 3/8 of its width and
height, for aspects up to 8:3; and by the frame, a squeezed copy shows the same there as its original. So
these middles are compared, of photographs of different aspects alone, by the lowest DCT coefficients.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cervix_tf.data.photographs import cores
from cervix_tf.quality.near_duplicates import neighbours
from cervix_tf.quality.near_duplicates.alignment import stretch
from cervix_tf.quality.near_duplicates.candidates import ALIKE, BLOCK, PAIR, ranked
from cervix_tf.quality.near_duplicates.signatures import (
    SIDE,
    TURNS,
    basis,
    directions,
    every_turn,
    halved,
    low_frequencies,
    turned_directions,
)

# Twice as much, 1.14, is found by the squares still.
SLIGHT = 1.07  # change of the aspect, at most, of photographs whose frames are not compared

_MIDDLE = 3 / 8  # of the frame's width and height: 16:9 changed 1.5 times is 8:3
_LOOKED_UP = 512  # frames that are looked up in the index at once
_TOGETHER = 2048  # frames whose coefficients are computed at once
_TRANSPOSED = np.array([transposed for transposed, _, _ in TURNS])


def squeezed(
    greys: np.ndarray, aspects: np.ndarray, rows: np.ndarray, max_pairs: int
) -> np.ndarray:
    """Find the pairs of different aspects that may show the same.

    Args:
        greys: uint8 (M, SIDE, SIDE), the pictures: the centred squares of photographs.
        aspects: float (M,), the width of each photograph by its height.
        rows: int (N,), which of the pictures to compare.
        max_pairs: Pairs wanted at most.

    Returns:
        `PAIR` (P,): pairs of places in `rows`, each pair once, the most alike first; `way` is
        the turn, `distance` is 0.
    """
    aspects = aspects[rows]
    wide = np.maximum(aspects, 1 / aspects)  # turning does not matter
    usual = np.sort(wide)[len(wide) // 2]
    # Of two photographs of different aspects one is not usual. These come first, and ask.
    unusual = np.maximum(wide / usual, usual / wide) > SLIGHT
    asking, order = int(unusual.sum()), np.argsort(~unusual, kind="stable")
    found = [np.empty(0, PAIR)]
    if asking:
        aspects = aspects[order]
        middles = frame_directions(greys, aspects, rows[order])
        many = len(rows) >= neighbours.MANY and neighbours.installed()
        search = _look_up if many else _compare
        for near in search(middles, asking):
            found.append(_alike(middles, aspects, *near))
            if sum(map(len, found)) > 2 * max_pairs:
                found = [ranked(np.concatenate(found))[:max_pairs]]
    pairs = ranked(np.concatenate(found))[:max_pairs]
    for end in ("a", "b"):  # in steps, for mypy's sake, as in `clusters`
        ordered = order[pairs[end]]
        pairs[end] = ordered
    return pairs


def frame_directions(greys: np.ndarray, aspects: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Compute the directions of the middles of photographs' frames.

    Args:
        greys: uint8 (M, SIDE, SIDE), the centred squares of photographs.
        aspects: float (N,), the width of each photograph chosen by its height.
        rows: int (N,), which of the pictures are chosen.

    Returns:
        int8 (N, D), 127 times the direction; 0 where the square does not hold the middle.
    """
    # Of the square's side, which is the shorter side of the frame.
    sides = np.round(_MIDDLE * np.maximum([aspects, 1 / aspects], 1), 3)
    held = sides.max(axis=0) < 1.01
    sides, number = np.unique(np.minimum(sides, 1), return_inverse=True)
    bases = np.stack([basis(side, 0) for side in sides])
    across, down = number.reshape(2, -1)
    found = []
    for start in range(0, len(rows), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        left, right = bases[down[part]], bases[across[part]].swapaxes(1, 2)
        seen = left @ halved(greys[rows[part]]) @ right
        found.append(np.rint(127 * directions(seen) * held[part, None]).astype(np.int8))
    return np.concatenate(found)


def shared(
    ones: np.ndarray, others: np.ndarray, aspects: np.ndarray, turns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cut pictures of pairs to what both squares hold of the frame, if the two frames show the same.

    Args:
        ones: uint8 (P, SIDE, SIDE), centred squares of photographs.
        others: uint8 (P, SIDE, SIDE), those that look like them when turned.
        aspects: float (P, 2), width by height of the one and of the other photograph.
        turns: int (P,), which of `TURNS` lays the other on the one.

    Returns:
        Both parts, stretched: float32 (P, SIDE, SIDE) each, the other not turned.
    """
    cut = np.empty((2, len(ones), SIDE, SIDE), np.float32)
    for k, turn in enumerate(turns):
        one, other = (np.minimum([1 / aspect, aspect], 1) for aspect in aspects[k])
        both = np.minimum(one, other[::-1] if _TRANSPOSED[turn] else other)
        cut[0, k] = _middle(ones[k], both / one)
        cut[1, k] = _middle(others[k], (both[::-1] if _TRANSPOSED[turn] else both) / other)
    return cut[0], cut[1]


def _middle(grey: np.ndarray, shares: np.ndarray) -> np.ndarray:
    across, down = (stretch(share, (1 - share) * (SIDE - 1) / 2) for share in shares)
    return down @ grey.astype(np.float32) @ across.T


def _compare(middles: np.ndarray, asking: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Compare the low frequencies of the first frames with all that come after."""
    low = low_frequencies(middles)

    def compare(first: int) -> tuple[np.ndarray, ...]:
        few = low_frequencies(every_turn(middles[first : min(first + BLOCK[0], asking)]))
        few, near = np.ascontiguousarray(few.swapaxes(0, 1)), []  # by turn
        for start in range(first, len(low), BLOCK[1]):
            passed = few @ low[start : start + BLOCK[1]].T >= np.float32(neighbours.NEAR)
            turn, one, other = np.unravel_index(np.flatnonzero(passed), passed.shape)
            near.append((other + start, one + first, turn))
        return tuple(np.concatenate(each) for each in zip(*near, strict=True))

    with ThreadPoolExecutor(cores()) as pool:
        yield from pool.map(compare, range(0, asking, BLOCK[0]))


def _look_up(middles: np.ndarray, asking: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Look the first frames up in an index of all."""
    index = neighbours.Neighbours(middles[:, None], np.arange(len(middles)))

    def look_up(first: int) -> tuple[np.ndarray, ...]:
        one, other, turn = index(np.arange(first, min(first + _LOOKED_UP, asking)))
        return other, one, turn

    with ThreadPoolExecutor(cores()) as pool:
        yield from pool.map(look_up, range(0, asking, _LOOKED_UP))


def _alike(
    middles: np.ndarray, aspects: np.ndarray, a: np.ndarray, b: np.ndarray, turn: np.ndarray
) -> np.ndarray:
    """Keep the pairs of different aspects whose frames, the latter turned, are alike."""
    turned = np.where(_TRANSPOSED[turn], 1 / aspects[b], aspects[b])
    changed = np.maximum(turned / aspects[a], aspects[a] / turned) > SLIGHT
    a, b, turn = a[changed], b[changed], turn[changed]
    one, other = middles[a].astype(np.float32), turned_directions(middles[b], turn)
    lengths = np.sqrt(np.vecdot(one, one) * np.vecdot(other, other))
    pairs = np.zeros(len(a), PAIR)
    pairs["a"], pairs["b"], pairs["way"] = a, b, turn
    pairs["alike"] = np.vecdot(one, other) / np.maximum(lengths, 1)
    return pairs[pairs["alike"] >= ALIKE]
