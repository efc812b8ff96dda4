"""The values of a picture, whatever it comes from, as the eight bits of red, green and blue."""

from typing import Any

import numpy as np
from PIL import ImageOps

_OVER = 0.1  # of a range: what resampling and sharpening leave beyond its ends, which is cut off


class UnreadableError(Exception):
    """A photograph that cannot be decoded; its text is the reason, without the file's name."""


def rgb(values: np.ndarray) -> np.ndarray:
    """Make three channels of eight bits, the same whoever decoded the picture.

    Args:
        values: (H, W) or (H, W, 1) grey; (H, W, 2) grey with opacity, (H, W, 4) colour with opacity,
            which is left out; or (H, W, 3). uint8; bool; uint16, of which the upper byte counts; other
            whole numbers and floats that reach from 0 to about 255 or 65535, floats also to 1.

    Returns:
        uint8, (H, W, 3), in the order of the channels received.

    Raises:
        UnreadableError: A value is no number, or they are of no such range: the picture would be
            nearly black or white.
    """
    values = _eight_bits(values)
    if values.ndim == 2:
        values = values[..., None]
    values = values[..., : 1 if values.shape[2] < 3 else 3]
    return values if values.shape[2] == 3 else np.repeat(values, 3, axis=2)


def of_pillow(picture: Any) -> np.ndarray:
    """Take the pixels of a PIL image of any mode.

    Args:
        picture: The image; it is decoded now, if it was not.

    Returns:
        RGB, uint8, (H, W, 3), upright by its EXIF tag.
    """
    picture = ImageOps.exif_transpose(picture)
    if picture.mode[0] in "IF":  # I;16 too: Pillow would cut off what is above 255
        return rgb(np.asarray(picture))
    if picture.mode == "P" and "transparency" in picture.info:  # it would warn, and is left out
        picture = picture.convert("RGBA")
    return np.asarray(picture.convert("RGB"))


def marked(values: np.ndarray) -> np.ndarray:
    """Make the eight bits of a mask, the same whatever kind of numbers a tool wrote.

    Args:
        values: (H, W), grey: bool; whole numbers from 0 to 255 or 65535, as floats too; or floats
            that reach from 0 to about 1, 255 or 65535.

    Returns:
        uint8, (H, W): what is above 127 is marked. Of whole numbers that are dark all over (0 and 1,
        numbers of classes, colours of a palette) everything that is not black is 255.

    Raises:
        UnreadableError: A value is no number, is below 0, or they are of no such range; or fractions
            nowhere reach half of it, so that nobody can tell what they mark.
    """
    if values.dtype == bool:
        return _eight_bits(values)
    if values.dtype.kind not in "uif":
        raise UnreadableError("it holds no numbers")
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)):
        bits = _eight_bits(values)
        if bits.max(initial=0) <= 127:
            raise UnreadableError(
                f"its values from {low:g} to {high:g} stay below half of their range: write 0 and 255"
            )
        return bits
    if low < 0 or high > 65535:
        raise UnreadableError(
            f"its values from {low:g} to {high:g} do not lie between 0 and 255 or 65535"
        )
    end = 255 if high <= 255 else 65535
    if high <= end // 2:
        return (values > 0) * np.uint8(255)
    return _eight_bits(values.astype(np.uint8 if end == 255 else np.uint16))


def _eight_bits(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * 255
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return (values >> 8).astype(np.uint8)
    if values.dtype.kind == "f":
        values = values.astype(np.float64 if values.dtype.itemsize > 4 else np.float32)
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if not np.isfinite([low, high]).all():
        raise UnreadableError("it holds values that are no numbers (NaN) or infinite")
    ends = (1, 255, 65535) if values.dtype.kind == "f" else (255, 65535)
    end = next((end for end in ends if high <= (1 + _OVER) * end), 0)
    # Less than a sixteenth of a range would be nearly black: the values are of another one.
    if low < -_OVER * end or (end > ends[0] and high < end / 16) or not end:
        known = " nor ".join(map(str, ends))
        raise UnreadableError(f"its values from {low:g} to {high:g} reach neither to {known}")
    if end == 65535:
        return (np.clip(values, 0, end).astype(np.uint16) >> 8).astype(np.uint8)
    return np.rint(np.clip(values, 0, end) * (255 // end)).astype(np.uint8)
