"""Cleanvision's findings as flags: a second opinion on light, sharpness, size and duplicates."""

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator

import pandas as pd
from PIL import Image

from cervix_tf.data.flags import (
    CLEANVISION,
    FILE_FAULTS,
    ODD_HEADER,
    WRONG_TYPE,
    has_flag,
    with_flag,
)
from cervix_tf.data.manifests import check_manifest
from cervix_tf.errors import listed, need_package

# Pillow's reasons, its limits on pixels, text and profiles among them.
_UNREAD = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


def flag_with_cleanvision(manifest: pd.DataFrame) -> pd.DataFrame:
    """Look at the photographs with cleanvision and add what it finds under its own names.

    Cleanvision decodes every photograph in full, twice: some tenths of a second for each one. Its own
    progress is shown on a terminal. Photographs flagged as unreadable are not looked at.

    Args:
        manifest: A manifest, best an audited one.

    Returns:
        A copy with flags such as `cleanvision: dark` or `cleanvision: odd_size` added.

    Raises:
        UserError: Cleanvision is not installed.

    Warns:
        UserWarning: Photographs that cleanvision's reader, Pillow, cannot read; they are not looked at.

    Example:
        >>> flag_with_cleanvision(audit(read_manifest("data")))["flags"].value_counts()
    """
    check_manifest(manifest)
    need_package("cleanvision", "audit")
    unread = [flag for flag in FILE_FAULTS if flag not in (ODD_HEADER, WRONG_TYPE)]
    paths = manifest["path"][~has_flag(manifest, *unread)].tolist()
    try:
        issues = _issues(paths)
    except _UNREAD:  # it names no file: find them all, and go on without
        lacking = {path for path in paths if not _pillow_reads(path)}
        warnings.warn(
            f"cleanvision cannot read {len(lacking)} photographs and has not looked at them: "
            f"{listed(sorted(lacking))}.",
            stacklevel=2,
        )
        issues = _issues([path for path in paths if path not in lacking])
    for name in issues:
        kind = str(name).removeprefix("is_").removesuffix("_issue")
        flagged = manifest["path"].isin(issues.index[issues[name]]).to_numpy()
        manifest = with_flag(manifest, flagged, CLEANVISION + kind)
    return manifest


def _issues(paths: list[str]) -> pd.DataFrame:
    """Whether each photograph, the index, has each of cleanvision's issues, the columns."""
    from cleanvision import Imagelab

    if not paths:
        return pd.DataFrame()
    with _progress_only_on_a_terminal():
        laboratory = Imagelab(filepaths=paths, verbose=False)
        # Its worker processes are forks, which are not safe once TensorFlow has started its threads.
        laboratory.find_issues(n_jobs=1 if "tensorflow" in sys.modules else None, verbose=False)
    table = laboratory.issues
    return table[[name for name in table if name.startswith("is_")]].astype(bool)


def _pillow_reads(path: str) -> bool:
    try:
        with Image.open(path) as picture:
            picture.load()
    except _UNREAD:
        return False
    return True


@contextlib.contextmanager
def _progress_only_on_a_terminal() -> Iterator[None]:
    hidden = contextlib.redirect_stderr(io.StringIO())
    with contextlib.nullcontext() if sys.stderr.isatty() else hidden:
        yield
