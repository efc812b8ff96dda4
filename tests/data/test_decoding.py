import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from cervix_tf.data.decoding import UnreadableError, decode, dimensions, orientation


def picture(height=96, width=128, seed=0):
    noise = np.random.default_rng(seed).normal(0, 60, (height // 16, width // 16, 3))
    smooth = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + 128, 0, 255).astype(np.uint8)


def encoded(image, form="JPEG", **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        file, form, **options
    )
    return file.getvalue()


def difference(one, other):
    assert one.shape == other.shape
    return np.abs(one.astype(float) - other).mean()


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("order", ["II", "MM"])
def test_every_exif_orientation_is_turned_upright(value, order):
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif[0x0112] = value
    exif.endian = "<" if order == "II" else ">"
    data = encoded(picture(), quality=95, exif=exif)
    assert orientation(data) == value
    with Image.open(io.BytesIO(data)) as file:
        expected = np.asarray(ImageOps.exif_transpose(file))
    assert difference(decode(data, 96), expected) < 1


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("value", [None, *range(1, 9)])
def test_dimensions_are_those_of_the_upright_photograph(form, value):
    options = {}
    if value and form != "BMP":
        options["exif"] = Image.Exif()
        options["exif"][0x0112] = value
    data = encoded(picture(), form, **options)
    assert dimensions(data) == decode(data, 96).shape[:2]


def test_dimensions_stand_in_the_head_of_a_file():
    whole = encoded(np.random.default_rng(0).integers(0, 256, (600, 800, 3), "uint8"))
    assert dimensions(whole[:5000]) == (600, 800)
    for data in (b"", b"no picture", whole[:30]):
        with pytest.raises(UnreadableError):
            dimensions(data)


@pytest.mark.parametrize(
    "tags",
    [b"", b"II*\0", b"XX*\0\x08\0\0\0", b"II*\0\xff\xff\xff\x7f", b"II*\0\x08\0\0\0\xff\xff"],
)
def test_damaged_exif_counts_as_upright(tags):
    data = encoded(picture())
    length = (8 + len(tags)).to_bytes(2, "big")
    data = data[:2] + b"\xff\xe1" + length + b"Exif\0\0" + tags + data[2:]
    assert orientation(data) == 1
    assert decode(data).shape[2] == 3


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("where", ["after bytes that fill", "after the tables", "before the scan"])
def test_an_exif_segment_is_found_wherever_it_stands(where, progressive):
    """As Pillow finds it, up to the first scan."""
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = encoded(picture(), quality=95, progressive=progressive)
    segment = b"\xff\xe1" + (len(exif.tobytes()) + 2).to_bytes(2, "big") + exif.tobytes()
    at = {"after the tables": plain.index(b"\xff\xc4"), "before the scan": plain.index(b"\xff\xda")}
    if where in at:
        data = plain[: at[where]] + segment + plain[at[where] :]
    else:
        data = plain[:2] + b"\xff\xff" + segment + plain[2:]
    with Image.open(io.BytesIO(data)) as file:
        expected = np.asarray(ImageOps.exif_transpose(file))
    assert expected.shape == (128, 96, 3)
    assert difference(decode(data, 96), expected) < 1
    assert dimensions(data) == (128, 96)
    late = plain[:-2] + segment + plain[-2:]  # within a scan it is none
    assert orientation(late) == orientation(plain) == orientation(data[:4]) == 1


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_of_every_kind(progressive, subsampling):
    image = picture()
    data = encoded(image, quality=95, progressive=progressive, subsampling=subsampling)
    assert difference(decode(data, 96), image) < 4


@pytest.mark.parametrize(
    ("size", "shape"), [(1, (48, 60)), (96, (96, 120)), (97, (144, 180)), (384, (384, 480))]
)
def test_smallest_scale_that_covers_is_chosen(size, shape):
    """1/8, 2/8, 3/8 and 8/8 of 384 x 480."""
    assert decode(encoded(picture(384, 480)), size).shape[:2] == shape


def test_grey_cmyk_png_bmp_and_sixteen_bits():
    image = picture()
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    assert difference(decode(encoded(grey, quality=95), 96), np.dstack([grey] * 3)) < 2
    cmyk = Image.fromarray(image).convert("CMYK")
    expected = np.asarray(cmyk.convert("RGB"))
    assert difference(decode(encoded(cmyk, quality=95), 96), expected) < 4
    for form in ("PNG", "BMP", "TIFF", "WEBP"):
        options = {"lossless": True} if form == "WEBP" else {}
        assert np.array_equal(decode(encoded(image, form, **options)), image), form
    clear = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    assert np.array_equal(decode(encoded(clear, "PNG")), image)
    deep = image.astype(np.uint16) * 257
    done, data = cv2.imencode(".png", deep[..., ::-1])
    assert done
    assert np.array_equal(decode(data.tobytes()), image)


def test_cmyk_without_adobe_marker_holds_ink():
    image = picture()
    inks = 255 - np.asarray(Image.fromarray(image).convert("CMYK"))  # Pillow inverts, as Adobe does
    data = encoded(Image.fromarray(inks, "CMYK"), quality=95)
    at = data.index(b"\xff\xee")
    data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    assert b"Adobe" not in data
    assert difference(decode(data, 96), image) < 5


WHOLE = encoded(picture(), quality=90)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", r"empty \(zero bytes\)"),
        (WHOLE[: len(WHOLE) // 2], "truncated"),
        (WHOLE[:-2], "truncated"),
        (WHOLE[:40], "JPEG"),
        (WHOLE[:2], "JPEG"),
        (b"This is a text and no photograph.\n", "not a picture"),
        (b"\x89PNG\r\n\x1a\n and nothing more", "not a picture|damaged"),
        (encoded(picture(), "PNG")[:200], "not a picture|damaged"),
    ],
    ids=["empty", "half", "no end", "head", "two bytes", "text", "png head", "half png"],
)
def test_unreadable_files_are_told_why(data, reason):
    with pytest.raises(UnreadableError, match=reason):
        decode(data, 64)


def test_damage_in_the_middle_is_noticed():
    data = bytearray(encoded(picture(480, 640), quality=95))
    middle = len(data) // 2
    data[middle : middle + 200] = b"\xff\xd9" * 100
    with pytest.raises(UnreadableError, match="JPEG"):
        decode(bytes(data), 64)


def test_padding_before_the_end_is_no_damage():
    """Some cameras fill the file up to a multiple of some size."""
    padded = WHOLE[:-2] + b"\0" * 300 + WHOLE[-2:]
    assert np.array_equal(decode(padded, 96), decode(WHOLE, 96))
