"""Files written whole or not at all."""

import contextlib
import csv
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cervix_tf.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path to write to, which becomes `path` when the block ends without error.

    A kill or an exception at any moment leaves the old file, or none. The temporary file lies in the
    same folder and keeps the suffix of `path`, since several libraries choose a format by it.

    Args:
        path: Where the file is to be; its folder is made.

    Yields:
        The path to write to.

    Raises:
        UserError: The folder cannot be made or written, or the disk is full.
    """
    path = Path(path)
    part: Path | None = None
    with disk_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(path.suffix, f".{path.stem[:80]}-", path.parent)
            os.close(handle)
            part = Path(name)
            part.chmod(0o644)
            yield part
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(path)
        finally:
            if part is not None:
                part.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to `path` as UTF-8, as `replacing` does.

    Args:
        path: Where the file is to be.
        text: Its content.
    """
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def write_csv(
    table: "pd.DataFrame", path: Path | str, index: bool = False, digits: str | None = None
) -> None:
    """Write a table to `path` as CSV in UTF-8, as `replacing` does.

    Args:
        table: The table.
        path: Where the file is to be.
        index: Whether the rows' names come first.
        digits: The format of numbers, such as `%.17g`; by default the shortest that reads back the same.
    """
    text = table.select_dtypes(["object", "string"])
    returns = any(text[name].astype(str).str.contains("\r", regex=False).any() for name in text)
    # Python's csv does not quote a cell for a carriage return alone.
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
    with replacing(path) as part:
        table.to_csv(part, index=index, float_format=digits, lineterminator="\n", quoting=quoting)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Word the failures of a disk that a user can mend, naming `path`; others pass as they are.

    Args:
        path: What is written in the block.

    Raises:
        UserError: The disk is full, or the path may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"The disk is full: {path} could not be written. Free some space and run again."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise UserError(
                f"{path} cannot be written ({error.strerror}): choose another folder."
            ) from error
        raise
