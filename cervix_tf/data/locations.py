"""Where the photographs of a manifest are: their paths, and whether they lead to files."""

import os
import re
from pathlib import Path

import pandas as pd

from cervix_tf.data.names import absolute
from cervix_tf.errors import UserError, listed

_HINTS = {  # by what an absolute path holds that leads nowhere
    r"(^|/)~": "Write the home folder out: '~' is not read as one.",
    r"(^|/)[A-Za-z][A-Za-z0-9+.-]+:/": "Give paths, not addresses (file://, https://).",
    r"\\": "Write '/' between folders, not a backslash.",
}


def located(folder: Path, file: object) -> str | None:
    """Find what a cell of a CSV names; blanks at its end count only where a file is called so.

    Args:
        folder: The CSV's folder.
        file: The cell.

    Returns:
        An absolute path, None of an empty cell.
    """
    if pd.isna(file) or not str(file).strip():  # type: ignore[call-overload]
        return None
    path = os.path.abspath(os.path.join(folder, str(file)))
    bare = os.path.abspath(os.path.join(folder, str(file).strip()))
    return path if path == bare or os.path.lexists(path) else bare


def absolute_path(path: object, where: str) -> str:
    """Give the absolute path of what a manifest has for one.

    Args:
        path: Text, bytes or a `Path`.
        where: What the error message calls its place.

    Returns:
        The path as text.

    Raises:
        UserError: It is no path.
    """
    if not isinstance(path, str | bytes | os.PathLike):
        raise UserError(f"{where}: {path!r} is no path; give where the photograph is.")
    return absolute(path if isinstance(path, str) else os.fsdecode(path))


def check_present(paths: list[str], where: str) -> None:
    """Refuse paths that lead to no file.

    Args:
        paths: Absolute paths.
        where: What the error message calls their manifest.

    Raises:
        UserError: There is no such file; the message says what is likely wrong with the path, or which
            folder may not be looked into.
    """
    absent = [path for path in paths if not os.path.isfile(path)]
    if barred := [folder for folder in map(_barred_by, absent) if folder]:
        raise UserError(
            f"{where}: {len(barred)} photographs cannot be read (permission denied): they lie in "
            f"{listed(dict.fromkeys(barred))}. Permit looking into it, or move them elsewhere."
        )
    if absent:
        hints = (hint for sign, hint in _HINTS.items() if any(re.search(sign, p) for p in absent))
        hint = next((f" {hint}" for hint in hints), "")
        raise UserError(f"{where}: {len(absent)} photographs do not exist: {listed(absent)}.{hint}")


def _barred_by(path: str) -> str | None:
    """The folder that may not be looked into, where that is why a path leads to no file."""
    try:
        os.stat(path)
    except PermissionError:
        above = Path(os.path.realpath(path)).parents
        return next((str(folder) for folder in above if os.path.isdir(folder)), None)
    except (OSError, ValueError):
        pass
    return None
