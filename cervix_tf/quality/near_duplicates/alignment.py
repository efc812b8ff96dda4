"""Whether two small grey pictures show the same: they are laid upon each other and their detail compared.

Evangelidis and Psarakis (2008), "Parametric image alignment using enhanced correlation coefficient
maximization": the affine map that makes the correlation greatest. Light and vignetting change little of
the detail, which is what is left without the broad shades.
"""

import cv2
import numpy as np

from cervix_tf.quality.near_duplicates.signatures import SIDE, TURNS, WINDOWS

# Planted changes of the kinds promised in docs/audit.md come to 0.9 at least, strangers to 0.8.
SAME = 0.87  # correlation of the detail of near-duplicates when aligned, at least

_STEPS = 3  # of the search for the best map, at most: few pairs gain by more


def same(ones: np.ndarray, others: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Decide for pairs of pictures whether a window of the first shows what the second does, turned.

    Args:
        ones: uint8 (N, SIDE, SIDE).
        others: uint8 (N, SIDE, SIDE).
        ways: int (N,), which of `WINDOWS` of the one and which of `TURNS` of the other are most
            alike: 8 times the window's number and the turn's.

    Returns:
        bool (N,): whether their detail is the same when they are aligned.
    """
    windows, turns = np.divmod(ways, len(TURNS))
    targets, sources = _detail(others), _detail(ones)
    for k, turn in enumerate(turns):
        transposed, upside_down, mirrored = TURNS[turn]
        target = targets[k].T if transposed else targets[k]
        targets[k] = target[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
    # Most copies lie well enough as the window does.
    shown = _DOWN[windows] @ sources @ _ACROSS[windows].swapaxes(1, 2)
    alike = _correlations(shown, targets) >= SAME
    for pair in np.flatnonzero(~alike):
        near = _MAPS[windows[pair]]
        alike[pair] = _aligned(sources[pair], targets[pair], near) >= SAME
    return alike


def _detail(greys: np.ndarray) -> np.ndarray:
    greys = greys.astype(np.float32)
    return _FINE @ greys @ _FINE.T - _BROAD @ greys @ _BROAD.T


def _correlations(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    some, others = (details.reshape(len(details), -1) for details in (some, others))
    some, others = (details - details.mean(axis=1, keepdims=True) for details in (some, others))
    lengths = np.vecdot(some, some) * np.vecdot(others, others)
    return np.vecdot(some, others) / np.sqrt(np.maximum(lengths, 1e-6))


def _aligned(source: np.ndarray, target: np.ndarray, near: np.ndarray) -> float:
    """The correlation under the best map, sought from one near it; 0 where it is none of a copy."""
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _STEPS, 1e-3)
    try:
        # No mask, and no smoothing, for the detail is smooth.
        correlation, affine = cv2.findTransformECC(
            target, source, near.copy(), cv2.MOTION_AFFINE, stop, None, 1
        )
    except cv2.error:  # it went astray: nothing of them overlaps
        return 0
    # A picture squeezed into a corner of the other correlates with anything.
    return correlation if 0.7 < abs(np.linalg.det(affine[:, :2])) < 1.4 else 0


def _map(side: float, across: float, down: float) -> np.ndarray:
    """The affine map (2, 3) from the pixels of a window to those of the whole."""
    margin = (1 - side) * (SIDE - 1) / 2
    return np.array(
        [[side, 0, margin + across * SIDE], [0, side, margin + down * SIDE]], np.float32
    )


def _blur(sigma: float) -> np.ndarray:
    """What blurs the columns of a picture when multiplied from the left."""
    length = 2 * round(4 * sigma) + 1
    return cv2.GaussianBlur(np.eye(SIDE, dtype=np.float32), (1, length), sigma, sigmaY=sigma)


def stretch(side: float, start: float) -> np.ndarray:
    """What takes a part of the columns of a picture, stretched to their length."""
    matrix = np.array([[1, 0, 0], [0, side, start]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(np.eye(SIDE, dtype=np.float32), matrix, (SIDE, SIDE), flags=flags)


_FINE, _BROAD = _blur(0.7), _blur(6)
_MAPS = np.stack([_map(*window) for window in WINDOWS])
_ACROSS = np.stack([stretch(affine[0, 0], affine[0, 2]) for affine in _MAPS])
_DOWN = np.stack([stretch(affine[1, 1], affine[1, 2]) for affine in _MAPS])
