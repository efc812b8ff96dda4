import cv2
import numpy as np
import pytest

from cervix_tf.segmentation import plot_superpixels


@pytest.mark.parametrize("size", [(120, 160), (300, 100), (4, 9)])
def test_four_panels_are_drawn(tmp_path, size):
    image = np.full((*size, 3), (60, 70, 60), np.uint8)
    image[size[0] // 4 : -size[0] // 4, size[1] // 4 : -size[1] // 4] = (180, 110, 115)
    plot_superpixels(image, tmp_path / "figure.png", segments=20, space="lab")
    drawn = cv2.imread(str(tmp_path / "figure.png"))
    assert drawn.shape[1] == 1000
    for panel in np.array_split(drawn, 4, axis=1):
        assert panel.std() > 1
