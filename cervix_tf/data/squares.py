"""The photographs of a manifest become squares of uint8, decoded once and kept."""

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from cervix_tf.caches import user_cache
from cervix_tf.data.cache_file import CacheFile, origin, photograph_keys, working_in
from cervix_tf.data.clusters import check_cluster
from cervix_tf.data.crops import Crop, regions
from cervix_tf.data.decoding_pass import Photograph, PhotographList, See, Store, decode_all
from cervix_tf.data.limits import max_pixels
from cervix_tf.data.manifests import check_manifest
from cervix_tf.data.photographs import Progress
from cervix_tf.data.square_rows import SquareArray, SquaresOnDemand, checksum
from cervix_tf.errors import UserError
from cervix_tf.given import as_path, check_whole


def square_size(image_size: int) -> int:
    """Choose the side of the prepared squares for a network.

    Args:
        image_size: Side of the network's input in pixels.

    Returns:
        About 8/7 of it (224 -> 256), so that random views have a margin, and such that the centre
        crop leaves a whole number of pixels at each side.

    Example:
        >>> square_size(224), square_size(160)
        (256, 182)
    """
    return image_size + 2 * round(image_size / 14)


class Squares:
    """The prepared squares of a set of photographs, in the order of the manifest; see `prepare`.

    Attributes:
        array: uint8 RGB (N, P, P, 3): with `cache="memory"` an array, otherwise an object that is
            indexed likewise and reads, or with `cache="none"` decodes, what is asked for.
        path: The cache file; None where there is none.
        fingerprint: 32 hexadecimal digits from size and content of all squares, the same on every
            machine and wherever the photographs lie.
    """

    def __init__(self, array: SquareArray, sums: np.ndarray, path: Path | None = None):
        self.array, self.path = array, path
        content = np.append(sums, array.shape[1]).astype("<u8").tobytes()
        self.fingerprint = hashlib.blake2b(content, digest_size=16).hexdigest()

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows):
        return self.array[rows]

    def __repr__(self) -> str:
        count, side = self.array.shape[:2]
        kept = "in memory" if isinstance(self.array, np.ndarray) else "decoded when asked for"
        gigabytes = count * side**2 * 3 / 1e9
        return f"Squares({count} of {side} x {side}, {gigabytes:.2f} GB, {self.path or kept})"


class _Decoding(SquaresOnDemand):
    """Decodes what is asked for, every time."""

    def __init__(self, photographs: Sequence[Photograph], size: int):
        super().__init__(len(photographs), size)
        self._photographs = photographs

    def _fill(self, squares: np.ndarray, numbers: np.ndarray) -> None:
        photographs = [self._photographs[row] for row in numbers]
        decode_all(photographs, self.shape[1], range(len(numbers)), squares.__setitem__, None)


def prepare(
    manifest: pd.DataFrame,
    size: int,
    cache: Path | str | Literal["memory", "none"] | None = None,
    progress: Progress | None = None,
    crop: Crop = "square",
    ray: str | None = None,
) -> Squares:
    """Decode the photographs of a manifest to squares, once, on every core.

    Args:
        manifest: A manifest; only its column `path` is used, and those that `crop` needs.
        size: Side of the squares in pixels; `square_size` tells it for a network.
        cache: Where the squares are kept: a folder; by default the user's cache folder; "memory";
            or "none", which decodes them anew whenever they are asked for. In a folder they are
            known by path, size and times of change of the photographs and of their masks, by their
            boxes and by `size`: a changed photograph is decoded again and the others are not. A
            killed pass is taken up where it stopped, and several processes may prepare the same
            set.
        progress: Called with the number of photographs done so far and of all.
        crop: What of each photograph is used: `square`, the centred square of its shorter side;
            `box`, the square around its box and a margin of a tenth of the longer side, moved to
            lie within the photograph, cut out at decoding (columns `box_x`, `box_y`, `box_w`,
            `box_h`); `mask`, the centred square with all black that its mask leaves out (column
            `mask`). Photographs flagged "cervix not located" keep the whole centred square.
        ray: Decode on a Ray cluster (extra `ray`): `local`, `auto`, or `HOST:PORT`, as
            [predicting](../predicting.md#on-a-ray-cluster) says. The squares come here, where they are
            kept; the photographs have the same paths on every machine.

    Returns:
        The squares, in the order of the manifest, read-only if they lie in a folder.

    Raises:
        UserError: Photographs cannot be read (all of them are named), the crop's columns are
            missing, the folder cannot be written or the disk is full, or the cluster cannot be reached.

    Warns:
        UserWarning: Cached squares were found damaged and are decoded again, another process is
            preparing the same set, or photographs are flagged "cervix not located".

    Example:
        >>> prepare(read_manifest("data"), 256, cache="memory").array.shape
        (1481, 256, 256, 3)
    """
    check_manifest(manifest)
    if ray is not None:
        check_cluster(ray)
    check_whole(size, "size", 1)
    if size * size > max_pixels():
        raise UserError(
            f"size={size}: a square has at most {max_pixels()} pixels (CERVIX_TF_MAX_PIXELS raises it)."
        )
    photographs = PhotographList(manifest["path"], regions(manifest, crop))
    if cache in ("memory", "none"):
        return _unkept(photographs, size, cache == "memory", progress, ray)
    with cache_folder(cache) as folder:
        keys = photograph_keys(photographs.paths, photographs.regions)
        file = CacheFile(folder, size, keys, origin(photographs.paths))
        return kept(photographs, file, progress, ray=ray)


