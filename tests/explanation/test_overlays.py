import numpy as np
import pytest

from cervix_tf.explanation import overlay


def test_overlay():
    picture = np.full((8, 8, 3), 200, "uint8")
    strength = np.zeros((8, 8))
    strength[0, 0] = 3.0
    found = overlay(picture, strength)
    assert found.dtype == np.uint8
    assert found[0, 0].astype(int).sum() > found[4, 4].astype(int).sum()
    assert (found[1:] == found[4, 4]).all()
    np.testing.assert_array_equal(overlay(picture, np.zeros((8, 8)))[4, 4], found[4, 4])


@pytest.mark.parametrize("grey", [0.0, 0.4, 1.0])
def test_the_larger_the_share_the_brighter(grey):
    """Whatever the photograph beneath, so that the sheet also reads without colour."""
    strip = overlay(np.full((1, 64, 3), 255 * grey, "uint8"), np.linspace(0, 1, 64)[None])
    luminance = strip[0] @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance) > -1.5).all(), "but for rounding"
    assert luminance[-1] > 220 > 160 > luminance[0]
