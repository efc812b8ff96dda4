"""The values of a picture, whatever it comes from, as the eight bits of red, green and blue."""

from typing import Any

import numpy as np
from PIL import ImageOps


def rgb(values: np.ndarray) -> np.ndarray:
    """Make three channels of eight bits, the same whoever decoded the picture.

    Args:
        values: (H, W) or (H, W, 1) grey; (H, W, 2) grey with opacity, (H, W, 4) colour with opacity,
            which is left out; or (H, W, 3). uint8; bool; uint16, of which the upper byte counts; other
            whole numbers and floats from 0 to 255, or to 65535 where one is above 255; floats up to 1
            are shares.

    Returns:
        uint8, (H, W, 3), in the order of the channels received.
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


def _eight_bits(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * 255
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return (values >> 8).astype(np.uint8)
    most = values.max(initial=0)
    if most > 255:
        return (np.clip(values, 0, 65535).astype(np.uint16) >> 8).astype(np.uint8)
    if values.dtype.kind == "f" and most <= 1:
        values = values * 255
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)
