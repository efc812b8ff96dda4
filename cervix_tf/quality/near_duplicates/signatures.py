"""Perceptual hashes: the few waves a small grey picture is made of, as bits and as numbers.

The hash is ImageHash's pHash, 64 bits of a discrete cosine transform. Two things are added. Each
photograph is hashed through several windows, because the hash of a photograph cropped by 5 % is
as far from the original's as a stranger's is, while the hash of one of the windows is not. And the
hashes of its mirror images and quarter turns follow from the same waves by sign and transposition,
so nothing is computed on pixels more than once.
"""

from typing import NamedTuple

import numpy as np

SIDE = 64  # of the grey pictures that are hashed
WAVES = 10  # a side of the block of frequencies, from the constant on
BITS = 8  # a side of the block that the 64 bits are taken from

# Windows as (side, across, down) in shares of the square's side, from its centre. They stand less
# than 2.5 % from every crop of at most 5 % a side, which is what the hash bears. The first two are
# central: `candidates` glances at these before the others.
WINDOWS = (
    (1.0, 0.0, 0.0),
    (0.9, 0.0, 0.0),
    *((0.95, x, y) for x in (-0.025, 0.025) for y in (-0.025, 0.025)),
    *((0.96, x, y) for x, y in ((-0.02, 0.0), (0.02, 0.0), (0.0, -0.02), (0.0, 0.02))),
    *((0.91, x, y) for x, y in ((-0.035, 0.0), (0.035, 0.0), (0.0, -0.035), (0.0, 0.035))),
)
# (transposed, upside down, left to right): the eight ways to lay a square on itself.
TURNS = tuple((t, v, h) for t in (False, True) for v in (False, True) for h in (False, True))
# The turn that lays back what each of these has turned.
BACK = np.array([TURNS.index((t, h, v) if t else (t, v, h)) for t, v, h in TURNS])

_FLAT = 2.0  # grey levels: below that deviation, a picture's waves show nothing to compare
_LOW = 5.5  # the highest frequency of the waves that a crop of 5 % leaves nearly as they are

_FREQUENCY = np.hypot(*np.indices((WAVES, WAVES)))
_USED = (_FREQUENCY > 0.5) & (_FREQUENCY <= 9)
# Pictures have less of a wave the shorter it is: weighted so, every wave says as much.
_WEIGHT = np.where(_USED, _FREQUENCY, 0).astype(np.float32)
_IS_LOW = _FREQUENCY[_USED] <= _LOW  # which numbers of a direction are of low waves
# The longest waves change least when a picture is cropped: of the low ones they weigh more than of all.
_LOW_WEIGHT = (_FREQUENCY[_USED] ** -0.5)[_IS_LOW].astype(np.float32)


class Prints(NamedTuple):
    """What is kept of pictures to compare them by: 1.2 kB each.

    Attributes:
        windows: uint64 (N, windows), the hash of what each window shows.
        turns: uint64 (N, 8), the hash of the whole under each of `TURNS`.
        shapes: int8 (N, windows, D), the direction of each window's waves, 127 times.
        plain: bool (N,), pictures that show nothing to compare.
    """

    windows: np.ndarray
    turns: np.ndarray
    shapes: np.ndarray
    plain: np.ndarray


def blank(count: int) -> Prints:
    """Make room for the prints of some pictures, all of them plain until they are filled in."""
    windows, turns = (np.zeros((count, len(each)), np.uint64) for each in (WINDOWS, TURNS))
    shapes = np.zeros((count, len(WINDOWS), len(_IS_LOW)), np.int8)
    return Prints(windows, turns, shapes, np.ones(count, bool))


def prints(greys: np.ndarray) -> Prints:
    """Take the prints of pictures.

    Args:
        greys: uint8 (N, SIDE, SIDE).

    Returns:
        Their prints, in the same order.

    Example:
        >>> prints(np.zeros((5, 64, 64), "uint8")).plain
        array([ True,  True,  True,  True,  True])
    """
    found = waves(greys)
    plain = np.linalg.norm(found[:, 0][:, _USED], axis=1) < _FLAT
    shapes = np.rint(127 * directions(found)).astype(np.int8)
    return Prints(bits(found), bits(turned(found[:, 0])), shapes, plain)


def waves(greys: np.ndarray) -> np.ndarray:
    """Transform grey pictures to the waves of every window.

    Args:
        greys: (N, SIDE, SIDE), any number type.

    Returns:
        float32 (N, windows, WAVES, WAVES): cosine coefficients, by frequency down and across.

    Example:
        >>> waves(np.zeros((5, 64, 64), "uint8")).shape
        (5, 14, 10, 10)
    """
    # Half the size is enough for waves so long.
    halves = greys[:, ::2].astype(np.float32) + greys[:, 1::2]
    halves = (halves[:, :, ::2] + halves[:, :, 1::2]) / 4
    across = halves @ _BASES.reshape(-1, SIDE // 2).T
    across = across.reshape(len(greys), SIDE // 2, len(_LINES), WAVES).swapaxes(1, 2)
    return _BASES[_DOWN] @ across[:, _ACROSS]


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
    middle = np.sort(low, axis=-1)[..., BITS * BITS // 2 - 1 : BITS * BITS // 2 + 1]
    above = low > middle.mean(axis=-1, keepdims=True)
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


def laid(shapes: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Turn the directions of pictures' waves.

    Args:
        shapes: (..., D), directions.
        turn: int (...), which of `TURNS`.

    Returns:
        float32 (..., D): the directions of the turned pictures; the arguments are broadcast.
    """
    return np.take_along_axis(shapes, _PLACES[turn], axis=-1) * _SIGNS[turn]


def low(shapes: np.ndarray) -> np.ndarray:
    """Give the directions of the low waves alone.

    Args:
        shapes: (..., D), directions of all waves, of any length.

    Returns:
        float32 (..., L), unit vectors; 0 where there are no low waves.
    """
    vectors = shapes[..., _IS_LOW] * _LOW_WEIGHT
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def _basis(side: float, centre: float) -> np.ndarray:
    """Waves over a part of a line of P = SIDE / 2 pixels, (WAVES, P): their integral over each."""
    start = 0.5 + centre - side / 2
    edges = np.clip((np.linspace(0, 1, SIDE // 2 + 1) - start) / side, 0, 1)
    wave = np.arange(1, WAVES)[:, None]
    integral = np.concatenate([edges[None], np.sin(np.pi * wave * edges) / (np.pi * wave)])
    basis = np.diff(integral, axis=1)
    basis[1:] *= np.sqrt(2)
    return basis.astype(np.float32)


_LINES = sorted({(side, x) for side, x, _ in WINDOWS} | {(side, y) for side, _, y in WINDOWS})
_BASES = np.stack([_basis(*line) for line in _LINES])
_ACROSS = [_LINES.index((side, x)) for side, x, _ in WINDOWS]
_DOWN = [_LINES.index((side, y)) for side, _, y in WINDOWS]

# Where each number of a turned direction stands in that of the picture itself, and its sign.
_NUMBERED = np.zeros((1, WAVES, WAVES))
_NUMBERED[0, _USED] = np.arange(1, len(_IS_LOW) + 1)
_TURNED = turned(_NUMBERED)[0][:, _USED]
_PLACES, _SIGNS = abs(_TURNED).astype(int) - 1, np.sign(_TURNED).astype(np.float32)
