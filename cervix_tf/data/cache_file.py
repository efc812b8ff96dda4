"""The file that holds the prepared squares of one set of photographs.

Two files make a set: `NAME.npy`, the squares, which any program opens with numpy, and `NAME.rows`, one
record a row with the key of its photograph and a checksum. A row counts only where its record names
the right photograph and the checksum agrees, so a kill, a power cut and a damaged disk all come to
the same thing: some rows are missing, and are decoded again. While rows are missing the squares are
called `NAME.part`; `NAME.npy` is there only when it was whole. `NAME.from` has the folder of the
photographs, for people.

Nothing that is in use is pruned, by two locks of the system's, which end with their process: one on
the folder, shared, while sets are looked for or written; one on each file of squares, shared, as long
as it is open. `machine.cache` takes both for itself alone.

One file a photograph would be simpler. `benchmarks/square_cache.py`, on two busy cores, has it take 1.0
(300 squares of 256 pixels) to 1.4 times (2,000) as long in a first pass.
"""

import errno
import fcntl
import hashlib
import io
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import filelock
import numpy as np
import simplejpeg

from cervix_tf.data.crops import MARGIN, Region
from cervix_tf.data.photographs import cores
from cervix_tf.data.square_rows import StoredSquares, checksum
from cervix_tf.errors import UserError

# To be raised when the pixels of a square come out otherwise than before.
VERSION = 2
ROW = np.dtype([("key", "V16"), ("sum", "<u8")])
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_SPARE = 16 << 20  # bytes left free on the disk for the records and for others


def photograph_keys(
    paths: Sequence[Path | str], regions: Sequence[Region] | None = None
) -> np.ndarray:
    """Give each photograph a key that changes when its file or its region does; no file is read.

    Args:
        paths: Photographs, absolute.
        regions: What of each is used, as `crops.regions` gives it; by default the centred square.

    Returns:
        (N,) keys of 16 bytes from path, size in bytes and the times of the last change of content and of
        the file's entry, as Git tells a changed file: the second cannot be set back. And from the box,
        or path, size and times of the mask. A photograph that is not there has a key too.
    """
    keys = bytearray()
    for path, region in zip(paths, regions or [None] * len(paths), strict=True):
        state = _state(path)
        if isinstance(region, Path):
            state += f"\0mask\0{_state(region)}"
        elif region is not None:
            state += f"\0box\0{MARGIN}\0{region}"
        code = state.encode(errors="surrogateescape")
        keys += hashlib.blake2b(code, digest_size=16).digest()
    return np.frombuffer(bytes(keys), "V16")


def origin(paths: Sequence[str]) -> str:
    """Give the folder that holds all of some photographs, absolute paths."""
    return os.path.commonpath({os.path.dirname(path) for path in paths})


def _state(path: Path | str) -> str:
    try:
        state = os.stat(path)
    except OSError:
        return f"{path}\0missing"
    return f"{path}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ctime_ns}"


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Keep the sets of a folder from being pruned while the block runs."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


