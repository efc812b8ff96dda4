import cv2
import numpy as np
import pytest

from cervix_tf.segmentation import plot_superpixels

COLOURS = {"background": (60, 70, 60), "tissue": (180, 110, 115), "black": (0, 0, 0)}
FOUR = [{"background", "tissue"}, {"background", "tissue"}, {"black"}, {"tissue", "black"}]
# A picture too small to be segmented is one patch of its mean colour, and its mask is empty.
SMALL = [{"background", "tissue"}, set(), {"black"}, {"black"}]


def share(panel, colour):
    return np.mean(np.abs(panel.astype(int) - colour).max(axis=2) < 10)


@pytest.mark.parametrize(
    ("size", "expected"), [((120, 160), FOUR), ((300, 100), FOUR), ((4, 9), SMALL)]
)
def test_four_panels_are_drawn_in_their_order(tmp_path, size, expected):
    image = np.full((*size, 3), COLOURS["background"], np.uint8)
    image[size[0] // 4 : -size[0] // 4, size[1] // 4 : -size[1] // 4] = COLOURS["tissue"]
    plot_superpixels(image, tmp_path / "figure.png", segments=20, space="lab")
    drawn = cv2.imread(str(tmp_path / "figure.png"))[..., ::-1]
    assert drawn.shape[1] == 1000
    panels = np.array_split(drawn, 4, axis=1)
    found = [{name for name, c in COLOURS.items() if share(panel, c) > 0.05} for panel in panels]
    assert found == expected
    if expected is FOUR:
        photograph, patches, mask, result = (share(panel, (255, 255, 255)) for panel in panels)
        assert photograph + 0.02 < patches, "the patches have white outlines"
        assert mask == pytest.approx(result + share(panels[3], COLOURS["tissue"]), abs=0.03)
