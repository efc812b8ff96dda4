import io
import resource
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cervix_tf.data.decoding import UnreadableError, decode, dimensions
from cervix_tf.data.picture_headers import declared_size, orientation_tag

SIDE = 65500


def encoded(form, **options):
    file = io.BytesIO()
    Image.fromarray(np.zeros((48, 64, 3), "uint8")).save(file, form, **options)
    return bytearray(file.getvalue())


def png(side, bits=8):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", 0)

    head = struct.pack(">IIBBBBB", side, side, bits, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99)))


def overwritten(data, at, pattern):
    struct.pack_into(pattern, data, at, SIDE, SIDE)
    return bytes(data)


def tiff():
    data = encoded("TIFF")
    (tags,) = struct.unpack_from("<I", data, 4)
    for entry in range(tags + 2, tags + 2 + 12 * data[tags], 12):
        if struct.unpack_from("<H", data, entry)[0] in (256, 257):  # width and height
            struct.pack_into("<HII", data, entry + 2, 4, 1, SIDE)
    return bytes(data)


def large():
    jpeg, avif, jp2 = encoded("JPEG"), encoded("AVIF"), encoded("JPEG2000")
    overwritten(jp2, jp2.index(b"\xff\x51") + 6, ">II")
    webp = encoded("WEBP", exif=Image.Exif().tobytes() + b"Exif\0\0II*\0\x08\0\0\0\0\0")
    webp[24:30] = (SIDE - 1).to_bytes(3, "little") * 2
    return {
        "PNG": png(SIDE),
        "JPEG": overwritten(jpeg, jpeg.index(b"\xff\xc0") + 5, ">HH"),
        "BMP": overwritten(encoded("BMP"), 18, "<ii"),
        "GIF": overwritten(encoded("GIF"), 6, "<HH"),
        "WebP": bytes(webp),
        "TIFF": tiff(),
        "AVIF": overwritten(avif, avif.index(b"ispe") + 8, ">II"),
        "JPEG 2000": overwritten(jp2, jp2.index(b"ihdr") + 4, ">II"),
        "PPM": b"P6 65500 65500 255\n" + bytes(99),
        "PAM": b"P7\nWIDTH 65500\nHEIGHT 65500\nDEPTH 3\nMAXVAL 255\nENDHDR\n" + bytes(99),
        "PFM": b"PF\n65500 65500\n-1.0\n" + bytes(99),
        "HDR": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 65500 +X 65500\n" + bytes(99),
    }


@pytest.mark.parametrize(("kind", "data"), large().items())
def test_too_many_pixels_are_refused_by_the_header_alone(kind, data):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (decode, dimensions):
        with pytest.raises(UnreadableError, match=f"^{SIDE} x {SIDE} pixels, over the limit of 2"):
            read(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000, "kB"


def test_dicom_and_heic_too_large_are_refused():
    heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    heif.from_pillow(Image.new("RGB", (64, 48))).save(file)
    heic = bytearray(file.getvalue())
    elements = [
        (0x0002, 0x0010, b"UI", b"1.2.840.10008.1.2.1\0"),
        (0x0028, 0x0010, b"US", struct.pack("<H", SIDE)),
        (0x0028, 0x0011, b"US", struct.pack("<H", SIDE)),
    ]
    dicom = (
        bytes(128)
        + b"DICM"
        + b"".join(
            struct.pack("<HH2sH", group, element, kind, len(value)) + value
            for group, element, kind, value in elements
        )
    )
    for data in (overwritten(heic, heic.index(b"ispe") + 8, ">II"), dicom):
        with pytest.raises(UnreadableError, match="65500 x 65500 pixels, over the limit"):
            decode(data)


def test_sizes_are_read_out_of_heads():
    assert declared_size(png(13000)) == (13000, 13000)  # 169 megapixels: Pillow would refuse more
    for form in ("PNG", "BMP", "GIF", "WEBP", "PPM", "AVIF", "TIFF"):
        assert declared_size(bytes(encoded(form))) == (48, 64), form
    assert declared_size(bytes(encoded("WEBP", lossless=True))) == (48, 64)
    for damaged in (b"", b"BM", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF0000WEBPVP8X", b"II*\0"):
        assert declared_size(damaged) is None
    for nothing in (b"", b"II", b"II*\0\x08\0\0\0", b"XX*\0\x08\0\0\0\0\0"):
        assert orientation_tag(nothing) == 1


def test_text_and_profiles_past_pillows_limits_are_no_obstacle():
    text = PngInfo()
    text.add_text("scene", "x" * 3_000_000, zip=True)
    data = bytes(encoded("PNG", pnginfo=text, icc_profile=bytes(3_000_000)))
    with pytest.raises(ValueError, match="MAX_TEXT_CHUNK"):
        Image.open(io.BytesIO(data))
    assert dimensions(data) == decode(data).shape[:2] == (48, 64)
