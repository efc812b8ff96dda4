"""How large a photograph may be: told from its header, before room is made for its pixels."""

import os
from pathlib import Path

from cervix_tf.data.picture_formats import UnreadableError
from cervix_tf.errors import UserError
from cervix_tf.given import is_special

VARIABLE = "CERVIX_TF_MAX_PIXELS"
MAX_PIXELS = 200_000_000
_BYTES = 8  # of a pixel: red, green, blue and opacity of 16 bits, not compressed


def max_pixels() -> int:
    """Give the largest number of pixels that a photograph may have.

    Returns:
        200 million, or what the environment variable `CERVIX_TF_MAX_PIXELS` says.

    Raises:
        UserError: The variable is no whole number above 0.

    Example:
        >>> max_pixels()
        200000000
    """
    value = os.environ.get(VARIABLE, "").strip()
    if not value:
        return MAX_PIXELS
    digits = value.replace("_", "")
    if not (digits.isascii() and digits.isdecimal() and int(digits) > 0):
        raise UserError(f"{VARIABLE}={value}: give a whole number of pixels, such as {MAX_PIXELS}.")
    return int(digits)


def check_pixels(height: int, width: int) -> None:
    """Refuse a picture of too many pixels.

    Args:
        height: Pixels from top to bottom.
        width: Pixels from left to right.

    Raises:
        UnreadableError: It has more than `max_pixels`.
    """
    if height * width > (most := max_pixels()):
        raise UnreadableError(
            f"{width} x {height} pixels, over the limit of {most} (set {VARIABLE} to raise it)"
        )


def check_bytes(path: Path) -> None:
    """Refuse a pipe, and a file larger than the largest picture is when not compressed.

    Args:
        path: The file.

    Raises:
        UnreadableError: It is no ordinary file, or has more than eight bytes for each of `max_pixels`.
        OSError: It is not there, or may not be looked at.
    """
    if is_special(path):
        raise UnreadableError("a pipe, a socket or a device")
    size, most = path.stat().st_size, _BYTES * max_pixels()
    if size > most:
        raise UnreadableError(
            f"{size} bytes, over the limit of {most} (set {VARIABLE} to an eighth of them)"
        )
