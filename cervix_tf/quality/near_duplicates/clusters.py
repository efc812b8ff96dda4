"""Near-duplicates among photographs, from small grey pictures of them and their prints.

`candidates` tells from the prints which pairs may show the same. These are aligned, the most alike
first, and only that decides. Each step looks at a small part of what the one before looked at, and at
most at a number of pairs that grows as the photographs do; where more are alike, as drawn ones are,
the least alike are left out.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cervix_tf.data.photographs import cores
from cervix_tf.data.threads import opencv_alone, spread
from cervix_tf.quality.near_duplicates.alignment import same
from cervix_tf.quality.near_duplicates.candidates import candidates
from cervix_tf.quality.near_duplicates.signatures import Prints

_PAIRS = 50  # pairs a photograph whose waves are compared
_TOGETHER = 4  # pairs aligned by a thread at once
_LOOKS = 1  # pairs a photograph that are aligned in vain


def near_duplicates(prints: Prints, greys: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Put pictures into clusters of near-duplicates.

    Re-encoded, resized, slightly cropped, brightened, turned by quarters and mirrored pictures are
    found, and combinations of these. The order of the pictures does not matter, save where
    two pictures of the same waves compete for the last place among those looked at.

    Args:
        prints: The prints of pictures.
        greys: uint8 (M, SIDE, SIDE), the pictures: the squares of the photographs, grey, averaged
            over areas. Only those are looked at whose prints are alike.
        rows: int (N,), which of the pictures to compare.

    Returns:
        int (N,): pictures of the same number are near-duplicates, or linked by such.

    Example:
        >>> greys = np.stack([grey, np.rot90(grey), another])
        >>> near_duplicates(prints(greys), greys, np.arange(3))
        array([0, 0, 1])
    """
    seen = np.flatnonzero(~prints.plain[rows])
    if len(seen) < 2:
        return np.arange(len(rows))
    pairs = candidates(prints, rows[seen], _PAIRS * len(seen))
    one, other = seen[pairs["a"]], seen[pairs["b"]]
    cluster, joined = np.arange(len(rows)), np.zeros(len(pairs), bool)
    # As many at once as can be without aligning much that the others would have linked already.
    vain, step = 0, max(32 * cores(), len(seen) // 16)

    def look(few: np.ndarray) -> None:
        joined[few] = same(greys[rows[one[few]]], greys[rows[other[few]]], pairs["way"][few])

    with opencv_alone():
        for start in range(0, len(pairs), step):
            part = np.arange(start, min(start + step, len(pairs)))
            part = part[cluster[one[part]] != cluster[other[part]]]
            spread(look, (part[k : k + _TOGETHER] for k in range(0, len(part), _TOGETHER)))
            if joined[part].any():
                cluster = _numbered(one[joined], other[joined], len(rows))
            vain += int(np.sum(~joined[part]))
            if vain > _LOOKS * len(seen):
                break
    return cluster


def _numbered(one: np.ndarray, other: np.ndarray, count: int) -> np.ndarray:
    graph = coo_array((np.ones(len(one), bool), (one, other)), (count, count))
    return connected_components(graph, directed=False)[1]
