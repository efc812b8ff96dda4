"""Sheets to look through: many photographs a page, each with the outline and the box found."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

COLUMNS, ROWS, CELL, TEXT = 8, 5, 192, 18
OUTLINE, BOX, EMPTY = (60, 255, 90), (255, 210, 0), (255, 60, 60)


@dataclass(frozen=True)
class Cell:
    """One photograph of a page.

    Attributes:
        name: What stands below it.
        picture: RGB, uint8 (H, W, 3).
        mask: bool (H, W); empty where nothing was found, None where there is only a box.
        box: Left, top, width and height as fractions of width and height; None where nothing was found.
        flag: What is wrong, written over the picture; None where nothing is.
    """

    name: str
    picture: np.ndarray
    mask: np.ndarray | None
    box: tuple[float, float, float, float] | None = None
    flag: str | None = None


def draw_page(cells: Sequence[Cell]) -> np.ndarray:
    """Draw up to 40 photographs on an RGB page, 8 in a row, with outline, box and flag.

    Outlines are green, boxes yellow, flags red, and what a mask leaves out is dark.
    """
    rows = -(-len(cells) // COLUMNS)
    page = np.full((rows * (CELL + TEXT), COLUMNS * CELL, 3), 24, np.uint8)
    for k, cell in enumerate(cells):
        top, left = (k // COLUMNS) * (CELL + TEXT), (k % COLUMNS) * CELL
        picture = _drawn(cell)
        height, width = picture.shape[:2]
        y, x = top + (CELL - height) // 2, left + (CELL - width) // 2
        page[y : y + height, x : x + width] = picture
        colour = EMPTY if cell.flag else (220, 220, 220)
        _write(page, cell.name[-28:], (left + 4, top + CELL + 12), colour)
        if cell.flag:
            _write(page, cell.flag, (left + 6, top + 16), EMPTY)
    return page


def _drawn(cell: Cell) -> np.ndarray:
    height, width = cell.picture.shape[:2]
    scale = (CELL - 4) / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = cv2.resize(cell.picture, size, interpolation=way)
    if cell.mask is not None:
        mask = cv2.resize(cell.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        # What is left out is darkened: an outline that meets the edge has two sides.
        picture = np.where(mask[..., None] == 1, picture, picture // 2)
        cv2.drawContours(picture, outlines, -1, OUTLINE, 1)
    if cell.box:
        x, y, w, h = cell.box
        corner = round(x * size[0]), round(y * size[1])
        opposite = round((x + w) * size[0]) - 1, round((y + h) * size[1]) - 1
        cv2.rectangle(picture, corner, opposite, BOX, 1)
    return picture


def _write(page: np.ndarray, text: str, corner: tuple[int, int], colour: tuple) -> None:
    # OpenCV's fonts hold ASCII alone.
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(page, plain, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.36, colour, 1, cv2.LINE_AA)
