"""How a photograph looks: its sharpness and light, and whether it is green, brown, paper or strange.

Everything is measured on the prepared square, which is what a network sees of the photograph. The
limits lie between what the unaltered photographs of AnnoCerv and phantoms show and what those altered
on purpose show; docs/audit.md has the figures.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.spatial import KDTree

from cervix_tf.data.photographs import cores

SIDE = 64  # of the small picture that colours are measured on

# As shares of pixels or of the range of values.
GREEN = 0.5  # pixels of which green is the strongest channel
BROWN = 0.1  # green less blue, as a part of all light: iodine takes the blue
BLURRED = 0.31  # sharpness below it
DARK = 0.25  # light of the brightest twentieth, below it
CLIPPED = 0.35  # pixels with a channel at its end
PAPER = 0.6  # bright pixels without colour
INK = 0.04  # pixels of thin dark strokes, where clipped tissue may look like paper
FAR = 3.0  # times the usual distance to the nearest others
FEWEST = 20  # photographs among which one can be far from all others

MEASURES = ("sharpness", "brightness", "green", "brown", "light", "clipped", "paper", "ink")
FEATURES = 14


def measure(squares: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure the looks of some photographs, a few at a time being cheaper than one by one.

    Args:
        squares: uint8 RGB (P, P, 3) each, their N prepared squares.

    Returns:
        Their small grey pictures, uint8 (N, SIDE, SIDE); their `MEASURES`, float32 (N, 8), each in
        [-1, 1]; and float32 (N, FEATURES) of colour and texture, by which `distances` tells how far
        a photograph is from others.

    Example:
        >>> greys, measures, features = measure([cx.data.read_square("1.jpg", 256)])
    """
    count = len(squares)
    large = [cv2.cvtColor(square, cv2.COLOR_RGB2GRAY) for square in squares]
    sharp = np.array([sharpness(grey) for grey in large])
    # By halves: OpenCV is far quicker at these. One picture below another, all are as one to it.
    small = np.concatenate([_halved(_halved(square, 2 * SIDE), SIDE) for square in squares])
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    tiny = _halved(small, SIDE // 2)
    red, green, blue = (each.reshape(count, -1).astype(np.int16) for each in cv2.split(tiny))
    light = (red + green + blue) // 3
    twentieth = light.shape[1] // 20
    tails = np.sort(light, axis=1)[:, [twentieth, -twentieth]]
    pale = (abs(red - green) < 25) & (abs(green - blue) < 60) & (light > 110)
    paper = pale.mean(axis=1)
    ink = np.zeros(count)
    for k in np.flatnonzero(paper > PAPER):
        ink[k] = np.mean(cv2.morphologyEx(large[k], cv2.MORPH_BLACKHAT, _STROKE) > 60)
    reds, greens, blues = (each.sum(axis=1, dtype=np.int64) for each in (red, green, blue))
    greys = grey.reshape(count, SIDE, SIDE)
    measures = [
        sharp,
        greys.mean(axis=(1, 2)) / 255,
        ((green > red + 4) & (green > blue + 4)).mean(axis=1),
        (greens - blues) / np.maximum(reds + greens + blues, 1),
        tails[:, 1] / 255,
        (np.maximum(np.maximum(red, green), blue) >= 250).mean(axis=1),
        paper,
        ink,
    ]
    lab = cv2.cvtColor(tiny, cv2.COLOR_RGB2LAB).reshape(count, SIDE // 2, SIDE // 2, 3)
    colour = np.array([_colour(*each) for each in zip(lab, greys, strict=True)])
    features = np.column_stack([colour, tails, 100 * sharp])
    return greys, np.column_stack(measures).astype(np.float32), features.astype(np.float32)


def sharpness(grey: np.ndarray) -> float:
    """Measure sharpness, whatever the contrast, as Crete et al. (2007), on every fourth line.

    Args:
        grey: uint8 (H, W).

    Returns:
        0, blurred wholly or flat, to 1: the part of the differences of neighbours that another blur
        takes away, along the direction where that is less. Blurring changes little of a blur.
    """
    parts = []
    for lines in (grey[::4], cv2.transpose(np.ascontiguousarray(grey[:, ::4]))):
        before, after = (
            cv2.absdiff(each[:, 1:], each[:, :-1]) for each in (lines, cv2.blur(lines, (9, 1)))
        )
        lost = cv2.sumElems(cv2.subtract(before, after))[0]
        parts.append(lost / max(cv2.sumElems(before)[0], 1))
    return min(parts)


def looks(measures: np.ndarray) -> dict[str, np.ndarray]:
    """Tell from the measures of photographs which of them look amiss.

    Args:
        measures: float32 (N, len(MEASURES)), as `measure` gives them.

    Returns:
        For each of the flags `green`, `iodine`, `blurred`, `dark`, `over-exposed` and `text`, a bool
        array (N,). What could not be measured (NaN) is not flagged.
    """
    sharp, _, green, brown, light, clipped, paper, ink = measures.T
    text = (paper > PAPER) & ((clipped <= CLIPPED) | (ink > INK))
    return {
        "green": green > GREEN,
        "iodine": (brown > BROWN) & (green < GREEN / 2),
        "blurred": sharp < BLURRED,
        "dark": light < DARK,
        "over-exposed": (clipped > CLIPPED) & ~text,
        "text": text,
    }


def distances(features: np.ndarray) -> np.ndarray:
    """Tell how far each photograph is from the others in colour and texture.

    Every feature is set beside its median and spread over all, so that few strange photographs do not
    change the measure, and the distance is that to the k-th nearest photograph, k growing as the root
    of their number: a handful of strange photographs do not hide each other.

    Args:
        features: float32 (N, FEATURES), as `measure` gives them.

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
    nearest = max(3, round(0.5 * count**0.5))  # and the photograph itself, at 0
    far = KDTree(scaled).query(scaled, k=[nearest + 1], workers=cores())[0][:, 0]
    return far / max(float(np.median(far)), 1e-6)


def _colour(lab: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Mean and spread of the colours, centre against all, and how busy the picture is."""
    mean, deviation = (each.ravel() for each in cv2.meanStdDev(lab))
    quarter = len(lab) // 4
    centre = np.array(cv2.mean(lab[quarter:-quarter, quarter:-quarter])[:3])
    steps = [cv2.mean(cv2.absdiff(grey[k:, k:], grey[:-k, :-k]))[0] for k in (1, 4)]
    return np.concatenate([mean, deviation, centre - mean, steps])


def _halved(picture: np.ndarray, width: int) -> np.ndarray:
    """Average over areas, to a width of which the picture's is twice as much or nearly so."""
    height = picture.shape[0] * width // picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


_STROKE = np.ones((9, 9), np.uint8)
