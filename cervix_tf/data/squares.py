"""Prepared squares: every photograph decoded once, kept as uint8, mapped into memory."""

import hashlib
import warnings
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import platformdirs
import simplejpeg
from filelock import FileLock

from cervix_tf.data.decoding import UnreadableError
from cervix_tf.data.photographs import cores, square, unreadable
from cervix_tf.errors import UserError
from cervix_tf.files import disk_errors

VERSION = 1  # raised whenever the pixels of a square would come out otherwise than before
WRITTEN = 1 << 32  # marks a checksum as written, even one that is 0
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Squares:
    """The squares of a manifest's photographs, in the order of its rows.

    Attributes:
        array: uint8 (N, P, P, 3), RGB: an array, a file mapped into memory, or with `cache="none"`
            an object that is indexed likewise and decodes what is asked for.
        path: The cache file, None where there is none.
    """

    array: np.ndarray
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows):
        return self.array[rows]


def square_size(image_size: int) -> int:
    """Side of the prepared square from which a network's input is cut.

    A seventh is left around the centre crop, 256 for 224, always a whole number of pixels on each
    side, so that centre crop, flips and quarter turns move pixels without interpolating.

    Args:
        image_size: Side of the network's input in pixels.

    Returns:
        The side of the square in pixels.

    Example:
        >>> square_size(224), square_size(160)
        (256, 182)
    """
    return image_size + 2 * round(image_size / 14)


def prepare(
    manifest: pd.DataFrame,
    size: int,
    cache: Path | str | None = None,
    progress: Progress | None = None,
) -> Squares:
    """Decode the squares of a manifest's photographs, or take them from the cache.

    Cached squares lie in one file, named by a fingerprint of the photographs (path, size in bytes,
    time of the last change), the size and the decoder; beside it a checksum for each. A square counts
    only while its checksum agrees, so a kill, a full disk and a damaged disk come to the same: some
    squares are decoded again. Several processes may ask for the same set; one of them decodes.

    Args:
        manifest: The photographs.
        size: Side of the squares in pixels, at least 1.
        cache: A folder; None for the user's cache folder; `memory` to keep the squares in memory
            alone; `none` to decode again whenever a square is asked for.
        progress: Called with the number of squares ready and of all.

    Returns:
        The squares, in the manifest's order.

    Raises:
        UserError: Photographs cannot be read, all of them named; or the cache cannot be written.

    Example:
        >>> prepare(read_manifest("data"), 256).array.shape
        (1481, 256, 256, 3)
    """
    paths = [Path(p) for p in manifest["path"]]
    progress = progress or (lambda done, total: None)
    if cache in ("memory", "none"):
        if cache == "none":
            _refuse(unreadable(paths, progress))
            return Squares(_Decoding(paths, size))  # type: ignore[arg-type]
        array = np.empty((len(paths), size, size, 3), np.uint8)
        _decode(paths, range(len(paths)), array, lambda row: None, progress)
        return Squares(array)
    folder = Path(cache) if cache else Path(platformdirs.user_cache_dir("cervix_tf", False))
    path = folder / f"squares-{size}-{fingerprint(paths, size)}.npy"
    with disk_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            _fill(path, paths, size, progress)
        return Squares(np.load(path, mmap_mode="r"), path)


def fingerprint(paths: Sequence[Path], size: int) -> str:
    """Name a set of photographs, in order, at a size; a changed photograph changes it.

    Args:
        paths: The photographs.
        size: Side of the squares in pixels.

    Returns:
        16 hexadecimal digits.

    Raises:
        UserError: A photograph is not there.
    """
    digest = hashlib.blake2b(digest_size=8)
    digest.update(f"{VERSION} {size} {simplejpeg.__version__} {cv2.__version__}".encode())
    for path in paths:
        try:
            state = path.stat()
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}.") from error
        line = f"\0{path.absolute()}\0{state.st_size}\0{state.st_mtime_ns}"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _fill(path: Path, paths: list[Path], size: int, progress: Progress) -> None:
    """Bring the cache file to where every square is there and agrees with its checksum."""
    sums_path = path.with_suffix(".sums")
    shape, header = (len(paths), size, size, 3), 128
    whole = header + int(np.prod(shape, dtype=np.int64))
    known = path.is_file() and path.stat().st_size == whole
    known = known and sums_path.is_file() and sums_path.stat().st_size == 8 * len(paths)
    if not known:
        path.unlink(missing_ok=True)
        try:
            array = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
            _reserve(path)  # a full disk is found now, not as a bus error in the middle
            np.zeros(len(paths), np.uint64).tofile(sums_path)
        except OSError:
            path.unlink(missing_ok=True)
            sums_path.unlink(missing_ok=True)
            raise
    else:
        array = np.load(path, mmap_mode="r+")
    sums = np.memmap(sums_path, np.uint64, "r+")
    with ThreadPoolExecutor(cores()) as pool:
        agree = np.fromiter(pool.map(lambda k: _sum(array[k]) == sums[k], range(len(paths))), bool)
    damaged = int(((sums != 0) & ~agree).sum())
    if damaged:
        warnings.warn(
            f"{damaged} squares in {path} do not agree with their checksums; they are decoded again.",
            stacklevel=4,
        )

    def written(row: int) -> None:
        sums[row] = _sum(array[row])

    _decode(paths, np.flatnonzero(~agree), array, written, progress)
    array.flush()
    sums.flush()


def _decode(
    paths: Sequence[Path],
    rows: Sequence[int] | np.ndarray | range,
    array: np.ndarray,
    written: Callable[[int], None],
    progress: Progress,
) -> None:
    """Decode rows of an array, a thread a core, and name all photographs that cannot be read."""
    failed: dict[Path, str] = {}

    def work(row: int) -> None:
        try:
            array[row] = square(paths[row], array.shape[1])
            written(row)
        except UnreadableError as error:
            failed[paths[row]] = str(error)

    ready = len(paths) - len(rows)
    progress(ready, len(paths))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # OpenCV's own pool would fight for the same cores
    try:
        with ThreadPoolExecutor(cores()) as pool:
            for done, _ in enumerate(pool.map(work, rows), ready + 1):
                progress(done, len(paths))
    finally:
        cv2.setNumThreads(threads)
    _refuse({p: failed[p] for p in paths if p in failed})


def _refuse(failed: dict) -> None:
    if failed:
        names = "; ".join(f"{path} ({reason})" for path, reason in failed.items())
        raise UserError(
            f"{len(failed)} photographs cannot be read; replace them or take them out: {names}."
        )


class _Decoding:
    """Indexed like the array of squares; decodes what is asked for, every time."""

    def __init__(self, paths: Sequence[Path], size: int):
        self._paths = np.array(paths, dtype=object)
        self.shape, self.dtype = (len(paths), size, size, 3), np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, rows):
        rows, *rest = rows if isinstance(rows, tuple) else (rows,)
        chosen = self._paths[rows]
        several = np.atleast_1d(chosen)
        found = np.empty((len(several), *self.shape[1:]), np.uint8)
        _decode(several, range(len(several)), found, lambda row: None, lambda done, total: None)
        return (found if isinstance(chosen, np.ndarray) else found[0])[(slice(None), *rest)]


def _sum(pixels: np.ndarray) -> int:
    return WRITTEN | zlib.crc32(np.ascontiguousarray(pixels))


def _reserve(path: Path) -> None:
    """Take the file's place on the disk, where the system can."""
    import os

    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
