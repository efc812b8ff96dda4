"""Masks as PNG that say in themselves what they were made from, and what follows from a mask."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cervix_tf.data.decoding import UnreadableError, read_grey
from cervix_tf.files import replacing
from cervix_tf.given import check_ordinary

_KEYWORD = "cervix_tf"  # of the text chunk that holds the note


def fingerprint(path: Path | None, settings: Mapping[str, Any]) -> str:
    """Name a piece of work: 16 hexadecimal digits of a file's path, size and times, and of settings."""
    stat = path.stat() if path else None
    file = [str(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns] if stat else []
    text = json.dumps([*file, settings], sort_keys=True)
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8).hexdigest()


def write_png(path: Path, picture: np.ndarray, note: Mapping[str, Any]) -> None:
    """Write a uint8 picture, whole or not at all, with a note inside that `read_note` gives back.

    The note is in the same file, so that no kill can part the two.
    """
    text = PngInfo()
    text.add_text(_KEYWORD, json.dumps(note))
    with replacing(path) as part:
        # Run lengths take a third less time than the default, and masks less room.
        Image.fromarray(picture).save(
            part, pnginfo=text, compress_level=1, compress_type=zlib.Z_RLE
        )


def read_note(path: Path) -> dict[str, Any]:
    """Read the note of a PNG; empty where there is no such file, or no note of ours in it."""
    check_ordinary(path)
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            note = json.loads(picture.info[_KEYWORD])
            return note if isinstance(note, dict) else {}
    except (OSError, KeyError, ValueError, SyntaxError, Image.DecompressionBombError):
        return {}


def read_mask(path: Path) -> np.ndarray | None:
    """Read a mask, bool (H, W); None where it is missing or damaged."""
    try:
        mask = read_grey(path)
    except UnreadableError:
        return None
    return None if mask is None else mask > 127


def largest_part(mask: np.ndarray) -> np.ndarray:
    """Keep the largest connected part of a mask, bool (H, W)."""
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return mask if count < 2 else parts == 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax())


def box_and_centre(mask: np.ndarray, size: tuple[int, int]) -> dict[str, float]:
    """Measure where the largest connected part of a mask, not empty, lies in the photograph.

    Returns:
        `box_x`, `box_y` (left and top edge), `box_w`, `box_h` of the smallest upright box, and
        `centre_x`, `centre_y`, the centre of mass, in pixels of the photograph, (height, width).
    """
    part = largest_part(mask)
    across, down = size[1] / mask.shape[1], size[0] / mask.shape[0]
    columns, rows = np.flatnonzero(part.any(axis=0)), np.flatnonzero(part.any(axis=1))
    y, x = np.nonzero(part)
    pixels = {
        "box_x": columns[0] * across,
        "box_y": rows[0] * down,
        "box_w": (columns[-1] + 1 - columns[0]) * across,
        "box_h": (rows[-1] + 1 - rows[0]) * down,
        "centre_x": (x.mean() + 0.5) * across,
        "centre_y": (y.mean() + 0.5) * down,
    }
    return {name: round(float(value), 1) for name, value in pixels.items()}
