import cv2
import numpy as np
import pytest

from cervix_tf.quality.near_duplicates import alignment as aligning
from cervix_tf.quality.near_duplicates.signatures import SIDE, TURNS, WINDOWS


def drawn(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (4 * SIDE, 4 * SIDE), "uint8")
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 9), None, 0, 255, cv2.NORM_MINMAX)


def small(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(np.ascontiguousarray(picture), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def same(one: np.ndarray, other: np.ndarray, way: int) -> bool:
    return bool(*aligning.same(one[None], other[None], np.array([way])))


@pytest.mark.parametrize("window", range(len(WINDOWS)))
def test_a_turned_window_is_the_same_and_another_picture_is_not(window):
    picture = drawn(window)
    side, across, down = WINDOWS[window]
    left, top = (round((0.5 + at - side / 2) * len(picture)) for at in (across, down))
    width = round(side * len(picture))
    shown = picture[top : top + width, left : left + width] * np.float32(0.8) + 20
    for turn, (transposed, upside_down, mirrored) in enumerate(TURNS):
        # What lays the other on the window undoes what was done to the window.
        part = shown[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
        part = small((part.T if transposed else part).astype(np.uint8))
        way = window * len(TURNS) + turn
        assert same(small(picture), part, way)
        assert not same(small(drawn(99)), part, way)


@pytest.mark.parametrize("degrees", [3, 5])
def test_what_lies_askew_is_aligned(degrees):
    picture = drawn(1)
    matrix = cv2.getRotationMatrix2D((2 * SIDE, 2 * SIDE), degrees, 1.03)
    askew = cv2.warpAffine(picture, matrix, picture.shape, borderMode=cv2.BORDER_REFLECT)
    assert same(small(picture), small(askew), 0)


def test_light_and_vignetting_do_not_matter():
    picture = drawn(2)
    distance = np.hypot(*np.indices(picture.shape) - 2 * SIDE) / (3 * SIDE)
    shaded = (picture * (0.9 - 0.5 * distance**2)).astype(np.uint8)
    assert same(small(picture), small(shaded), 0)
