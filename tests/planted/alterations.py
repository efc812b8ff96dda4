"""Changes planted in photographs to see which near-duplicates an audit finds; used by a test too."""

from collections.abc import Callable

import cv2
import numpy as np

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def resized(picture, scale):
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def cropped(picture, shares):
    """Cut shares of the height off above and below, and of the width left and right."""
    height, width = picture.shape[:2]
    top, bottom = (round(height * share) for share in shares[:2])
    left, right = (round(width * share) for share in shares[2:])
    return picture[top : height - bottom, left : width - right]


def brightened(picture, factor):
    return np.clip(picture * np.float32(factor), 0, 255).astype(np.uint8)


def turned(picture, number):
    """By quarters for 0 to 3; 4 to 7 are mirrored first."""
    return np.ascontiguousarray(np.rot90(picture[:, ::-1] if number > 3 else picture, number % 4))


def rotated(picture, degrees):
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


def encoded(picture, quality):
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1].tobytes()


def changed(change: Change, quality=90) -> Callable[[np.ndarray, np.random.Generator], bytes]:
    """A change, then JPEG of a quality, or of one drawn between two."""

    def make(picture, random):
        q = quality if isinstance(quality, int) else random.uniform(*quality)
        return encoded(change(picture, random), q)

    return make


def everything(picture, random):
    picture = cropped(picture, random.uniform(0, 0.05, 4))
    picture = brightened(turned(picture, random.integers(8)), random.uniform(0.85, 1.15))
    return resized(picture, random.uniform(0.25, 1))


def everything_at_most(picture, random):
    picture = cropped(picture, 0.05 * (random.random(4) < 0.6))
    return resized(
        brightened(turned(picture, random.integers(8)), random.choice([0.85, 1.15])), 0.25
    )


def squeezed(picture, change, random):
    """Divide the width or the height, so that the aspect changes by a factor of so much."""
    height, width = picture.shape[:2]
    across = random.random() < 0.5
    size = (round(width / change), height) if across else (width, round(height / change))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def squeezed_and_turned(picture, random):
    picture = brightened(turned(picture, random.integers(8)), random.uniform(0.85, 1.15))
    return resized(squeezed(picture, random.uniform(1.1, 1.5), random), random.uniform(0.25, 1))


def same(picture, random):
    return picture


PROMISED = {
    "JPEG quality 50 to 95": changed(same, (50, 95)),
    "25 to 100 % of the size": changed(lambda p, r: resized(p, r.uniform(0.25, 1))),
    "cropped by 0 to 5 % at each side": changed(lambda p, r: cropped(p, r.uniform(0, 0.05, 4))),
    "cropped by 5 % at one side": changed(lambda p, r: cropped(p, 0.05 * np.eye(4)[r.integers(4)])),
    "cropped by 5 % at all sides": changed(lambda p, r: cropped(p, [0.05] * 4)),
    "brightness -15 or +15 %": changed(lambda p, r: brightened(p, r.choice([0.85, 1.15]))),
    "turned by quarters": changed(lambda p, r: turned(p, r.integers(1, 4))),
    "mirrored, and turned": changed(lambda p, r: turned(p, r.integers(4, 8))),
    "all of these at once": changed(everything, (50, 95)),
    "all at once at their extremes": changed(everything_at_most, 50),
}
SQUEEZED = {
    f"aspect changed {change} times": changed(lambda p, r, change=change: squeezed(p, change, r))
    for change in (1.15, 1.2, 1.25, 1.33, 1.5)
}
SQUEEZED["1.1 to 1.5 times, all of these but cropped"] = changed(squeezed_and_turned, (50, 95))
BEYOND = {
    "JPEG quality 20": changed(same, 20),
    "15 % of the size": changed(lambda p, r: resized(p, 0.15)),
    "cropped by 8 % at one side": changed(lambda p, r: cropped(p, 0.08 * np.eye(4)[r.integers(4)])),
    "cropped by 7 % at all sides": changed(lambda p, r: cropped(p, [0.07] * 4)),
    "cropped by 0 to 10 % at each side": changed(lambda p, r: cropped(p, r.uniform(0, 0.1, 4))),
    "cropped by 10 % at all sides": changed(lambda p, r: cropped(p, [0.1] * 4)),
    "brightness -30 or +30 %": changed(lambda p, r: brightened(p, r.choice([0.7, 1.3]))),
    "gamma 0.6 or 1.6": changed(
        lambda p, r: (255 * (p / 255.0) ** r.choice([0.6, 1.6])).astype(np.uint8)
    ),
    "white balance, each channel -20 to +20 %": changed(
        lambda p, r: brightened(p, r.uniform(0.8, 1.2, 3))
    ),
    "grey": changed(lambda p, r: cv2.cvtColor(p, cv2.COLOR_BGR2GRAY)),
    "blurred by 1/150 of the height": changed(
        lambda p, r: cv2.GaussianBlur(p, (0, 0), p.shape[0] / 150)
    ),
    "noise of 12 grey levels": changed(
        lambda p, r: np.clip(p + r.normal(0, 12, p.shape), 0, 255).astype(np.uint8)
    ),
    "width 12 % more or less": changed(
        lambda p, r: cv2.resize(p, (int(p.shape[1] * r.choice([0.88, 1.12])), p.shape[0]))
    ),
    "rotated by 5 degrees": changed(lambda p, r: rotated(p, r.choice([-5, 5]))),
    "black frame of 4 %": changed(
        lambda p, r: cv2.copyMakeBorder(p, *[p.shape[0] // 25] * 4, cv2.BORDER_CONSTANT)
    ),
    "date stamped in a corner": changed(
        lambda p, r: cv2.putText(
            p.copy(),
            "2017-05-04 12:31",
            (p.shape[1] // 20, p.shape[0] * 19 // 20),
            cv2.FONT_HERSHEY_SIMPLEX,
            p.shape[1] / 600,
            (0, 200, 255),
            max(1, p.shape[1] // 200),
        )
    ),
    "aspect changed 1.78 times": changed(lambda p, r: squeezed(p, 1.78, r)),
    "aspect changed 1.1 to 1.5 times, all of these at once": changed(
        lambda p, r: squeezed(everything(p, r), r.uniform(1.1, 1.5), r), (50, 95)
    ),
}
