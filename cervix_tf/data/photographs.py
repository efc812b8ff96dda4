"""One photograph on disk becomes a square of uint8, and the ones that cannot be read are named."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from cervix_tf.data.decoding import UnreadableError, decode
from cervix_tf.errors import UserError

Progress = Callable[[int, int], None]


def read_square(path: Path | str, size: int) -> np.ndarray:
    """Read the square of the shorter side of a photograph, from its centre.

    Args:
        path: A photograph: JPEG, PNG, BMP or whatever else OpenCV reads.
        size: Side of the square in pixels, at least 1.

    Returns:
        RGB, uint8, (size, size, 3), upright by its EXIF orientation. Shrinking averages over areas;
        a photograph smaller than the square is enlarged by cubic interpolation.

    Raises:
        UserError: The photograph is missing, empty, truncated, damaged or no picture.

    Following: the report, section on preprocessing (square of the shortest side).

    Example:
        >>> read_square("photographs/1.jpg", 256).shape
        (256, 256, 3)
    """
    try:
        return square(Path(path), size)
    except UnreadableError as error:
        raise UserError(f"{path} cannot be read: {error}; replace it or leave it out.") from error


def unreadable(
    paths: Iterable[Path | str], progress: Progress | None = None
) -> dict[Path | str, str]:
    """Find the photographs that cannot be read, on every core.

    Args:
        paths: Photographs.
        progress: Called with the number looked at so far and the number of all.

    Returns:
        The reason for each photograph that cannot be read, in the order received.

    Example:
        >>> unreadable(["whole.jpg", "empty.jpg"])
        {'empty.jpg': 'the file is empty (zero bytes)'}
    """
    paths = list(paths)
    reasons = {}

    def look(path: Path | str) -> str | None:
        try:
            decode(read_bytes(Path(path)))
        except UnreadableError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(cores()) as pool:
        for k, (path, reason) in enumerate(zip(paths, pool.map(look, paths), strict=True), 1):
            if reason:
                reasons[path] = reason
            if progress:
                progress(k, len(paths))
    return reasons


def square(path: Path, size: int, data: bytes | None = None) -> np.ndarray:
    """Do the work of `read_square`, raising `UnreadableError` with the reason alone.

    Args:
        path: The photograph.
        size: Side of the square.
        data: The content of the file, if it has been read already.
    """
    picture = decode(read_bytes(path) if data is None else data, size)
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    picture = np.ascontiguousarray(picture[top : top + side, left : left + side])
    if side == size:
        return picture
    way = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return cv2.resize(picture, (size, size), interpolation=way)


def read_bytes(path: Path) -> bytes:
    """Read a file, raising `UnreadableError` where there is none or it may not be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError((error.strerror or str(error)).lower()) from error


def cores() -> int:
    """Count the cores this process may use: the number of decoding threads."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
