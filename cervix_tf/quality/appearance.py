"""How a photograph looks: its sharpness and light, and whether it is green, brown, paper or strange.

Everything is measured on the prepared square, which is what a network sees of the photograph. The
limits lie between what the unaltered photographs of AnnoCerv and phantoms show and what those altered
on purpose show; docs/appendix/audit.md has the figures.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from scipy.spatial import KDTree

from cervix_tf.data import flags
from cervix_tf.data.photographs import cores

SIDE = 64  # of the small picture that colours are measured on

# As shares of pixels or of the range of values.
GREEN = 0.5  # pixels of which green is the strongest channel
BROWN = 0.11  # green less blue, as a part of all light: iodine takes the blue
BLURRED = 0.3  # sharpness below it
DARK = 0.25  # light of the brightest twentieth, below it
CLIPPED = 0.35  # pixels with a channel at its end
PAPER = 0.6  # bright pixels without colour
INK = 0.04  # pixels of thin dark strokes, where clipped tissue may look like paper
FAR = 3.0  # times the usual distance to the nearest others
FEWEST = 20  # photographs among which one can be far from all others
MANY, SAMPLE = 50_000, 10_000  # photographs from which on outliers are sought among fewer; how many

MEASURES = ("sharpness", "brightness", "green", "brown", "light", "clipped", "paper", "ink")
FEATURES = 14


class Shrunk(NamedTuple):
    """What is measured of a square, an eighth of its bytes.

    Attributes:
        across: uint8 (P / 8, P), every eighth row of the grey picture.
        down: uint8 (P / 8, P), every eighth column.
        small: uint8 (SIDE, SIDE), the grey picture, averaged over areas.
        colour: uint8 RGB (SIDE / 2, SIDE / 2, 3), one pixel of each area.
    """

    across: np.ndarray
    down: np.ndarray
    small: np.ndarray
    colour: np.ndarray


def shrunk(square: np.ndarray) -> Shrunk:
    """Take from a square what is measured of it, best while it is still in the processor's cache."""
    grey = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)
    across, down = grey[::8].copy(), cv2.transpose(grey[:, ::8].copy())
    # By halves, and colours by picking: OpenCV is far quicker at these.
    small = _halved(_halved(grey, 2 * SIDE), SIDE)
    colour = cv2.resize(square, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_NEAREST)
    return Shrunk(across, down, small, colour)


