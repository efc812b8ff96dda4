"""The bytes of a photograph become an upright RGB picture no larger than is needed.

JPEG is read by libjpeg-turbo (through simplejpeg) scaled down inside the inverse cosine transform,
which leaves little but the entropy decoding to be done. PNG, BMP, WebP and TIFF are read by OpenCV,
HEIC, AVIF and DICOM as `picture_formats` does. A strict
reading is what tells a damaged file from a whole one: OpenCV and TensorFlow hand out the missing
part of a truncated JPEG as grey. Odd headers are no damage: `jpeg_headers` puts them in order first.
"""

import math
import os
import re
import struct
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg

from cervix_tf.data.jpeg_headers import mended, odd_progression
from cervix_tf.data.limits import check_bytes, check_pixels
from cervix_tf.data.picture_formats import TIFF, UnreadableError, decode_other
from cervix_tf.data.picture_headers import declared_size, orientation_tag, upright_size
from cervix_tf.data.picture_values import marked, rgb
from cervix_tf.errors import UserError
from cervix_tf.screen import libraries_silenced

if "OPENCV_LOG_LEVEL" not in os.environ:  # a damaged file is named, with its reason, by the caller
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

JPEG = b"\xff\xd8"

# What to do to a picture stored with each EXIF orientation: transpose it first, then flip these axes.
_UPRIGHT: dict[int, tuple[bool, tuple[int, ...]]] = {
    2: (False, (1,)),
    3: (False, (0, 1)),
    4: (False, (0,)),
    5: (True, ()),
    6: (True, (1,)),
    7: (True, (0, 1)),
    8: (True, (0,)),
}


class Decoded(NamedTuple):
    """A photograph as it was decoded: its pixel (y, x) lies at (top + y * scale, left + x * scale).

    Attributes:
        picture: RGB, uint8, (H, W, 3), upright.
        height: Of the whole photograph in pixels, upright.
        width: Likewise.
        scale: Of both sides, n/8. A scaled side that is no whole number is filled up to one, so
            that `picture` shows up to a pixel more than the photograph at its right and lower edge.
        top: 0, or what is filled up, below 1: turning a photograph may bring it to the other side.
        left: Likewise.
    """

    picture: np.ndarray
    height: int
    width: int
    scale: float = 1
    top: float = 0
    left: float = 0


def decode(data: bytes, size: int = 1) -> np.ndarray:
    """Decode a photograph to the smallest scale whose shorter side still covers `size`.

    Args:
        data: The content of the file: JPEG (also grey, CMYK, progressive), PNG, BMP, WebP, TIFF or
            whatever else OpenCV reads, of 8 or 16 bits; HEIC (extra `heif`), AVIF, DICOM (extra `dicom`).
        size: Pixels that the shorter side must keep, unless the photograph has fewer. Only JPEG is
            scaled, by n/8.

    Returns:
        RGB, uint8, (H, W, 3), upright: the EXIF orientation is honoured where it can be read.

    Raises:
        UnreadableError: The file is empty, truncated, damaged or no picture, of a kind whose extra is
            not installed, or of more pixels than `max_pixels`, which its header tells.
    """
    return decode_scaled(data, size).picture


