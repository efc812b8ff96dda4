"""Perceptual hashes: the few waves a small grey picture is made of, as bits and as numbers.

The hash is ImageHash's pHash, 64 bits of a discrete cosine transform. Two things are added. Each
photograph is hashed through several windows, because the hash of a photograph cropped by 5 % is
as far from the original's as a stranger's is, while the hash of one of the windows is not. And the
hashes of its mirror images and quarter turns follow from the same waves by sign and transposition,
so nothing is computed on pixels more than once: one product of matrices a photograph.
"""

import numpy as np

SIDE = 64  # of the grey pictures that are hashed
WAVES = 10  # a side of the block of frequencies, from the constant on
BITS = 8  # a side of the block that the 64 bits are taken from

# Windows as (side, across, down) in shares of the square's side, from its centre. They stand less
# than 2.5 % from every crop of at most 5 % a side, which is what the hash bears.
WINDOWS = (
    (1.0, 0.0, 0.0),
    (0.9, 0.0, 0.0),
    *((0.95, x, y) for x in (-0.025, 0.025) for y in (-0.025, 0.025)),
    *((0.96, x, y) for x, y in ((-0.02, 0.0), (0.02, 0.0), (0.0, -0.02), (0.0, 0.02))),
    *((0.91, x, y) for x, y in ((-0.035, 0.0), (0.035, 0.0), (0.0, -0.035), (0.0, 0.035))),
)
# (transposed, upside down, left to right): the eight ways to lay a square on itself.
TURNS = tuple((t, v, h) for t in (False, True) for v in (False, True) for h in (False, True))

_CHUNK = 128  # pictures transformed at once

_FREQUENCY = np.hypot(*np.indices((WAVES, WAVES)))
_USED = (_FREQUENCY > 0.5) & (_FREQUENCY <= 9)
# Pictures have less of a wave the shorter it is: weighted so, every wave says as much.
_WEIGHT = np.where(_USED, _FREQUENCY, 0).astype(np.float32)


def waves(grey: np.ndarray) -> np.ndarray:
    """Transform grey pictures to the waves of every window.

    Args:
        grey: (N, SIDE, SIDE), any number type.

    Returns:
        float32 (N, windows, WAVES, WAVES): cosine coefficients, by frequency down and across.

    Example:
        >>> waves(np.zeros((5, 64, 64), "uint8")).shape
        (5, 14, 10, 10)
    """
    every = _BASES.reshape(-1, SIDE)
    rows = [_LINES.index((side, down)) for side, _, down in WINDOWS]
    columns = [_LINES.index((side, across)) for side, across, _ in WINDOWS]
    result = np.empty((len(grey), len(WINDOWS), WAVES, WAVES), np.float32)
    for start in range(0, len(grey), _CHUNK):
        part = grey[start : start + _CHUNK].astype(np.float32)
        # Every row line with every column line: most are no window, and are let go at once.
        found = every @ (part @ every.T)
        found = found.reshape(len(part), len(_LINES), WAVES, len(_LINES), WAVES)
        result[start : start + _CHUNK] = found[:, rows, :, columns].swapaxes(0, 1)
    return result


def turned(found: np.ndarray) -> np.ndarray:
    """Give the waves of the eight turns and mirror images of pictures.

    Args:
        found: (N, WAVES, WAVES), the waves of one window.

    Returns:
        (N, 8, WAVES, WAVES), in the order of `TURNS`; the first is `found` itself.
    """
    odd = np.where(np.arange(WAVES) % 2, -1, 1).astype(found.dtype)
    every = []
    for transposed, upside_down, mirrored in TURNS:
        one = found.swapaxes(1, 2) if transposed else found
        one = one * odd[:, None] if upside_down else one
        every.append(one * odd if mirrored else one)
    return np.stack(every, axis=1)


def bits(found: np.ndarray) -> np.ndarray:
    """Make 64 bits of waves, each telling whether one is above the median, as pHash does.

    Args:
        found: (..., WAVES, WAVES).

    Returns:
        uint64 (...), the most significant bit first.

    Example:
        >>> np.bitwise_count(bits(a) ^ bits(b))  # the distance, 0 to 64
    """
    low = found[..., :BITS, :BITS].reshape(*found.shape[:-2], BITS * BITS)
    above = low > np.median(low, axis=-1, keepdims=True)
    return np.packbits(above, axis=-1).view(">u8")[..., 0].astype(np.uint64)


def directions(found: np.ndarray) -> np.ndarray:
    """Make unit vectors of waves, whose products say how alike two pictures are.

    Args:
        found: (..., WAVES, WAVES).

    Returns:
        float32 (..., D); 0 where there is no wave at all. Brightness and contrast do not matter.
    """
    vectors = (found * _WEIGHT)[..., _USED]
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-6)


def _basis(side: float, centre: float) -> np.ndarray:
    """Waves over a part of a line of SIDE pixels, (WAVES, SIDE): their integral over each pixel."""
    start = 0.5 + centre - side / 2
    edges = np.clip((np.arange(SIDE + 1) / SIDE - start) / side, 0, 1)
    wave = np.arange(1, WAVES)[:, None]
    integral = np.concatenate([edges[None], np.sin(np.pi * wave * edges) / (np.pi * wave)])
    basis = np.diff(integral, axis=1)
    basis[1:] *= np.sqrt(2)
    return basis.astype(np.float32)


_LINES = sorted({(side, x) for side, x, _ in WINDOWS} | {(side, y) for side, _, y in WINDOWS})
_BASES = np.stack([_basis(*line) for line in _LINES])
