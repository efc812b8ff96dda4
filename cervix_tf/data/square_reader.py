"""The square of one photograph after the other, decoded when it is asked for and kept in a folder."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data.cache_file import CacheFile, origin, photograph_keys
from cervix_tf.data.crops import Crop, regions
from cervix_tf.data.decoding_pass import Photograph, PhotographList
from cervix_tf.data.photographs import square
from cervix_tf.data.squares import borrow, cache_folder

Read = Callable[[int], np.ndarray]


class _Incomplete(Exception):
    """Squares of the set were not asked for: its file stays a part."""


@contextmanager
def square_reader(
    manifest: pd.DataFrame, size: int, cache: Path | str | None = "none", crop: Crop = "square"
) -> Iterator[Read]:
    """Give a function that makes a photograph's square, while others are being made in other threads.

    Memory does not grow with the number of photographs, nor is any decoded before it is asked for.

    Args:
        manifest: As `prepare` takes it.
        size: Side of the squares.
        cache: As `prepare` takes it; "memory" is "none" here. A set that is not whole in the folder is
            completed as its squares are asked for.
        crop: As `prepare` takes it.

    Yields:
        A function of the row, to be called from any thread: uint8 RGB (size, size, 3). It raises
        `UnreadableError` where the photograph cannot be read.

    Raises:
        UserError: The crop's columns are missing, or the folder cannot be written.
    """
    photographs = PhotographList(manifest["path"], regions(manifest, crop))
    if cache in ("memory", "none"):

        def decoded(row: int) -> np.ndarray:
            path, region = photographs[row]
            return square(path, size, region)

        yield decoded
        return
    with cache_folder(cache) as folder:
        keys = photograph_keys(photographs.paths, photographs.regions)
        file = CacheFile(folder, size, keys, origin(photographs.paths))
        if file.path.is_file() and not len(file.missing(file.path)):
            yield file.open().__getitem__
            return
        waiting = f"{file.path}: another process is preparing the same squares; waiting for it."
        with file.locked(lambda: warnings.warn(waiting, stacklevel=5)):
            missing = file.missing(file.path if file.path.is_file() else file.part)
            try:
                with _completing(photographs, file, missing) as read:
                    yield read
            except _Incomplete:
                pass


@contextmanager
def _completing(
    photographs: Sequence[Photograph], file: CacheFile, missing: np.ndarray
) -> Iterator[Read]:
    with file.writing(missing) as write:
        left = set(borrow(file, missing, write))
        stored = file.open()  # the rows that are not left lie within it

        def read(row: int) -> np.ndarray:
            if row not in left:
                return stored[row]
            path, region = photographs[row]
            pixels = square(path, file.shape[1], region)
            write(row, pixels)
            done.append(row)
            return pixels

        done: list[int] = []
        yield read
        if len(left.difference(done)):
            raise _Incomplete
