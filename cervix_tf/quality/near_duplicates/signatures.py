"""Signatures of small grey pictures: their lowest DCT coefficients, as hashes and as directions.

The hash is ImageHash's pHash, 64 bits of a discrete cosine transform. Two things are added. Each
photograph is hashed through several windows, because the hash of a photograph cropped by 5 % is
as far from the original's as a stranger's is, while the hash of one of the windows is not. And the
hashes of its mirror images and quarter turns follow from the same coefficients by sign and transposition,
so nothing is computed on pixels more than once.
"""

from typing import NamedTuple

import numpy as np

SIDE = 64  # of the grey pictures that are hashed
FREQUENCIES = 10  # a side of the block of frequencies, from the constant on
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
CENTRAL = 2  # the first of them, the whole and its middle, by which pictures are compared first
# (transposed, upside down, left to right): the eight ways to lay a square on itself.
TURNS = tuple((t, v, h) for t in (False, True) for v in (False, True) for h in (False, True))
# The turn that lays back what each of these has turned.
BACK = np.array([TURNS.index((t, h, v) if t else (t, v, h)) for t, v, h in TURNS])

_FLAT = 2.0  # grey levels: below that deviation a picture shows nothing to compare
_LOW = 5.5  # the highest frequency whose coefficients a crop of 5 % leaves nearly as they are

_FREQUENCY = np.hypot(*np.indices((FREQUENCIES, FREQUENCIES)))
_USED = (_FREQUENCY > 0.5) & (_FREQUENCY <= 9)
# Coefficients fall with the frequency: weighted so, every one says as much.
_WEIGHT = np.where(_USED, _FREQUENCY, 0).astype(np.float32)
_IS_LOW = _FREQUENCY[_USED] <= _LOW  # which numbers of a direction are of low frequencies
# The lowest frequencies change least when a picture is cropped: among the low they weigh more.
_LOW_WEIGHT = (_FREQUENCY[_USED] ** -0.5)[_IS_LOW].astype(np.float32)


class Signatures(NamedTuple):
    """What pictures are compared by, 1.2 kB each.

    Attributes:
        windows: uint64 (N, windows), the hash of what each window shows.
        turns: uint64 (N, 8), the hash of the whole under each of `TURNS`.
        directions: int8 (N, windows, D), 127 times the direction of each window's coefficients.
        plain: bool (N,), pictures that show nothing to compare.
    """

    windows: np.ndarray
    turns: np.ndarray
    directions: np.ndarray
    plain: np.ndarray


def blank(count: int) -> Signatures:
    """Make the signatures of as many plain pictures, to be filled in."""
    windows, turns = (np.zeros((count, len(kinds)), np.uint64) for kinds in (WINDOWS, TURNS))
    directions = np.zeros((count, len(WINDOWS), len(_IS_LOW)), np.int8)
    return Signatures(windows, turns, directions, np.ones(count, bool))


def compute_signatures(greys: np.ndarray) -> Signatures:
    """Compute the signatures of pictures.

    Args:
        greys: uint8 (N, SIDE, SIDE).

    Returns:
        Their signatures, in the same order.

    Example:
        >>> compute_signatures(np.zeros((5, 64, 64), "uint8")).plain
        array([ True,  True,  True,  True,  True])
    """
    coefficients = dct_coefficients(greys)
    whole = coefficients[:, 0]
    plain = np.linalg.norm(whole[:, _USED], axis=1) < _FLAT
    rounded = np.rint(127 * directions(coefficients)).astype(np.int8)
    return Signatures(hashes(coefficients), hashes(turned_coefficients(whole)), rounded, plain)


