"""Small pictures of photographs, to stand inside a page."""

import base64
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2

from cervix_tf.data.decoding import UnreadableError, decode
from cervix_tf.data.photographs import cores, read_bytes

QUALITY = 72


def thumbnails(paths: Iterable[str], side: int = 160) -> dict[str, str | None]:
    """Make a thumbnail of each photograph, on every core: whole, upright, its longer side `side`.

    Args:
        paths: Photographs.
        side: The longer side in pixels.

    Returns:
        A JPEG as a `data:` address for each path, None where the photograph cannot be read.

    Example:
        >>> thumbnails(["a.jpg"])["a.jpg"][:22]
        'data:image/jpeg;base64'
    """
    paths = list(dict.fromkeys(paths))

    def make(path: str) -> str | None:
        try:
            return _thumbnail(Path(path), side)
        except UnreadableError:
            return None

    with ThreadPoolExecutor(cores()) as pool:
        return dict(zip(paths, pool.map(make, paths), strict=True))


def _thumbnail(path: Path, side: int) -> str:
    # Decoded so that the shorter side is covered; of narrow photographs that is more than is needed.
    picture = decode(read_bytes(path), side)
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale < 1:
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
