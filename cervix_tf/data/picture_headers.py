"""Height and width out of the header of a picture, without decoding it or making room for it."""

import io
import re
import struct
from collections.abc import Iterator

from PIL import Image

from cervix_tf.data.picture_formats import other_size, picture_kind

_TEXTS = (
    rb"#\?R[^\n]*\n(?:[^\n]+\n)*\n[-+]Y (?P<h>\d+) [-+]X (?P<w>\d+)\n",  # Radiance HDR
    rb"P7\n(?:[^\n]*\n)*?WIDTH (?P<w>\d+)\nHEIGHT (?P<h>\d+)\n",
    rb"PF\s+(?P<w>\d+)\s+(?P<h>\d+)\s",
)


def declared_size(data: bytes) -> tuple[int, int] | None:
    """Read the largest height and width, as stored, that a file says its picture has.

    Args:
        data: The content of the file, no JPEG, or its head.

    Returns:
        Height and width; None if its header is damaged, not whole, or of a kind unknown here.
    """
    if picture_kind(data) in (
        "HEIC",
        "AVIF",
    ):  # a large picture is of tiles, each with its own size
        boxes = re.finditer(rb"ispe\0{4}(?P<w>.{4})(?P<h>.{4})", data, re.DOTALL)
        sizes = [tuple(int.from_bytes(box[name], "big") for name in "hw") for box in boxes]
        return max(sizes, key=lambda size: size[0] * size[1], default=None)  # type: ignore[return-value]
    return upright_size(data)


def upright_size(data: bytes) -> tuple[int, int] | None:
    """Read height and width of a picture as it stands upright.

    Args:
        data: The content of the file, no JPEG, or its head.

    Returns:
        Height and width; None if only decoding tells.

    Raises:
        UnreadableError: It is HEIC, AVIF or DICOM and damaged, or its package is not installed.
    """
    if picture_kind(data):
        return other_size(data)
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
        if data.startswith(b"BM"):
            return _bmp(data)
        if data.startswith(b"GIF8"):
            width, height = struct.unpack_from("<HH", data, 6)
            return height, width
    except (struct.error, IndexError):
        return None
    for pattern in _TEXTS:
        if found := re.match(pattern, data[:4096]):
            return int(found["h"]), int(found["w"])
    return _by_pillow(data)


def orientation_tag(tiff: bytes) -> int:
    """Read the orientation, 1 to 8, out of EXIF data; 1, upright, where there is none.

    Args:
        tiff: The data, which are laid out as a TIFF.

    Returns:
        As EXIF counts: from 5 on the picture lies on its side.
    """
    try:
        order = {b"II": "<", b"MM": ">"}[tiff[:2]]
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, start)
        for k in range(entries):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * k)
            if tag == 0x0112 and kind == 3 and 1 <= value <= 8:
                return value
    except (struct.error, KeyError):
        pass
    return 1


def _png(data: bytes) -> tuple[int, int] | None:
    width, height = struct.unpack_from(">II", data, 16)
    for kind, content in _chunks(data, 8, ">I4s", 4):
        if kind == b"eXIf" and orientation_tag(content) >= 5:
            return width, height
        if kind == b"IDAT":
            return height, width
    return None  # a head that ends before it is known how the picture is turned


def _webp(data: bytes) -> tuple[int, int] | None:
    kind, at = data[12:16], 20
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, at + 6)
        return height & 0x3FFF, width & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, at + 1)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    width = 1 + int.from_bytes(data[at + 4 : at + 7], "little")
    height = 1 + int.from_bytes(data[at + 7 : at + 10], "little")
    if len(data) < at + 10 or kind != b"VP8X":
        return None
    if not data[at] & 8:
        return height, width
    for name, content in _chunks(data, 12, "<4sI", 0):
        if name == b"EXIF":
            turned = orientation_tag(content.removeprefix(b"Exif\0\0")) >= 5
            return (width, height) if turned else (height, width)
    return None


def _chunks(data: bytes, at: int, head: str, after: int) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG, or those of a RIFF, which begin at even places."""
    while at + 8 <= len(data):
        one, two = struct.unpack_from(head, data, at)
        kind, length = (one, two) if isinstance(one, bytes) else (two, one)
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + (after or length % 2)


def _bmp(data: bytes) -> tuple[int, int]:
    if data[14] == 12:  # OS/2's
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return abs(height), abs(width)


def _by_pillow(data: bytes) -> tuple[int, int] | None:
    """By Pillow's readers of each kind themselves: `Image.open` has a limit of its own."""
    Image.init()
    for kind in Image.ID:
        factory, accept = Image.OPEN[kind]
        try:
            if accept is None or accept(data[:16]) is not True:
                continue
            with factory(io.BytesIO(data), "") as picture:
                return picture.height, picture.width  # of a TIFF they are upright already
        except Exception:  # readers of damaged files raise whatever they do
            continue
    return None