@contextmanager
def cache_folder(cache: Path | str | None) -> Iterator[Path]:
    """Make the folder of the squares, keep it from being pruned, and word what goes wrong in it.

    Args:
        cache: The folder; by default one in the user's cache folder.
    """
    folder = as_path(cache, "cache") if cache else user_cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with working_in(folder):
            yield folder
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(
            f"{folder} cannot keep the prepared squares: {reason}; "
            "name another folder with --cache, or use --cache memory."
        ) from error


def _unkept(
    photographs: Sequence[Photograph],
    size: int,
    keep: bool,
    progress: Progress | None,
    ray: str | None,
) -> Squares:
    array = np.empty((len(photographs), size, size, 3), np.uint8) if keep else None
    sums = np.zeros(len(photographs), np.uint64)

    def store(row: int, pixels: np.ndarray) -> None:
        sums[row] = checksum(pixels.data)
        if array is not None:
            array[row] = pixels

    decode_all(photographs, size, range(len(photographs)), store, progress, ray=ray)
    return Squares(_Decoding(photographs, size) if array is None else array, sums)


def kept(
    photographs: Sequence[Photograph],
    file: CacheFile,
    progress: Progress | None,
    see: See | None = None,
    ray: str | None = None,
) -> Squares:
    """Complete the squares in a folder and open them; arguments as of `decode_all`."""
    if not file.path.is_file() or len(file.missing(file.path)):
        waiting = f"{file.path}: another process is preparing the same squares; waiting for it."
        with file.locked(lambda: warnings.warn(waiting, stacklevel=5)):
            _complete(photographs, file, progress, see, ray)
    if progress:
        progress(len(photographs), len(photographs))
    return Squares(file.open(), file.sums(), file.path)


def _complete(
    photographs: Sequence[Photograph],
    file: CacheFile,
    progress: Progress | None,
    see: See | None,
    ray: str | None,
) -> None:
    # Another process may have done it all while the lock was waited for.
    published = file.path.is_file()
    missing = file.missing(file.path if published else file.part)
    if published and not len(missing):
        return
    if published:
        warnings.warn(
            f"{file.path}: {len(missing)} of {len(photographs)} squares are damaged and decoded again.",
            stacklevel=6,
        )
    with file.writing(missing) as write:
        rest = borrow(file, missing, write)
        decode_all(photographs, file.shape[1], rest, write, progress, see, ray)


def borrow(file: CacheFile, missing: np.ndarray, write: Store) -> list[int]:
    """Copy what another set in the folder holds already, and return the rows that none does."""
    left = np.zeros(len(file.keys), bool)
    left[missing] = True
    # A key's first half finds the row that may have it; the whole key tells.
    halves = file.keys[missing].view("<u8")[::2]
    order = np.argsort(halves)
    rows = missing[order]
    for keys, read in file.other_sets():
        if not len(rows):
            break
        place = np.searchsorted(halves, keys.copy().view("<u8")[::2], sorter=order)
        found = rows[np.minimum(place, len(rows) - 1)]
        for number in np.flatnonzero(keys == file.keys[found]):
            row = int(found[number])
            if left[row] and (pixels := read(int(number))) is not None:
                write(row, np.frombuffer(pixels, np.uint8))
                left[row] = False
    return np.flatnonzero(left).tolist()
