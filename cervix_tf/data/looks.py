"""How a photograph looks: its sharpness and light, and whether it is green, brown, paper or strange.

Everything is measured on the prepared square, which is what a network sees of the photograph. The
limits lie between what the unaltered photographs of AnnoCerv and phantoms show and what those altered
on purpose show; docs/audit.md has the figures.
"""

import cv2
import numpy as np

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


def measure(square: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure a photograph's looks.

    Args:
        square: uint8 RGB (P, P, 3), its prepared square.

    Returns:
        Its small grey picture, uint8 (SIDE, SIDE); its `MEASURES`, float32, each in [-1, 1]; and
        float32 (FEATURES,) of colour and texture, by which `distances` tells how far it is
        from others.

    Example:
        >>> grey, measures, features = measure(cx.data.read_square("1.jpg", 256))
    """
    small = cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey, large = (cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (small, square))
    tiny = cv2.resize(small, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
    red, green, blue = tiny.reshape(-1, 3).T.astype(np.int16)
    light = (red + green + blue) // 3
    tails = np.sort(light)[[light.size // 20, -light.size // 20]]
    pale = (abs(red - green) < 25) & (abs(green - blue) < 60) & (light > 110)
    paper = np.count_nonzero(pale) / light.size
    ink = 0.0
    if paper > PAPER:
        ink = np.mean(cv2.morphologyEx(large, cv2.MORPH_BLACKHAT, _STROKE) > 60)
    greens, reds, blues = int(green.sum()), int(red.sum()), int(blue.sum())
    measures = [
        sharpness(large),
        cv2.mean(grey)[0] / 255,
        np.count_nonzero((green > red + 4) & (green > blue + 4)) / light.size,
        (greens - blues) / max(reds + greens + blues, 1),
        tails[1] / 255,
        np.count_nonzero(tiny.max(axis=2) >= 250) / light.size,
        paper,
        ink,
    ]
    features = _features(small, [*tails, 100 * measures[0]])
    return grey, np.array(measures, np.float32), features


def sharpness(grey: np.ndarray) -> float:
    """Measure sharpness, whatever the contrast, as Crete et al. (2007).

    Args:
        grey: uint8 (H, W).

    Returns:
        0, blurred wholly or flat, to 1: the part of the differences of neighbours that another blur
        takes away, along the direction where that is less. Blurring changes little of a blur.
    """
    parts = []
    for across, kernel in ((True, (9, 1)), (False, (1, 9))):
        before, after = (
            cv2.absdiff(each[:, 1:], each[:, :-1]) if across else cv2.absdiff(each[1:], each[:-1])
            for each in (grey, cv2.blur(grey, kernel))
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
    squares = np.sum(scaled**2, axis=1)
    nearest = max(3, round(0.5 * count**0.5))  # and the photograph itself, at 0
    far = np.empty(count)
    for start in range(0, count, 256):
        part = slice(start, start + 256)
        apart = squares[part, None] + squares - 2 * scaled[part] @ scaled.T
        far[part] = np.sqrt(np.maximum(np.partition(apart, nearest, axis=1)[:, nearest], 0))
    return far / max(float(np.median(far)), 1e-6)


def _features(small: np.ndarray, others: list) -> np.ndarray:
    """Mean and spread of the colours, centre against all, how busy the picture is, and others."""
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    mean, deviation = (each.ravel() for each in cv2.meanStdDev(lab))
    quarter = SIDE // 4
    centre = np.array(cv2.mean(lab[quarter:-quarter, quarter:-quarter])[:3])
    steps = [cv2.mean(cv2.absdiff(lab[k:, k:], lab[:-k, :-k]))[0] for k in (1, 4)]
    return np.concatenate([mean, deviation, centre - mean, steps, others]).astype(np.float32)


_STROKE = np.ones((9, 9), np.uint8)
