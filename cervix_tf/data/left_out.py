"""What a folder holds beside the photographs that are used: counted, said, or refused."""

import logging
import os
from pathlib import Path

import pandas as pd

from cervix_tf.data.folder_walk import HIDDEN, OTHER_KIND, Walk
from cervix_tf.errors import UserError, listed

log = logging.getLogger(__name__)

NOT_READ = "photographs in folders that are not read"

# Kaggle's tables, which are read with its photographs.
_TABLES = {"fixed_labels_v2.csv", "removed_files.csv", "solution_stg1_release.csv"}  # fmt: skip
_NAMED = 3  # files, folders or endings that the line names of a reason


def accounted(
    manifest: pd.DataFrame,
    found: Walk,
    reason: str = NOT_READ,
    nested: int = 0,
    strict: bool = False,
) -> pd.DataFrame:
    """Say in one line which files of a folder are left out, and keep their numbers with the manifest.

    Args:
        manifest: The photographs that are used.
        found: What the folder holds.
        reason: Why other photographs of it are not.
        nested: How many are used that lie in subfolders, where a user may not expect it.
        strict: Whether files that are left out are an error.

    Returns:
        The manifest; its `attrs["left_out"]` holds how many files are left out by reason.

    Raises:
        UserError: Files are left out, and that is to be an error.

    Example:
        >>> accounted(manifest, walk("photographs")).attrs["left_out"]
        {'hidden or system files': 2, 'files of other kinds': 1}
    """
    left = found.left_out
    left[OTHER_KIND] = [p for p in left.get(OTHER_KIND, []) if Path(p).name not in _TABLES]
    left[reason] = _unused(manifest, found.root.every())
    left = {why: paths for why, paths in left.items() if paths}
    manifest.attrs["left_out"] = {why: len(paths) for why, paths in left.items()}
    if not (left or nested):
        return manifest
    line = f"{found.root.path}: {len(manifest)} photographs"
    line += f", {nested} of them in subfolders" * bool(nested) + left_out_words(found)
    if left and strict:
        raise UserError(f"{line}. Remove these, or leave out --strict.")
    log.warning(f"{line}.")
    return manifest


def left_out_words(found: Walk) -> str:
    """Say what of a folder is left out, and how many files.

    Args:
        found: What the folder holds.

    Returns:
        Such as `; left out: hidden or system files (2)`; nothing where nothing is.
    """
    words = [_words(*item, found.root.path) for item in found.left_out.items() if item[1]]
    return f"; left out: {', '.join(words)}" if words else ""


def _unused(manifest: pd.DataFrame, photographs: list[str]) -> list[str]:
    """The photographs that the manifest names neither as such nor as masks."""
    columns = [column for column in ("path", "mask", "tz_mask") if column in manifest]
    used = {path for column in columns for path in manifest[column].dropna()}
    others = [path for path in photographs if os.path.abspath(path) not in used]
    if not others:
        return []
    folders: dict[str, str] = {}

    def real(path: str) -> str:
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        return os.path.join(folders[folder], name)

    known = {real(path) for path in used}  # the CSV may name them by way of a link
    return [path for path in others if real(path) not in known]


def _words(reason: str, paths: list[str], root: Path) -> str:
    """A reason, how many files, and some of them."""
    if reason == HIDDEN:
        return f"{reason} ({len(paths)})"
    if reason == OTHER_KIND:
        names = sorted({Path(path).suffix.lower() or "without an ending" for path in paths})
    elif reason == NOT_READ:
        names = sorted({os.path.relpath(os.path.dirname(path), root) for path in paths})
    else:
        names = sorted(os.path.relpath(path, root) for path in paths)
    shown = ["".join(c if c.isprintable() else ascii(c)[1:-1] for c in name) for name in names]
    return f"{reason} ({len(paths)}: {listed(shown, _NAMED)})"
