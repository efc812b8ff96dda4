import io

import cv2
import numpy as np
import pytest
from PIL import Image

from cervix_tf.data.decoding import UnreadableError, decode
from cervix_tf.data.jpeg_headers import mended, odd_header

PICTURE = cv2.resize(
    np.random.default_rng(0).integers(0, 256, (6, 8, 3), "uint8"),
    (128, 96),
    interpolation=cv2.INTER_CUBIC,
)


def jpeg(**options):
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def scans_of_zeros(data):
    """As some phones write: Ss, Se and AhAl of every scan are zero."""
    data, at = bytearray(data), data.find(b"\xff\xda")
    while at >= 0:
        first = at + 5 + 2 * data[at + 4]
        data[first : first + 3] = b"\0\0\0"
        at = data.find(b"\xff\xda", at + 2)
    return bytes(data)


def in_three_scans():
    """A scan a colour, made out of three grey JPEGs of the same size."""
    greys = []
    for k in range(3):
        file = io.BytesIO()
        channel = np.ascontiguousarray(Image.fromarray(PICTURE).convert("YCbCr"))[..., k]
        Image.fromarray(channel).save(file, "JPEG", quality=90)
        greys.append(file.getvalue())
    frame, tables = (greys[0].index(mark) for mark in (b"\xff\xc0", b"\xff\xc4"))
    three = b"\xff\xc0\0\x11" + greys[0][frame + 4 : frame + 9] + b"\3\1\x11\0\2\x11\0\3\x11\0"
    scan = greys[0].index(b"\xff\xda")
    data = greys[0][:frame] + three + greys[0][tables:scan]
    for k, grey in enumerate(greys, 1):
        data += b"\xff\xda\0\x08\1" + bytes([k]) + b"\0\0\x3f\0" + grey[scan + 10 : -2]
    return data + b"\xff\xd9"


def with_adobe(code):
    data = jpeg()
    tables = data.index(b"\xff\xdb")  # what lies before is of JFIF
    return data[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([code]) + data[tables:]


def with_stray_bytes():
    data = jpeg()
    tables = data.index(b"\xff\xdb")
    return data[:tables] + b"stray\0" + data[tables:]


def odd_progressive():
    data = bytearray(jpeg(progressive=True))
    last = data.rindex(b"\xff\xda")  # refines the brightness by its last bit; now by the one before
    data[last + 7 + 2 * data[last + 4]] = 0x21
    return bytes(data)


ODD = {
    "zeros": scans_of_zeros(jpeg()),
    "zeros in three scans": scans_of_zeros(in_three_scans()),
    "Adobe": with_adobe(7),
    "JFIF 2": jpeg().replace(b"JFIF\0\x01", b"JFIF\0\x02"),
    "stray bytes": with_stray_bytes(),
    "progression": odd_progressive(),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_header_is_no_damage(name):
    """OpenCV reads it too, with a warning of libjpeg's that nobody sees."""
    assert odd_header(ODD[name])
    theirs = cv2.imdecode(np.frombuffer(ODD[name], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(decode(ODD[name], 96).astype(int) - theirs).mean() < 1
    assert mended(mended(ODD[name]) or ODD[name]) is None


@pytest.mark.parametrize("name", ODD)
def test_missing_data_is_damage_whatever_the_header(name):
    data = ODD[name]
    scan = data.rindex(b"\xff\xda") if name == "progression" else data.index(b"\xff\xda")
    for part in (data[:-2], data[: (scan + len(data)) // 2], data[: scan + 20]):
        with pytest.raises(UnreadableError, match="JPEG"):
            decode(part, 96)


def test_damage_after_an_odd_header_is_seen():
    data = bytearray(ODD["zeros"])
    middle = (data.index(b"\xff\xda") + len(data)) // 2
    data[middle : middle + 40] = b"\xff\xd4" * 20
    with pytest.raises(UnreadableError, match="truncated|damaged"):
        decode(bytes(data), 96)


def test_usual_headers_are_left_alone():
    for data in (jpeg(), jpeg(progressive=True), in_three_scans(), with_adobe(1), with_adobe(0)):
        assert not odd_header(data)
    fill = jpeg().replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1)
    for other in (
        fill,
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        jpeg()[:40],
        b"\xff\xd8" + bytes(9),
        b"text",
    ):
        assert not odd_header(other)
