import numpy as np
import pytest
from PIL import Image

from cervix_tf.data.picture_values import of_pillow, rgb

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
GREYS = np.dstack([GREY] * 3)


@pytest.mark.parametrize(
    "values",
    [
        GREY,
        GREY[..., None],
        np.dstack([GREY, 255 - GREY]),
        np.dstack([GREYS, 255 - GREY]),
        GREY.astype(np.uint16) * 256 + 7,
        GREY.astype(np.int32),
        GREY.astype(np.int64) * 257,
        GREY.astype(np.float32),
        GREY / 255,
        GREY * 257.0,
    ],
)
def test_all_values_become_the_same_eight_bits(values):
    assert (rgb(values) == GREYS).all()


def test_what_lies_out_of_range_and_bits():
    assert rgb(np.array([[-5.0, 300.0, 70000.0]]))[0, :, 0].tolist() == [0, 1, 255]
    assert rgb(np.array([[True, False]]))[0, :, 0].tolist() == [255, 0]


def test_opacity_of_a_palette_is_left_out_without_a_warning(recwarn):
    picture = Image.fromarray(GREYS).quantize(16)
    plain = of_pillow(picture)
    picture.info["transparency"] = bytes(16)
    assert (of_pillow(picture) == plain).all()
    assert not recwarn
