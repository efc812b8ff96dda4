"""Whether two small grey pictures show the same: they are laid upon each other and their detail compared.

Evangelidis and Psarakis (2008), "Parametric image alignment using enhanced correlation coefficient
maximization": the affine map that makes the correlation greatest. Light and vignetting change little of
the detail, which is what is left without the broad shades.
"""

import cv2
import numpy as np

from cervix_tf.data.hashing import SIDE, TURNS, WINDOWS

# Planted changes of the kinds in docs/audit.md come to 0.93 at least; strangers among real and drawn
# photographs to 0.82.
SAME = 0.87  # correlation of the detail of near-duplicates when aligned, at least

_STEPS = 3  # of the search for the best map, at most: few pairs gain by more


def same(one: np.ndarray, other: np.ndarray, way: int) -> bool:
    """Tell whether a window of a picture shows what another shows, turned.

    Args:
        one: uint8 (SIDE, SIDE).
        other: uint8 (SIDE, SIDE).
        way: Which of `WINDOWS` of the one and which of `TURNS` of the other are most alike: 8 times
            the window's number and the turn's.

    Returns:
        Whether their detail is the same when they are aligned.

    Example:
        >>> same(grey, grey[:, ::-1], 1)
        True
    """
    window, turn = divmod(int(way), len(TURNS))
    side, across, down = WINDOWS[window]
    transposed, upside_down, mirrored = TURNS[turn]
    other = other.T if transposed else other
    other = other[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
    target, source = _detail(np.ascontiguousarray(other)), _detail(one)
    margin = (1 - side) * (SIDE - 1) / 2
    affine = np.array(
        [[side, 0, margin + across * SIDE], [0, side, margin + down * SIDE]], np.float32
    )
    # Most copies lie well enough as the window does.
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if cv2.computeECC(target, cv2.warpAffine(source, affine, (SIDE, SIDE), flags=flags)) >= SAME:
        return True
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _STEPS, 1e-3)
    try:
        # No mask, and no smoothing, for the detail is smooth.
        correlation, affine = cv2.findTransformECC(
            target, source, affine, cv2.MOTION_AFFINE, stop, None, 1
        )
    except cv2.error:  # it went astray: nothing of them overlaps
        return False
    # A picture squeezed into a corner of the other correlates with anything.
    return correlation >= SAME and 0.7 < abs(np.linalg.det(affine[:, :2])) < 1.4


def _detail(grey: np.ndarray) -> np.ndarray:
    grey = grey.astype(np.float32)
    return cv2.GaussianBlur(grey, (0, 0), 0.7) - cv2.GaussianBlur(grey, (0, 0), 6)