def measure(pictures: Sequence[Shrunk]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure the appearance of some photographs; a few at a time cost less than one by one.

    Args:
        pictures: N photographs, of squares of one size.

    Returns:
        Their small grey pictures, uint8 (N, SIDE, SIDE); their `MEASURES`, float32 (N, 8), each in
        [-1, 1]; and float32 (N, FEATURES) of colour and texture, by which `distances` tells how far
        a photograph is from others.
    """
    count = len(pictures)
    greys = np.stack([picture.small for picture in pictures])
    across = np.stack([picture.across for picture in pictures])
    down = np.stack([picture.down for picture in pictures])
    # Along the direction that is blurred more.
    sharp = np.minimum(sharpness(across), sharpness(down))
    # One picture below another, all are as one to OpenCV.
    colours = np.concatenate([picture.colour for picture in pictures])
    red, green, blue = planes = _planes(colours, count).astype(np.int16)
    light = (red + green + blue) // 3
    twentieth = light.shape[1] // 20
    # NumPy sorts 32 bits ten times as fast as 16.
    tails = np.sort(light.astype(np.int32), axis=1)[:, [twentieth, -twentieth]]
    pale = (abs(red - green) < 25) & (abs(green - blue) < 60) & (light > 110)
    paper = _share(pale)
    ink = np.zeros(count)
    for k in np.flatnonzero(paper > PAPER):
        lines = np.concatenate([across[k], down[k]])
        ink[k] = np.mean(cv2.morphologyEx(lines, cv2.MORPH_BLACKHAT, _STROKE) > 60)
    reds, greens, blues = planes.sum(axis=2, dtype=np.int64)
    measures = [
        sharp,
        greys.reshape(count, -1).sum(axis=1, dtype=np.int64) / (255 * SIDE**2),
        _share((green > red + 4) & (green > blue + 4)),
        (greens - blues) / np.maximum(reds + greens + blues, 1),
        tails[:, 1] / 255,
        _share(planes.max(axis=0) >= 250),
        paper,
        ink,
    ]
    lab = _planes(cv2.cvtColor(colours, cv2.COLOR_RGB2LAB), count)
    features = [*_colours(lab), *_steps(greys), *tails.T, 100 * sharp]
    return greys, _table(measures), _table(features)


def sharpness(lines: np.ndarray) -> np.ndarray:
    """Measure sharpness along lines of pictures, uint8 (N, L, P), from 0 to 1, as Crete et al. (2007).

    It is the part of the differences of neighbours that another blur takes away, whatever the contrast.
    """
    together = lines.reshape(-1, lines.shape[2])
    before = cv2.absdiff(together[:, 1:], together[:, :-1])[:, _BLUR // 2 : -(_BLUR // 2)]
    # Neighbours of a running mean differ by what enters it less what leaves, over its length.
    after = cv2.absdiff(together[:, _BLUR:], together[:, :-_BLUR])
    lost = cv2.subtract(before, cv2.convertScaleAbs(after, alpha=1 / _BLUR))
    lost, before = (
        cv2.reduce(diff, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).reshape(lines.shape[:2]).sum(axis=1)
        for diff in (lost, before)
    )
    return lost / np.maximum(before, 1)


def appearance_flags(measures: np.ndarray) -> dict[str, np.ndarray]:
    """Tell which photographs have each flag, bool (N,); what could not be measured (NaN) has none."""
    sharp, _, green, brown, light, clipped, paper, ink = measures.T
    text = (paper > PAPER) & ((clipped <= CLIPPED) | (ink > INK))
    return {
        flags.GREEN: green > GREEN,
        flags.IODINE: (brown > BROWN) & (green < GREEN / 2),
        flags.BLURRED: sharp < BLURRED,
        flags.DARK: light < DARK,
        flags.OVER_EXPOSED: (clipped > CLIPPED) & ~text,
        flags.TEXT: text,
    }


def distances(features: np.ndarray) -> np.ndarray:
    """Tell how far each photograph is from the others in colour and texture.

    Every feature is set beside its median and spread over all, so that few strange photographs do not
    change the measure, and the distance is that to the k-th nearest photograph, k growing as the root
    of their number: a handful of strange photographs do not hide each other. From `MANY` on they are
    compared with `SAMPLE` of them alone, evenly spaced.

    Args:
        features: float32 (N, FEATURES), as `measure` gives them, in an order that says nothing.

    Returns:
        float (N,): 1 is usual; above `FAR` nothing else looks like it. NaN for fewer than
        `FEWEST` photographs.
    """
    count = len(features)
    if count < FEWEST:
        return np.full(count, np.nan)
    middle = np.median(features, axis=0)
    low, high = np.percentile(features, [10, 90], axis=0)
    spread = np.maximum((high - low) / 2.56, 1e-3)  # a standard deviation, were they normal
    scaled = ((features - middle) / spread).astype(np.float64)
    others = scaled
    if count >= MANY:
        others = scaled[np.linspace(0, count - 1, SAMPLE).astype(int)]
    nearest = max(3, round(0.5 * len(others) ** 0.5))  # and the photograph itself, at 0
    far = KDTree(others).query(scaled, k=[nearest + 1], workers=cores())[0][:, 0]
    return far / max(float(np.median(far)), 1e-6)


def _table(columns: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack(columns, axis=1).astype(np.float32)


def _planes(pictures: np.ndarray, count: int) -> np.ndarray:
    """Channels of pictures below one another, (3, N, pixels)."""
    return np.stack(cv2.split(pictures)).reshape(3, count, -1)


def _share(which: np.ndarray) -> np.ndarray:
    return np.count_nonzero(which, axis=1) / which.shape[1]


def _colours(lab: np.ndarray) -> Iterator[np.ndarray]:
    """Mean and spread of each channel, and its centre against all: (N,) each."""
    side, quarter = SIDE // 2, SIDE // 8
    values = lab.astype(np.float32)
    mean = values.mean(axis=2)
    squares = np.vecdot(values, values) / values.shape[2]
    yield from mean
    yield from np.sqrt(np.maximum(squares - mean**2, 0))
    inner = values.reshape(3, -1, side, side)[..., quarter:-quarter, quarter:-quarter]
    yield from inner.mean(axis=(2, 3)) - mean


def _steps(greys: np.ndarray) -> Iterator[np.ndarray]:
    """How busy pictures are, from pixel to pixel and more widely: (N,) each."""
    values = greys.astype(np.int16)
    for k in (1, 4):
        yield abs(values[:, k:, k:] - values[:, :-k, :-k]).mean(axis=(1, 2), dtype=np.float32)


def _halved(picture: np.ndarray, width: int) -> np.ndarray:
    """Average over areas, to a width of which the picture's is twice as much or nearly so."""
    height = picture.shape[0] * width // picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


_BLUR = 9  # pixels: of the running mean that tells what is sharp
_STROKE = np.ones((1, 9), np.uint8)
