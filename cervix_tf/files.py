"""Files written whole or not at all, and outputs that are checked before the work."""

import contextlib
import errno
import fcntl
import functools
import hashlib
import os
import platform
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cervix_tf.cells import as_csv, written_table
from cervix_tf.errors import UserError
from cervix_tf.given import as_path
from cervix_tf.screen import printable

if TYPE_CHECKING:
    import pandas as pd

_TEMPORARY = ".cervix-tf-"  # begins the names of what is being written
_DAY = 86400.0  # seconds
_tidied: set[Path] = set()  # folders that this process has looked through
LONGEST = 255  # bytes of a name on the file systems in use
_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
_FULL_WORDS = ("No space left on device", "Disk quota exceeded", "File too large")
_MENDABLE = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP,
    errno.ENAMETOOLONG, errno.EINVAL, errno.EIO,
)  # fmt: skip


def check_output(path: Path | str, kind: Literal["file", "folder"] = "file") -> None:
    """Refuse a place that cannot be written to, before the work whose result is to lie there.

    Args:
        path: The file or folder to write; it need not exist, nor the folders above it.
        kind: Which of the two it is.

    Raises:
        UserError: It is a folder, a file in place of a folder, or a device; a name in it is longer than
            255 bytes; or the folder above may not be written.

    Example:
        >>> check_output("predictions.csv")
    """
    path = as_path(path, "path")
    for name in path.parts:
        if len(os.fsencode(name)) > LONGEST:
            raise UserError(
                f"{path} cannot be written: the name {name[:20]}... is longer than {LONGEST} bytes; "
                "choose a shorter one."
            )
    with disk_errors(path):
        mode = path.stat().st_mode if path.exists() else None
        sealed = path.parent / "files.json"  # of a run
        if (
            kind == "file"
            and sealed.is_file()
            and f'"{path.name}"' in sealed.read_text(errors="replace")
        ):
            raise UserError(
                f"{path} is a file of the run {path.parent}: name another file to write."
            )
        if mode is not None and kind == "folder" and not stat.S_ISDIR(mode):
            raise UserError(f"{path} is a file: name a folder to write into.")
        if mode is not None and kind == "file" and stat.S_ISDIR(mode):
            raise UserError(f"{path} is a folder: name the file to write.")
        if mode is not None and kind == "file" and not stat.S_ISREG(mode):
            raise UserError(f"{path} is no ordinary file: name another file to write.")
        place = path if mode is not None and kind == "folder" else path.absolute().parent
        while not place.exists():
            place = place.parent
        try:
            tempfile.TemporaryFile(dir=place).close()  # what may be done, only doing it tells
        except OSError as error:
            raise UserError(
                f"{path} cannot be written ({error.strerror}): choose another place."
            ) from error


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path to write to, which becomes `path` when the block ends without error.

    A kill or an exception at any moment leaves the old file, or none. The temporary file lies in the
    same folder and keeps the suffix of `path`, since several libraries choose a format by it; what a
    killed process left of its own is removed. Who may read it is as the umask has it, or as of the file
    that it replaces.

    Args:
        path: Where the file is to be; its folder is made.

    Yields:
        The path to write to.

    Raises:
        UserError: The folder cannot be made or written, or the disk is full.
    """
    path = as_path(path, "path")
    with disk_errors(path), _beside(path, folder=False) as part:
        if path.is_file():
            part.chmod(stat.S_IMODE(path.stat().st_mode) & 0o777)
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write to, which becomes `path` when the block ends without error.

    Args:
        path: Where the folder is to be; what is there is replaced.

    Yields:
        A path where nothing is yet.
    """
    with disk_errors(path), _beside(path, folder=True) as own:
        part = own / "new"
        yield part
        if path.exists():
            path.rename(own / "old")
        part.rename(path)


_given: list[str | None] = []  # TMPDIR as it was before each scratch under way


