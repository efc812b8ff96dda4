"""What a user hands over, looked at before it is used: files, paths, whole numbers."""

import numbers
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cervix_tf.errors import UserError


def is_special(path: Path | str) -> bool:
    """Tell whether a pipe, socket or device lies there: to read it, even to open it, may take for ever.

    Args:
        path: Where to look; there may be nothing.

    Returns:
        Whether it is neither file nor folder.

    Example:
        >>> is_special("/dev/null")
        True
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # who reads it tells this
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def check_ordinary(path: Path | str) -> None:
    """Refuse what `is_special`, before it is opened.

    Args:
        path: What is to be read.

    Raises:
        UserError: It is a pipe, a socket or a device.
    """
    if is_special(path):
        raise UserError(f"{path} is a pipe, socket or device: put an ordinary file in its place.")


def as_path(given: Any, what: str) -> Path:
    """Take a path.

    Args:
        given: Text or a `Path`.
        what: What the error calls it.

    Returns:
        The path.

    Raises:
        UserError: It is no path, or empty: Python would take that for the current folder.

    Example:
        >>> as_path("audit.csv", "sample")
        PosixPath('audit.csv')
    """
    if not isinstance(given, str | os.PathLike):
        raise UserError(f"{what} is of type {type(given).__name__}: give a path.")
    if given == "":
        raise UserError(f"{what} is empty: give a path.")
    return Path(given)


def as_list(given: Iterable[Any], what: str) -> list:
    """Take several things.

    Args:
        given: They.
        what: What the error calls them.

    Returns:
        They, in their order.

    Raises:
        UserError: It is a single text, which Python would take for a list of letters, or no list.

    Example:
        >>> as_list(("table1", "table3"), "only")
        ['table1', 'table3']
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise UserError(f"{what}={given!r}: give a list.")
    return list(given)


def is_whole(number: Any) -> bool:
    """Tell whether a number is a whole one, of Python or NumPy, and no truth value."""
    return isinstance(number, numbers.Integral) and not isinstance(number, bool)


def is_number(number: Any) -> bool:
    """Tell whether something is a number, of Python or NumPy, and no truth value."""
    return isinstance(number, numbers.Real) and not isinstance(number, bool)


def check_whole(number: Any, what: str, least: int, most: int | None = None) -> None:
    """Refuse what is no whole number of a range.

    Args:
        number: What was given.
        what: What the error calls it.
        least: The least that is allowed.
        most: The largest that is allowed.

    Raises:
        UserError: It is no whole number, or out of range.

    Example:
        >>> check_whole(5, "folds", 2)
    """
    if not is_whole(number) or number < least or (most is not None and number > most):
        ends = f"from {least} up" if most is None else f"from {least} to {most}"
        raise UserError(f"{what}={number!r}: give a whole number {ends}.")
