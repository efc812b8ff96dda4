"""What of each photograph is used: its centred square, a square around a box, or what a mask keeps."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pandas as pd

from cervix_tf.data.columns import BOX
from cervix_tf.data.decoding import UnreadableError, read_grey
from cervix_tf.data.flags import NOT_LOCATED, WITHOUT_CERVIX, has_flag
from cervix_tf.errors import UserError

Crop = Literal["square", "box", "mask"]
# None: the centred square; four numbers: a box; a path: a mask.
Region = tuple[float, float, float, float] | Path | None

MARGIN = 0.1  # of the box's longer side, left at each side of it
_COMMAND = "run `cervix-tf segment` on these photographs and give the manifest that it writes"


def regions(manifest: pd.DataFrame, crop: Crop) -> list[Region]:
    """Give the region of each photograph that a crop uses.

    Args:
        manifest: A manifest. `box` needs the columns `box_x`, `box_y`, `box_w` and `box_h` (pixels of
            the upright photograph: left, top, width, height), `mask` the column `mask` (paths of
            pictures that are not black where the cervix is).
        crop: `square`, `box` or `mask`.

    Returns:
        A region for each row, as `photographs.square` takes it. Rows whose `flags` say "cervix not
        located", "no cervix" or "no cervix found" keep the centred square.
    """
    if crop == "square":
        return [None] * len(manifest)
    if crop not in ("box", "mask"):
        raise UserError(f"crop={crop!r}: give square, box or mask.")
    columns = list(BOX) if crop == "box" else ["mask"]
    for column in columns:
        if column not in manifest:
            raise UserError(f"crop: {crop} needs the manifest's column {column!r}: {_COMMAND}.")
    lost = has_flag(manifest, *WITHOUT_CERVIX)
    valid = manifest[columns].notna().all(axis=1).to_numpy()
    if crop == "box":
        boxes, valid = boxes_of(manifest)
    bare = ~valid & ~lost
    if bare.any():
        raise UserError(
            f"crop: {crop}: {int(bare.sum())} of {len(manifest)} photographs have nothing valid in "
            f"{', '.join(columns)}, such as {manifest['path'].iloc[int(bare.argmax())]}: {_COMMAND}."
        )
    if lost.any():
        warnings.warn(
            f"crop: {crop}: {int(lost.sum())} of {len(manifest)} photographs keep their whole "
            f"square, flagged {NOT_LOCATED!r} or as without one.",
            stacklevel=3,
        )
    used: list[Region] = [None] * len(manifest)
    for row in np.flatnonzero(~lost):
        if crop == "mask":
            used[row] = Path(manifest["mask"].iloc[row]).absolute()
        else:
            used[row] = (*boxes[row].tolist(),)
    return used


def boxes_of(manifest: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Read the boxes of a manifest that has their columns.

    Args:
        manifest: N photographs.

    Returns:
        float64 (N, 4), left, top, width and height in pixels; and bool (N,), whether that is a box:
        four numbers, at least a pixel wide and high, so none in shares of the sides.
    """
    boxes = manifest[list(BOX)].apply(pd.to_numeric, errors="coerce").to_numpy("float64")
    return boxes, np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] >= 1).all(axis=1)


def centred_square(picture: np.ndarray) -> np.ndarray:
    """Cut out the centred square of a picture's shorter side."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def centre_crop(images, size: int):
    """Cut the centre out of squares.

    Args:
        images: (N, P, P, 3), an array or a tensor.
        size: Side of the crop in pixels, at most P.

    Returns:
        (N, size, size, 3), pixels unchanged.

    Raises:
        UserError: The squares are smaller than the crop.

    Example:
        >>> centre_crop(np.zeros((1, 256, 256, 3), "uint8"), 224).shape
        (1, 224, 224, 3)
    """
    margin = images.shape[1] - size
    if margin < 0:
        raise UserError(f"Squares of {images.shape[1]} pixels are too small for a crop of {size}.")
    inside = slice(margin // 2, margin // 2 + size)
    return images[:, inside, inside]


def square_around(
    box: tuple[float, float, float, float], height: int, width: int
) -> tuple[float, float, float]:
    """Choose the square that shows a box.

    It is centred on the box, as wide as the box's longer side and a margin of a tenth of it at each
    side, at least one pixel and at most the photograph's shorter side, and is moved to lie within the
    photograph. Nothing is padded.

    Args:
        box: Left, top, width and height in pixels.
        height: Height of the photograph in pixels.
        width: Width of the photograph in pixels.

    Returns:
        Left, top and side in pixels, fractions included.
    """
    x, y, w, h = box
    side = float(min(max(max(w, h) * (1 + 2 * MARGIN), 1.0), height, width))
    left = min(max(x + w / 2 - side / 2, 0.0), width - side)
    top = min(max(y + h / 2 - side / 2, 0.0), height - side)
    return left, top, side


def check_box(box: Sequence[float], height: int, width: int) -> None:
    """Refuse a box of which a photograph shows nothing.

    Args:
        box: Left, top, width and height in pixels.
        height: Height of the photograph in pixels.
        width: Width of the photograph in pixels.

    Raises:
        UnreadableError: It lies outside.
    """
    x, y, w, h = box
    if not (-w < x < width and -h < y < height):
        raise UnreadableError(
            f"its box, {w:g} x {h:g} at {x:g}, {y:g}, lies outside its {width} x {height} pixels"
        )


def read_mask_of(mask: Path, height: int, width: int, whole: bool = False) -> np.ndarray:
    """Read the mask of a photograph.

    Args:
        mask: A picture as large as the photograph, or in its proportions; or square, for the centred
            square.
        height: Height of the photograph in pixels.
        width: Width of the photograph in pixels.
        whole: Whether it has to be of the whole photograph.

    Returns:
        uint8, (H, W), as `read_grey` reads it.

    Raises:
        UnreadableError: The mask is missing, no picture, of no known range of values, or of other
            proportions.
    """
    try:
        grey = read_grey(mask)
    except UnreadableError as error:
        raise UnreadableError(f"its mask {mask} cannot be read: {error}") from error
    if grey is None:
        raise UnreadableError(f"its mask {mask} is missing or no picture")
    tall, wide = grey.shape
    # Of a smaller copy the proportions are not quite the same: its sides are whole numbers.
    slack = max(height + width, 0.02 * tall * width)
    if (whole or tall != wide) and abs(tall * width - wide * height) > slack:
        raise UnreadableError(
            f"its mask {mask}, {wide} x {tall}, is not in the proportions of {width} x {height} pixels"
        )
    return grey


def painted_out(picture: np.ndarray, mask: Path, height: int, width: int) -> np.ndarray:
    """Paint everything black but what a mask keeps, as section 5.2 of the report did.

    Args:
        picture: uint8, (S, S, 3), the centred square of a photograph.
        mask: As `read_mask_of` takes it; kept is what is above 127.
        height: Height of the photograph in pixels.
        width: Width of the photograph in pixels.

    Returns:
        uint8, (S, S, 3).

    Raises:
        UnreadableError: As of `read_mask_of`, or the mask keeps nothing.
    """
    grey = read_mask_of(mask, height, width)
    kept = np.ascontiguousarray(centred_square(grey))
    if kept.max() <= 127:
        raise UnreadableError(f"its mask {mask} keeps nothing of the centred square")
    way = cv2.INTER_AREA if len(kept) > len(picture) else cv2.INTER_LINEAR
    kept = cv2.resize(kept, (picture.shape[1], picture.shape[0]), interpolation=way)
    return picture * (kept[..., None] > 127)