@contextlib.contextmanager
def scratch() -> Iterator[None]:
    """Have all temporary files in a folder of this process' own, which is gone when the block ends.

    Keras leaves what it unpacks where it is interrupted, ONNX Runtime a file of its own. What a killed
    process left is removed.
    """
    former, place = tempfile.tempdir, os.environ.get("TMPDIR")
    _given.append(place)
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # without room for a folder there is none for files
            name = Path(tempfile.gettempdir(), "scratch")
            tempfile.tempdir = str(stack.enter_context(_beside(name, folder=True)))
            os.environ["TMPDIR"] = tempfile.tempdir  # of libraries
        try:
            yield
        finally:
            tempfile.tempdir = former
            _given.pop()
            os.environ.pop("TMPDIR", None)
            if place is not None:
                os.environ["TMPDIR"] = place


def given_tmpdir() -> str | None:
    """Give TMPDIR as the user set it, which a `scratch` replaces."""
    return _given[0] if _given else os.environ.get("TMPDIR")


def is_temporary(path: Path) -> bool:
    """Tell what a killed process may have left of a write, which the next write there removes.

    Args:
        path: A file or folder.

    Returns:
        Whether it is called as `replacing` calls what it gives.
    """
    return path.name.startswith(_TEMPORARY)


@contextlib.contextmanager
def _beside(path: Path, folder: bool) -> Iterator[Path]:
    """A new, locked file or folder beside `path`, hidden and of its suffix, which is gone at the end.

    The lock is the system's, and ends with its process: so others see what may be removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _tidy(path.parent)
    stem = "".join(letter for letter in path.stem[:40] if letter.isascii())
    suffix = path.suffix if path.suffix.isascii() and len(path.suffix) < 20 else ""
    part = path.with_name(f"{_TEMPORARY}{_host()}{secrets.token_hex(4)}-{stem}{suffix}")
    handle = None
    try:
        if folder:
            part.mkdir(0o700)
            handle = os.open(part, os.O_RDONLY)
        else:
            handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield part
    finally:
        _remove(part)
        if handle is not None:
            os.close(handle)


def _tidy(folder: Path) -> None:
    """Remove what killed processes of this host have left in a folder, or others a day ago."""
    if folder in _tidied:
        return
    _tidied.add(folder)
    for path in folder.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            try:
                old = time.time() - os.fstat(handle).st_mtime > _DAY
                if old or path.name.startswith(_TEMPORARY + _host()):
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where it is in use
                    _remove(path)
            finally:
                os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@functools.cache
def _host() -> str:
    """Four letters for this host, whose locks are seen."""
    return hashlib.blake2b(platform.node().encode(), digest_size=2).hexdigest()


def write_text(path: Path | str, text: str) -> None:
    """Write `text`, made `printable`, to `path` as UTF-8, as `replacing` does.

    Args:
        path: Where the file is to be.
        text: Its content.
    """
    with replacing(path) as part:
        part.write_text(printable(text), encoding="utf-8")


def write_csv(
    table: "pd.DataFrame",
    path: Path | str,
    index: bool = False,
    digits: str | None = None,
    literal: bool = False,
) -> None:
    """Write a table to `path` as CSV in UTF-8, as `replacing` does; `data.tables.read_table` reads it.

    Args:
        table: The table.
        path: Where the file is to be.
        index: Whether the rows' names come first.
        digits: The format of numbers, such as `%.17g`; by default the shortest that reads back the same.
        literal: Whether cells are written as they are, not as `cells.written` says.
    """
    with replacing(path) as part:
        as_csv(table if literal else written_table(table), part, index, digits)


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
    except UserError:
        raise
    except Exception as error:
        number = _number(error)
        if number in _FULL or any(words in str(error) for words in _FULL_WORDS):
            raise UserError(
                f"The disk is full: {path} could not be written. Free some space and run again."
            ) from error
        if number is None:
            raise
        if number in _MENDABLE:
            raise UserError(
                f"{path} cannot be written ({os.strerror(number)}): choose another place."
            ) from error
        if isinstance(error, OSError):
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def _number(error: Exception) -> int | None:
    """The system's number of an error, of which TensorFlow and h5py have the text alone."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    if not (isinstance(error, OSError) or type(error).__module__.startswith("tensorflow")):
        return None
    said, texts = str(error), {number: os.strerror(number) for number in errno.errorcode}
    return next(
        (n for n, t in texts.items() if f"; {t}" in said or f"message = '{t}" in said), None
    )
