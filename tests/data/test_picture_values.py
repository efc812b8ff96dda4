import io

import numpy as np
import pytest
from PIL import Image

from cervix_tf.data.decoding import decode
from cervix_tf.data.picture_values import UnreadableError, marked, of_pillow, rgb

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


def test_what_lies_a_little_out_of_range_is_cut_off():
    assert rgb(np.array([[-5.0, 128.0, 270.0]]))[0, :, 0].tolist() == [0, 128, 255]
    assert rgb(np.array([[-0.02, 0.5, 1.02]]))[0, :, 0].tolist() == [0, 128, 255]
    assert rgb(np.array([[0, 257, 70000]]))[0, :, 0].tolist() == [0, 1, 255]
    assert rgb(np.array([[True, False]]))[0, :, 0].tolist() == [255, 0]
    assert rgb(np.array([[0.0, 60000.0]], np.float16))[0, :, 0].tolist() == [0, 234]
    assert not rgb(np.zeros((2, 2), np.float32)).any()


@pytest.mark.parametrize("form", ["TIFF", None])
@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0.0, 0.5, np.nan], "no numbers"),
        ([0.0, 0.5, np.inf], "no numbers"),
        ([-np.inf, 0.5, 1.0], "no numbers"),
        ([-1.0, 0.5, 1.0], "from -1 to 1 reach neither to 1 nor 255 nor 65535"),
        ([0.0, 0.5, 5.0], "from 0 to 5 reach"),
        ([0.0, 0.5, 300.0], "from 0 to 300 reach"),
        ([0.0, 0.5, 1e6], r"from 0 to 1e\+06 reach"),
        ([0, 7, 100_000], "from 0 to 100000 reach neither to 255 nor 65535"),
        ([0, 7, 4095], "from 0 to 4095 reach"),
        ([-100, 7, 255], "from -100 to 255 reach"),
    ],
)
def test_values_of_no_known_range_are_no_picture(values, reason, form):
    """Not one that is black or white all over, without a word."""
    values = np.array([values] * 3)
    values = values.astype(np.float32 if values.dtype.kind == "f" else np.int32)
    file = io.BytesIO()
    if form:
        Image.fromarray(values).save(file, form)
    with pytest.raises(UnreadableError, match=reason):
        decode(file.getvalue()) if form else rgb(values)


def test_a_mask_is_the_same_of_any_kind_of_number():
    mask = GREY > 40
    for values in (
        mask,
        mask * np.uint8(1),
        mask * np.uint16(300),
        mask * 1.0,
        mask * np.int64(65535),
    ):
        assert np.array_equal(marked(values), mask * np.uint8(255))
    shades = GREY.astype(np.uint16)
    assert np.array_equal(marked(shades) > 127, GREY > 127)
    assert np.array_equal(marked(shades / 255) > 127, GREY > 127)
    assert not marked(np.zeros((2, 2))).any()
    with pytest.raises(UnreadableError, match="no numbers"):
        marked(np.array([["a"]]))


def test_opacity_of_a_palette_is_left_out_without_a_warning(recwarn):
    picture = Image.fromarray(GREYS).quantize(16)
    plain = of_pillow(picture)
    picture.info["transparency"] = bytes(16)
    assert (of_pillow(picture) == plain).all()
    assert not recwarn
