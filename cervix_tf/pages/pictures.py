"""Small pictures of photographs, to stand inside a page."""

import base64
import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from cervix_tf.data.decoding import UnreadableError, decode
from cervix_tf.data.photographs import cores, read_bytes, scaled_down

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUALITY = 72


def data_address(picture: "np.ndarray | Figure | Path", quality: int | None = None) -> str:
    """Write a picture as a `data:` address, by which a page holds it without another file.

    Args:
        picture: uint8 RGB (H, W, 3), a matplotlib figure, or the path of a PNG or JPEG file.
        quality: JPEG quality of an array, 1 to 100; PNG if not given.

    Returns:
        Such as `data:image/png;base64,iVBORw0...`.

    Example:
        >>> data_address(np.zeros((2, 2, 3), "uint8"))[:22]
        'data:image/png;base64,'
    """
    if isinstance(picture, Path):
        content = picture.read_bytes()
    elif isinstance(picture, np.ndarray):
        jpeg = () if quality is None else (cv2.IMWRITE_JPEG_QUALITY, quality)
        done, data = cv2.imencode(".jpg" if jpeg else ".png", picture[..., ::-1], jpeg)
        assert done
        content = data.tobytes()
    else:
        file = io.BytesIO()
        picture.savefig(file, format="png")
        content = file.getvalue()
    kind = "jpeg" if content.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def thumbnails(paths: Iterable[str], side: int = 160) -> dict[str, str | None]:
    """Make a thumbnail of each photograph, on every core: whole, upright, its longer side `side`.

    Args:
        paths: Photographs.
        side: The longer side in pixels.

    Returns:
        A JPEG as a `data:` address for each path, None where the photograph cannot be read.

    Example:
        >>> thumbnails(["photographs/1.jpg"])["photographs/1.jpg"][:22]
        'data:image/jpeg;base64'
    """
    paths = list(dict.fromkeys(paths))

    def make(path: str) -> str | None:
        try:
            # So that the shorter side is covered; of narrow photographs that is more than is needed.
            picture = decode(read_bytes(Path(path)), side)
        except UnreadableError:
            return None
        return data_address(scaled_down(picture, side / max(picture.shape[:2])), QUALITY)

    with ThreadPoolExecutor(cores()) as pool:
        return dict(zip(paths, pool.map(make, paths), strict=True))