class CacheFile:
    """The files of one set of photographs, named by their `photograph_keys`, at one size."""

    def __init__(self, folder: Path, size: int, keys: np.ndarray, origin: str = ""):
        made_by = f"{VERSION} {size} {simplejpeg.__version__} {cv2.__version__}"
        kind = hashlib.blake2b(made_by.encode(), digest_size=3).hexdigest()
        name = hashlib.blake2b(keys.tobytes(), digest_size=8).hexdigest()
        self.folder, self.keys, self.origin = folder, keys, origin
        self.family = f"squares-{size}-{kind}-"
        self.path = folder / f"{self.family}{name}.npy"
        self.part = self.path.with_suffix(".part")
        self.rows = self.path.with_suffix(".rows")
        self.source = self.path.with_suffix(".from")
        self.shape = (len(keys), size, size, 3)

    @contextmanager
    def locked(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Keep other processes from writing the same set; `waiting` is called if one is at it."""
        lock = filelock.FileLock(self.path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            waiting()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def sums(self) -> np.ndarray:
        """Read the checksums (N,), 0 for a row that is missing or another photograph's."""
        records = _records(self.rows)
        if len(records) != len(self.keys):
            return np.zeros(len(self.keys), np.uint64)
        return np.where(records["key"] == self.keys, records["sum"], np.uint64(0))

    def missing(self, path: Path) -> np.ndarray:
        """Find the rows that are missing or damaged in `self.path` or `self.part`, ascending."""
        sums = self.sums()
        if not path.is_file():
            return np.arange(len(sums))
        return np.flatnonzero(~_agree(path, _layout(self.shape), sums))

    def open(self) -> StoredSquares:
        """Open the squares for reading, (N, size, size, 3), those in part if need be."""
        start, row = _layout(self.shape)
        path = self.path if self.path.is_file() else self.part
        # A file in part ends with the last row written.
        rows = min(len(self.keys), (path.stat().st_size - start) // row)
        handle = os.open(path, os.O_RDONLY)
        with suppress(OSError):  # a file system without locks, or of others
            fcntl.flock(handle, fcntl.LOCK_SH)  # as long as the squares are open
            os.utime(self.rows)  # when the set was last used
        return StoredSquares(path, handle, start, self.sums()[:rows], self.shape[1])

    @contextmanager
    def writing(self, missing: np.ndarray) -> Iterator[Callable[[int, np.ndarray], None]]:
        """Write the missing rows by a function of row and square; then publish the file.

        The function may be called from any thread. If the disk is full, nothing half-written is left.
        """
        start, row = _layout(self.shape)
        self._check_room(len(missing) * row)
        sums = self.sums()
        sums[missing] = 0
        records = np.zeros(len(sums), ROW)
        records["key"], records["sum"] = self.keys, sums
        mutex = threading.Lock()
        if self.path.exists():
            self.path.replace(self.part)
        try:
            with _open(self.part) as squares, _open(self.rows) as sidecar:
                self.source.write_bytes(os.fsencode(self.origin))
                _write(sidecar, 0, records.tobytes())
                _write(squares, 0, _header(self.shape))

                def write(k: int, pixels: np.ndarray) -> None:
                    records["sum"][k] = checksum(pixels.data)
                    with mutex:
                        _write(squares, start + k * row, pixels.tobytes())
                        _write(sidecar, k * ROW.itemsize, records[k].tobytes())

                yield write
            self.part.replace(self.path)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            for path in (self.part, self.rows, self.source):
                path.unlink(missing_ok=True)
            raise self._no_room(len(self.keys) * row, str(error.strerror).lower()) from error

    def other_sets(self) -> Iterator[tuple[np.ndarray, Callable[[int], bytes | None]]]:
        """Go through the other sets of the same size in the folder, whole and in part.

        Yields their keys (0 in empty records), and a function that reads a row, None if it is damaged.
        """
        for path in sorted(self.folder.glob(f"{self.family}*.rows")):
            squares = next(
                (p for p in (path.with_suffix(".npy"), path.with_suffix(".part")) if p.is_file()),
                None,
            )
            if path == self.rows or squares is None:
                continue
            records = _records(path)
            start, row = _layout((len(records), *self.shape[1:]))
            with squares.open("rb") as file:

                def read(k: int, file=file, records=records, at=(start, row)) -> bytes | None:
                    file.seek(at[0] + k * at[1])
                    pixels = file.read(at[1])
                    return pixels if checksum(pixels) == records["sum"][k] else None

                yield records["key"], read

    def _check_room(self, needed: int) -> None:
        if shutil.disk_usage(self.folder).free < needed + _SPARE:
            raise self._no_room(needed, "the disk is full")

    def _no_room(self, needed: int, reason: str) -> UserError:
        free = shutil.disk_usage(self.folder).free
        return UserError(
            f"{self.folder} has no room for the prepared squares ({reason}): {_amount(needed)} "
            f"are needed and {_amount(free)} free; name another folder with --cache, or use "
            "--cache memory."
        )


def _amount(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    facts = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, facts)
    return file.getvalue()


def _layout(shape: tuple[int, ...]) -> tuple[int, int]:
    return len(_header(shape)), int(np.prod(shape[1:]))


def _open(path: Path) -> io.RawIOBase:
    # Unbuffered, and never emptied: rows already there stay.
    return path.open("r+b" if path.exists() else "w+b", buffering=0)


def _write(file: io.RawIOBase, start: int, content: bytes) -> None:
    file.seek(start)
    if file.write(content) != len(content):  # a disk that fills up takes a part without complaint
        raise OSError(errno.ENOSPC, "No space left on device")


def _records(path: Path) -> np.ndarray:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = b""
    return np.frombuffer(data[: len(data) // ROW.itemsize * ROW.itemsize], ROW)


def _agree(path: Path, layout: tuple[int, int], sums: np.ndarray) -> np.ndarray:
    start, row = layout

    def look(first: int) -> list[bool]:
        with path.open("rb") as file:
            file.seek(start + first * row)
            return [checksum(file.read(row)) == total for total in sums[first : first + 64]]

    with ThreadPoolExecutor(cores()) as pool:
        parts = pool.map(look, range(0, len(sums), 64))
        return np.array([agrees for part in parts for agrees in part], bool)
