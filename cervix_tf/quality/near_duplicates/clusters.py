"""Near-duplicates among photographs, from small grey pictures of them and their signatures.

`candidates` tells from the signatures which pairs may show the same. These are aligned, the most alike
first, and only that decides. Each step compares a small part of what the one before compared, and at
most a number of pairs that grows as the photographs do; where more are alike, as drawn ones are, the
least alike are left out. Then, of photographs of different aspects, `squeezed` tells which pairs may
show the same frame, and these are aligned by it.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cervix_tf.data.photographs import cores
from cervix_tf.data.threads import opencv_alone, spread
from cervix_tf.quality.near_duplicates.alignment import same
from cervix_tf.quality.near_duplicates.candidates import candidates
from cervix_tf.quality.near_duplicates.frames import shared, squeezed
from cervix_tf.quality.near_duplicates.signatures import Signatures

_PAIRS = 50  # pairs a photograph whose directions are compared
_TOGETHER = 4  # pairs aligned by a thread at once
_UNLIKE = 1  # pairs a photograph that are aligned and found to differ, before it ends


def near_duplicates(
    signatures: Signatures, greys: np.ndarray, rows: np.ndarray, aspects: np.ndarray | None = None
) -> np.ndarray:
    """Put pictures into clusters of near-duplicates.

    Re-encoded, resized, slightly cropped, brightened, turned by quarters and mirrored pictures are
    found, and combinations of these; where aspects are given, copies squeezed to another aspect too. The
    order of the pictures does not matter, save where two equal pictures compete for the
    last place among those compared.

    Args:
        signatures: The signatures of pictures.
        greys: uint8 (M, SIDE, SIDE), the pictures: the squares of the photographs, grey, averaged
            over areas. Only those are aligned whose signatures are alike.
        rows: int (N,), which of the pictures to compare.
        aspects: float (M,), the width of each photograph by its height, by which copies squeezed to
            another aspect are found; None where all have one aspect.

    Returns:
        int (N,): pictures of the same number are near-duplicates, or linked by such.

    Example:
        >>> greys = np.stack([grey, np.rot90(grey), another])
        >>> near_duplicates(compute_signatures(greys), greys, np.arange(3))
        array([0, 0, 1])
    """
    seen = np.flatnonzero(~signatures.plain[rows])
    cluster = np.arange(len(rows))
    if len(seen) < 2:
        return cluster

    def lie_alike(pairs: np.ndarray) -> np.ndarray:
        a, b = rows[pairs["a"]], rows[pairs["b"]]
        return same(greys[a], greys[b], pairs["way"])

    pairs = candidates(signatures, rows[seen], _PAIRS * len(seen))
    cluster = _joined(cluster, _placed(pairs, seen), lie_alike, len(seen))
    if aspects is None:
        return cluster

    def share_a_frame(pairs: np.ndarray) -> np.ndarray:
        a, b = rows[pairs["a"]], rows[pairs["b"]]
        parts = shared(greys[a], greys[b], np.stack([aspects[a], aspects[b]], 1), pairs["way"])
        return same(*parts, pairs["way"])

    pairs = squeezed(greys, aspects, rows[seen], _PAIRS * len(seen))
    return _joined(cluster, _placed(pairs, seen), share_a_frame, len(seen))


def _placed(pairs: np.ndarray, places: np.ndarray) -> np.ndarray:
    for end in ("a", "b"):  # in steps: mypy takes seconds over fields of a record in one expression
        placed = places[pairs[end]]
        pairs[end] = placed
    return pairs


def _joined(
    cluster: np.ndarray, pairs: np.ndarray, decide: Callable[[np.ndarray], np.ndarray], count: int
) -> np.ndarray:
    """Join the clusters of pairs that are decided to be the same, among so many pictures."""
    before, joined, unlike = cluster, np.zeros(len(pairs), bool), 0
    a, b = pairs["a"], pairs["b"]
    one, other = before[a], before[b]
    # As many at once as can be without aligning much that the others would have linked already.
    step = max(32 * cores(), count // 16)

    def align(few: np.ndarray) -> None:
        joined[few] = decide(pairs[few])

    with opencv_alone():
        for start in range(0, len(pairs), step):
            part = np.arange(start, min(start + step, len(pairs)))
            ones, others = cluster[a[part]], cluster[b[part]]
            part = part[ones != others]
            spread(align, (part[k : k + _TOGETHER] for k in range(0, len(part), _TOGETHER)))
            if joined[part].any():
                cluster = linked(one[joined], other[joined], len(before))[before]
            unlike += int(np.sum(~joined[part]))
            if unlike > _UNLIKE * count:
                break
    return cluster


def linked(one: np.ndarray, other: np.ndarray, count: int) -> np.ndarray:
    """Number the connected parts of a graph of `count` nodes, given both ends of its edges."""
    graph = coo_array((np.ones(len(one), bool), (one, other)), (count, count))
    return connected_components(graph, directed=False)[1]
