"""One photograph on disk becomes a square of uint8, and the ones that cannot be read are named."""

import math
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cervix_tf.data.crops import Region, centred_square, check_box, painted_out, square_around
from cervix_tf.data.decoding import Decoded, UnreadableError, decode, decode_scaled, dimensions
from cervix_tf.data.limits import check_bytes
from cervix_tf.errors import UserError

Progress = Callable[[int, int], None]

_HEAD = 1 << 17  # bytes within which the head of nearly every photograph ends


def read_square(path: Path | str, size: int) -> np.ndarray:
    """Read the square of the shorter side of a photograph, from its centre.

    Args:
        path: A photograph, as `decode` takes its content: JPEG, PNG, TIFF, WebP, HEIC ...
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
        >>> unreadable(["photographs/1.jpg", "empty.jpg"])
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


def square(path: Path, size: int, region: Region = None, data: bytes | None = None) -> np.ndarray:
    """Make the square of a photograph, or of a region of it.

    Args:
        path: The photograph.
        size: Side of the square in pixels.
        region: None for the centred square of the shorter side; a box for the square around it; the
            path of a mask for the centred square with the rest painted out.
        data: The content of the file, if it has been read already.

    Returns:
        RGB, uint8, (size, size, 3).

    Raises:
        UnreadableError: The photograph cannot be read; the text is the reason alone.
    """
    data = read_bytes(path) if data is None else data
    if isinstance(region, tuple):
        return _around(data, size, region)
    decoded = decode_scaled(data, size)
    height, width = decoded.height, decoded.width
    side = min(height, width)
    picture = _cut(decoded, (height - side) // 2, (width - side) // 2, side, side, size)
    return painted_out(picture, region, height, width) if isinstance(region, Path) else picture


def square_of(picture: np.ndarray, size: int) -> np.ndarray:
    """Make the square that `read_square` makes, of a picture already decoded.

    Args:
        picture: RGB, uint8, (H, W, 3), upright.
        size: Side of the square in pixels.

    Returns:
        RGB, uint8, (size, size, 3). A large JPEG read by `read_square` differs slightly: it is shrunk
        while it is decoded.
    """
    return _resized(centred_square(picture), size)


def whole(path: Path, size: int) -> np.ndarray:
    """Read a whole photograph squeezed to a square, so that nothing of it is lost.

    Args:
        path: The photograph.
        size: Side of the square in pixels.

    Returns:
        RGB, uint8, (size, size, 3), upright.
    """
    decoded = decode_scaled(read_bytes(path), size)
    return _cut(decoded, 0, 0, decoded.height, decoded.width, size)


def scaled_down(picture: np.ndarray, scale: float) -> np.ndarray:
    """Shrink a picture by averaging over areas; a scale of 1 or more leaves it as it is.

    Args:
        picture: uint8, (H, W, 3).
        scale: Of both sides, above 0.

    Returns:
        uint8, (H * scale, W * scale, 3), no side below 1.
    """
    if scale >= 1:
        return picture
    height, width = picture.shape[:2]
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def picture_sizes(manifest: pd.DataFrame) -> pd.DataFrame:
    """Read how large photographs are from the first bytes of their files; nothing is decoded.

    Args:
        manifest: A manifest; only its column `path` is used.

    Returns:
        A table in the manifest's order and with its index: `width` and `height` in pixels, upright
        (the EXIF orientation is honoured), and `bytes` of the file.
    """
    with ThreadPoolExecutor(cores()) as pool:
        rows = list(pool.map(_picture_size, map(Path, manifest["path"])))
    return pd.DataFrame(rows, columns=["width", "height", "bytes"], index=manifest.index)


def _picture_size(path: Path) -> tuple[int, int, int]:
    try:
        check_bytes(path)
        with path.open("rb") as file:
            head = file.read(_HEAD)
        try:
            height, width = dimensions(head)
        except UnreadableError:
            height, width = dimensions(read_bytes(path))
        return width, height, path.stat().st_size
    except (OSError, UnreadableError) as error:
        raise UserError(f"{path} cannot be read: {error}; replace it or leave it out.") from error


def _around(data: bytes, size: int, box: tuple[float, float, float, float]) -> np.ndarray:
    """Cut out the square around a box, decoded as small as lets it keep `size` pixels."""
    height, width = dimensions(data)
    check_box(box, height, width)
    left, top, side = square_around(box, height, width)
    pixels = max(1, min(round(side), height, width))
    row, column = min(round(top), height - pixels), min(round(left), width - pixels)
    decoded = decode_scaled(data, math.ceil(size * min(height, width) / pixels))
    return _cut(decoded, row, column, pixels, pixels, size)


def _cut(decoded: Decoded, row: int, column: int, height: int, width: int, size: int) -> np.ndarray:
    """Cut a rectangle, in pixels of the whole photograph, and shrink it to a square."""
    picture, scale = decoded.picture, decoded.scale
    lengths = height * scale, width * scale
    starts = decoded.top + row * scale, decoded.left + column * scale
    if not any(number % 1 for number in (*lengths, *starts)):  # which takes less time
        (top, left), (down, across) = map(int, starts), map(int, lengths)
        return _resized(picture[top : top + down, left : left + across], size)
    skips: list[tuple[int, float]] = []
    for start, length in zip(starts, lengths, strict=True):  # first along rows, then along columns
        picture, skip, times = _begun(picture, start, length, size)
        picture = picture.swapaxes(0, 1)
        skips.append((skip, size / (length * times)))
    (above, fy), (before, fx) = skips
    picture = np.ascontiguousarray(picture)
    picture = cv2.resize(picture, None, fx=fx, fy=fy, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture[above : above + size, before : before + size])


def _begun(
    picture: np.ndarray, start: float, length: float, size: int
) -> tuple[np.ndarray, int, int]:
    """Take the rows that become `size` rows, though they begin within a row.

    OpenCV averages over areas from a whole row on. So some more rows above become rows of the result
    too, as many as make its first one begin nearly at a whole row; if none do, rows are repeated.

    Returns:
        The rows, of how many of the result's they are too many, and how often each is repeated.
    """
    pitch = length / size
    for times in (1, 2, 4, 8):  # starts are whole eighths: the last leaves nothing over
        beside, skip = 1.0, 0
        for more in range(min(int(start / pitch), 16) + 1):
            first = (start - more * pitch) * times
            if beside > (over := abs(first - round(first)) / times):
                beside, skip = over, more
            if not beside:
                break
        if beside <= 1 / 16:
            break
    first = round((start - skip * pitch) * times)
    rows = picture[first // times : math.ceil(start + length)]
    return (np.repeat(rows, times, 0)[first % times :] if times > 1 else rows), skip, times


def _resized(picture: np.ndarray, size: int) -> np.ndarray:
    picture = np.ascontiguousarray(picture)
    if picture.shape[:2] == (size, size):
        return picture
    way = cv2.INTER_AREA if min(picture.shape[:2]) > size else cv2.INTER_CUBIC
    return cv2.resize(picture, (size, size), interpolation=way)


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Args:
        path: The file.

    Returns:
        Its content.

    Raises:
        UnreadableError: There is no such file, it may not be read, or is larger than a photograph of
            `max_pixels` can be.
    """
    try:
        check_bytes(path)
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError((error.strerror or str(error)).lower()) from error


def cores() -> int:
    """Count the cores this process may use: the number of decoding threads."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