def decode_scaled(data: bytes, size: int) -> Decoded:
    """Decode a photograph as `decode` does, and tell where it lies in the picture."""
    if not data:
        raise UnreadableError("the file is empty (zero bytes)")
    if data[:2] == JPEG:
        return _turn(_decode_jpeg(data, size), orientation(data))
    check_size(data)
    picture = decode_other(data)
    if picture is None:
        picture = _by_opencv(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        if picture is None:
            tiff = data.startswith(TIFF)
            raise UnreadableError("damaged TIFF" if tiff else "not a picture, or damaged")
        picture = rgb(picture)[..., ::-1]
    return Decoded(picture, *picture.shape[:2])


def read_grey(path: Path) -> np.ndarray | None:
    """Read a mask.

    Args:
        path: A PNG, or whatever else OpenCV reads.

    Returns:
        uint8, (H, W), as `marked` makes it; None if it is missing or no picture.

    Raises:
        UserError: It has more pixels than `max_pixels`.
        UnreadableError: It is damaged, of numbers that OpenCV does not read, or its values are of no
            range that `marked` knows.
    """
    try:
        check_bytes(path)
        data = path.read_bytes()
        check_size(data)
    except OSError:
        return None
    except UnreadableError as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    grey = _by_opencv(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    if grey is None and (data.startswith(TIFF) or declared_size(data)):
        raise UnreadableError(
            "damaged, or of numbers that are not read, such as 16-bit floats or colours of 32 bits: "
            "write grey of 8 bits, 0 and 255"
        )
    return None if grey is None else marked(grey)


def check_size(data: bytes) -> None:
    """Refuse a picture, no JPEG, whose header tells of more pixels than `max_pixels`.

    Args:
        data: The content of the file.

    Raises:
        UnreadableError: It has more.
    """
    if size := declared_size(data):
        check_pixels(*size)


def _by_opencv(data: bytes, flags: int) -> np.ndarray | None:
    try:
        with libraries_silenced():
            return cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:
        return None


def dimensions(data: bytes) -> tuple[int, int]:
    """Read the height and width of a photograph as it stands upright, without decoding it.

    Args:
        data: The content of the file, or its head.

    Returns:
        Height and width in pixels, those of what `decode` makes of it at full scale.

    Raises:
        UnreadableError: As of `decode`.
    """
    try:
        if data[:2] == JPEG:
            height, width = simplejpeg.decode_jpeg_header(data, strict=False)[:2]
            check_pixels(height, width)
            turned = orientation(data) >= 5
        else:
            check_size(data)
            return upright_size(data) or decode(data).shape[:2]
    except (ValueError, KeyError):  # damaged, which `decode` words
        height, width = decode(data).shape[:2]
        return height, width
    return (width, height) if turned else (height, width)


def _decode_jpeg(data: bytes, size: int) -> Decoded:
    try:
        return _turbojpeg(data, size, strict=True)
    except ValueError as error:
        reason = str(error)
        # An odd header hides what else there may be to warn of.
        better = mended(data)
        if better is not None:
            return _decode_jpeg(better, size)
        # Some cameras pad the end: nothing of the picture is missing then.
        extra = re.search(r"(\d+) extraneous bytes before marker 0xd9", reason)
        padded = extra and _padded(data, int(extra[1]))
        if padded or ("Inconsistent progression" in reason and odd_progression(data)):
            return _turbojpeg(data, size, strict=False)
        if "premature end" in reason.lower():
            raise UnreadableError("truncated JPEG") from error
        raise UnreadableError(
            f"damaged JPEG ({reason.removeprefix('Corrupt JPEG data: ')})"
        ) from error


def _turbojpeg(data: bytes, size: int, strict: bool) -> Decoded:
    height, width, kind, _ = simplejpeg.decode_jpeg_header(data, strict=strict)
    check_pixels(height, width)
    options: dict = {"strict": strict}
    shorter = min(height, width)
    # Below 8 pixels two scales may give the same shape, and nobody could tell which it was.
    eighths = min(math.ceil(8 * size / shorter), 8) if shorter >= 8 else 8
    if eighths < 8:
        options["min_height"] = math.ceil(height * eighths / 8)
        options["min_width"] = math.ceil(width * eighths / 8)
    if kind not in ("CMYK", "YCCK"):
        return Decoded(simplejpeg.decode_jpeg(data, **options), height, width, eighths / 8)
    inks = simplejpeg.decode_jpeg(data, colorspace="CMYK", **options).astype(np.uint16)
    if b"Adobe" not in data[:65536]:
        inks = 255 - inks  # Adobe stores the light left by each ink, others the ink
    light = ((inks[..., :3] * inks[..., 3:] + 127) // 255).astype(np.uint8)
    return Decoded(light, height, width, eighths / 8)


def _padded(data: bytes, extra: int) -> bool:
    end = data.rfind(b"\xff\xd9")
    return len(set(data[max(end - extra, 0) : end])) == 1


def orientation(data: bytes) -> int:
    """Read the EXIF orientation of a JPEG, 1 to 8; 1, upright, where it cannot be read.

    It may stand behind any segment before the first scan. Pillow's `getexif` takes 0.2 ms, not a few
    microseconds: 3 to 7 % of decoding a photograph to its square.
    """
    try:
        at = 2
        while True:
            at = data.index(b"\xff", at) + 1
            while data[at] == 0xFF:  # as many as a writer likes
                at += 1
            kind = data[at]
            if kind == 0xDA:
                return 1
            if kind == 0 or 0xD0 <= kind <= 0xD9:  # no segment
                at += 1
                continue
            (length,) = struct.unpack_from(">H", data, at + 1)
            if kind == 0xE1 and data[at + 3 : at + 9] == b"Exif\0\0":
                return orientation_tag(data[at + 9 : at + 1 + length])
            at += 1 + length
    except (struct.error, IndexError, ValueError):
        return 1


def _turn(decoded: Decoded, orientation: int) -> Decoded:
    if orientation == 1:
        return decoded
    transpose, axes = _UPRIGHT[orientation]
    picture, height, width, scale = decoded[:4]
    if transpose:
        picture, height, width = picture.swapaxes(0, 1), width, height
    top, left = (
        whole - side * scale if axis in axes else 0
        for axis, (whole, side) in enumerate(zip(picture.shape, (height, width), strict=False))
    )
    return Decoded(np.flip(picture, axes), height, width, scale, top, left)
