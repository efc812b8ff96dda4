"""The file that holds the prepared squares of one set of photographs.

Two files make a set: `NAME.npy`, the squares, which numpy maps into memory, and `NAME.rows`, one
record a row with the key of its photograph and a checksum. A row counts only where its record names
the right photograph and the checksum agrees, so a kill, a power cut, a full disk and a damaged disk
all come to the same thing: some rows are missing and are decoded again. While rows are missing the
squares are called `NAME.part`; `NAME.npy` is there only when it is whole.
"""

import errno
import hashlib
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import filelock
import numpy as np
import simplejpeg

from cervix_tf.data.photographs import cores

# Raised when the pixels of a square would come out otherwise than before.
VERSION = 1
ROW = np.dtype([("key", "V16"), ("sum", "<u8")])
_WRITTEN = 1 << 32  # marks a record as written, beside a checksum that may be 0
_FULL = {errno.ENOSPC, errno.EDQUOT}


def photograph_keys(paths: list[Path]) -> np.ndarray:
    """Tell photographs apart, and a changed one from what it was, without reading them.

    Args:
        paths: Photographs, absolute.

    Returns:
        (N,) keys of 16 bytes from path, size in bytes and time of the last change. A photograph
        that is not there has a key too.
    """
    keys = []
    for path in paths:
        try:
            state = path.stat()
            known = f"{path}\0{state.st_size}\0{state.st_mtime_ns}"
        except OSError:
            known = f"{path}\0missing"
        keys.append(hashlib.blake2b(known.encode(errors="surrogateescape"), digest_size=16).digest())
    return np.array(keys, "V16")


def checksum(pixels: np.ndarray | bytes) -> int:
    """Sum up the content of one square; never 0."""
    return _WRITTEN | zlib.crc32(pixels)


class CacheFile:
    """The two files of one set of photographs at one size.

    Args:
        folder: Where they lie; created if need be.
        size: Side of the squares in pixels.
        keys: What `photograph_keys` made of the photographs.
    """

    def __init__(self, folder: Path, size: int, keys: np.ndarray):
        made_by = f"{VERSION} {size} {simplejpeg.__version__} {cv2.__version__}"
        kind = hashlib.blake2b(made_by.encode(), digest_size=3).hexdigest()
        name = hashlib.blake2b(keys.tobytes(), digest_size=8).hexdigest()
        self.folder, self.size, self.keys = folder, size, keys
        self.family = f"squares-{size}-{kind}-"
        self.path = folder / f"{self.family}{name}.npy"
        self.part = self.path.with_suffix(".part")
        self.rows = self.path.with_suffix(".rows")
        self.shape = (len(keys), size, size, 3)
        self._row = size * size * 3
        self._header = _header(self.shape)
        self._mutex = threading.Lock()

    @contextmanager
    def lock(self, path: Path | None = None, wait: bool = True) -> Iterator[None]:
        """Keep other processes from writing the same set; a kill sets the lock free."""
        path = (path or self.path).with_suffix(".lock")
        with filelock.FileLock(path, timeout=-1 if wait else 0):
            yield

    def sums(self) -> np.ndarray:
        """Read the checksums, 0 for a row that is missing or belongs to another photograph."""
        records = _records(self.rows)
        if len(records) != len(self.keys):
            return np.zeros(len(self.keys), np.uint64)
        return np.where(records["key"] == self.keys, records["sum"], 0)

    def missing(self, path: Path) -> np.ndarray:
        """Find the rows of a file of squares that are missing or damaged.

        Args:
            path: `self.path` or `self.part`.

        Returns:
            Row numbers, ascending; all of them if the file is not there or is cut short.
        """
        sums = self.sums()
        whole = len(self._header) + len(self.keys) * self._row
        with path.open("rb") if path.is_file() else open_nothing() as file:
            if file is None or (path == self.path and path.stat().st_size != whole):
                return np.arange(len(sums))
        return np.flatnonzero(~self._agree(path, sums))

    def _agree(self, path: Path, sums: np.ndarray) -> np.ndarray:
        def look(start: int) -> list[bool]:
            with path.open("rb") as file:
                file.seek(len(self._header) + start * self._row)
                return [
                    bool(total) and checksum(file.read(self._row)) == total
                    for total in sums[start : start + 64]
                ]

        with ThreadPoolExecutor(cores()) as pool:
            parts = pool.map(look, range(0, len(sums), 64))
            return np.array([agrees for part in parts for agrees in part], bool)
