"""How large photographs are, from the first bytes of their files: nothing is decoded."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from PIL import Image

from cervix_tf.data.decoding import JPEG, UnreadableError, decode, orientation
from cervix_tf.data.photographs import cores, read_bytes
from cervix_tf.errors import UserError

_HEAD = 1 << 17  # bytes within which a JPEG's orientation stands
_WHOLE = 1 << 30  # pixels: not scaled down


def measure(manifest: pd.DataFrame) -> pd.DataFrame:
    """Measure photographs by their headers.

    Args:
        manifest: A manifest; only its column `path` is used.

    Returns:
        A table in the manifest's order and with its index: `width` and `height` in pixels, upright
        (the EXIF orientation is honoured), and `bytes` of the file.

    Raises:
        UserError: A photograph cannot be read.

    Example:
        >>> measure(read_manifest("photographs"))["width"].max()
    """
    with ThreadPoolExecutor(cores()) as pool:
        rows = list(pool.map(_measure, map(Path, manifest["path"])))
    return pd.DataFrame(rows, columns=["width", "height", "bytes"], index=manifest.index)


def _measure(path: Path) -> tuple[int, int, int]:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        try:
            with Image.open(path) as picture:
                width, height = picture.size
        except (OSError, Image.DecompressionBombError):  # a kind that only OpenCV reads
            height, width = decode(read_bytes(path), _WHOLE).shape[:2]
            return width, height, path.stat().st_size
        if head[:2] == JPEG and orientation(head) >= 5:  # stored lying on its side
            width, height = height, width
        return width, height, path.stat().st_size
    except (OSError, UnreadableError) as error:
        raise UserError(f"{path} cannot be read: {error}; replace it or leave it out.") from error
