"""The parts of a prediction, each with its checksums, in a folder beside the file to be."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from cervix_tf.errors import UserError
from cervix_tf.files import disk_errors, is_temporary, write_csv, write_text

_PART = re.compile(r"\d{9}-[0-9a-f]{16}(\.errors\.csv|\.csv|\.sha256)")


@contextmanager
def parts_folder(target: Path) -> Iterator[Path]:
    """The folder of the parts, this process's alone; they are removed when all went well.

    What else lies in it stays.
    """
    folder = target.with_name(f"{target.name}.parts")
    with disk_errors(folder):
        lock = _locked(folder)
    if lock is None:
        raise UserError(f"{target} is being written by another process: give another file.")
    try:
        yield folder
        for part in _parts_in(folder):
            part.unlink()
    finally:
        if not _parts_in(folder):
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # not empty
            folder.rmdir()


def _locked(folder: Path) -> FileLock | None:
    """Make the folder and lock it; None where another process keeps it."""
    lock = FileLock(file := folder / "lock")
    for _ in range(10):  # who had it may be removing the lock, then the folder, in between
        with suppress(FileNotFoundError, FileExistsError):
            with suppress(FileExistsError):
                folder.mkdir(parents=True)
            file.touch()
            before = file.stat()
            try:
                lock.acquire(timeout=1)  # as `runs.claims` waits
            except Timeout:
                return None
            if os.path.samestat(file.stat(), before):  # else a lock that is no longer there
                return lock
        lock.release()
    return None


def _parts_in(folder: Path) -> list[Path]:
    return [f for f in folder.iterdir() if _PART.fullmatch(f.name) or is_temporary(f)]


def write_part(file: Path, table: pd.DataFrame, errors: pd.DataFrame) -> None:
    """Write a part, its table of unreadable photographs if there are any, and both checksums."""
    errors_of(file).unlink(missing_ok=True)  # of a part that does not count
    if len(errors):
        write_csv(errors, errors_of(file))
    write_csv(table, file)
    write_text(_checksums_of(file), _checksums(file))  # last: a kill before it leaves no part


def errors_of(file: Path) -> Path:
    """Name the table of a file's photographs that cannot be read."""
    return file.with_name(f"{file.stem}.errors.csv")


def _checksums_of(file: Path) -> Path:
    return file.with_suffix(".sha256")


def _checksums(file: Path) -> str:
    """The checksums of a part and of its table of errors if it has one, a line each as of `sha256sum`."""
    lines = []
    for one in (file, errors_of(file)):
        if one.is_file():
            with disk_errors(one), one.open("rb") as written:
                digest = hashlib.file_digest(written, "sha256").hexdigest()
            lines.append(f"{digest}  {one.name}\n")
    return "".join(lines)


def is_intact(file: Path) -> bool:
    """Whether a part is there as it was written, and its table of errors too."""
    noted = _checksums_of(file)
    if not (file.is_file() and noted.is_file()):
        return False
    with disk_errors(noted):
        return noted.read_bytes() == _checksums(file).encode()