def dct_coefficients(greys: np.ndarray) -> np.ndarray:
    """Compute the lowest DCT coefficients of every window of pictures (N, SIDE, SIDE).

    Returns:
        float32 (N, windows, FREQUENCIES, FREQUENCIES), by frequency down and across.
    """
    across = halved(greys) @ _BASES.reshape(-1, SIDE // 2).T
    across = across.reshape(len(greys), SIDE // 2, len(_LINES), FREQUENCIES).swapaxes(1, 2)
    return _BASES[_DOWN] @ across[:, _ACROSS]


def halved(greys: np.ndarray) -> np.ndarray:
    """Average pictures (N, SIDE, SIDE) to half the size, enough for frequencies so low."""
    halves = greys[:, ::2].astype(np.float32) + greys[:, 1::2]
    return (halves[:, :, ::2] + halves[:, :, 1::2]) / 4


def turned_coefficients(coefficients: np.ndarray) -> np.ndarray:
    """Give the DCT coefficients (N, 8, ...) of the eight `TURNS` of pictures from theirs (N, ...)."""
    odd = np.where(np.arange(FREQUENCIES) % 2, -1, 1).astype(coefficients.dtype)
    turned = []
    for transposed, upside_down, mirrored in TURNS:
        one = coefficients.swapaxes(1, 2) if transposed else coefficients
        one = one * odd[:, None] if upside_down else one
        turned.append(one * odd if mirrored else one)
    return np.stack(turned, axis=1)


def hashes(coefficients: np.ndarray) -> np.ndarray:
    """Make hashes of 64 bits, each telling whether a coefficient is above the median, as pHash does.

    Args:
        coefficients: (..., FREQUENCIES, FREQUENCIES).

    Returns:
        uint64 (...), the most significant bit first.
    """
    low = coefficients[..., :BITS, :BITS].reshape(*coefficients.shape[:-2], BITS * BITS)
    middle = np.sort(low, axis=-1)[..., BITS * BITS // 2 - 1 : BITS * BITS // 2 + 1]
    above = low > middle.mean(axis=-1, keepdims=True)
    return np.packbits(above, axis=-1).view(">u8")[..., 0].astype(np.uint64)


def directions(coefficients: np.ndarray) -> np.ndarray:
    """Make unit vectors (..., D) of DCT coefficients, whose products say how alike two pictures are.

    They are 0 where the picture is flat. Brightness and contrast do not matter.
    """
    vectors = (coefficients * _WEIGHT)[..., _USED]
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-6)


def turned_directions(directions: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Turn the directions (..., D) of pictures by `TURNS[turn]`; the arguments are broadcast."""
    return np.take_along_axis(directions, _PLACES[turn], axis=-1) * _SIGNS[turn]


def every_turn(directions: np.ndarray) -> np.ndarray:
    """Turn the directions (..., D) of pictures by each of `TURNS`, (..., 8, D)."""
    return np.take(directions, _PLACES, axis=-1) * _SIGNS


def low_frequencies(directions: np.ndarray) -> np.ndarray:
    """Give unit vectors (..., L) of the low frequencies of directions; 0 where there are none."""
    vectors = directions[..., _IS_LOW] * _LOW_WEIGHT
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def basis(side: float, centre: float) -> np.ndarray:
    """Integrate cosines over each of P = SIDE / 2 pixels of a part of a line, (FREQUENCIES, P)."""
    start = 0.5 + centre - side / 2
    edges = np.clip((np.linspace(0, 1, SIDE // 2 + 1) - start) / side, 0, 1)
    frequency = np.arange(1, FREQUENCIES)[:, None]
    integral = np.concatenate(
        [edges[None], np.sin(np.pi * frequency * edges) / (np.pi * frequency)]
    )
    basis = np.diff(integral, axis=1)
    basis[1:] *= np.sqrt(2)
    return basis.astype(np.float32)


_LINES = sorted({(side, x) for side, x, _ in WINDOWS} | {(side, y) for side, _, y in WINDOWS})
_BASES = np.stack([basis(*line) for line in _LINES])
_ACROSS = [_LINES.index((side, x)) for side, x, _ in WINDOWS]
_DOWN = [_LINES.index((side, y)) for side, _, y in WINDOWS]

# Where each number of a turned direction stands in that of the picture itself, and its sign.
_NUMBERED = np.zeros((1, FREQUENCIES, FREQUENCIES))
_NUMBERED[0, _USED] = np.arange(1, len(_IS_LOW) + 1)
_TURNED = turned_coefficients(_NUMBERED)[0][:, _USED]
_PLACES, _SIGNS = abs(_TURNED).astype(int) - 1, np.sign(_TURNED).astype(np.float32)
