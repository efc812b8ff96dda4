"""Photographs in whatever form they are at hand: a manifest, paths, bytes, arrays, PIL images."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cervix_tf.data import prepare, read_manifest
from cervix_tf.data.crops import Crop
from cervix_tf.data.decoding import UnreadableError
from cervix_tf.data.decoding_pass import UnreadablePhotographs
from cervix_tf.data.limits import check_pixels
from cervix_tf.data.manifests import COLUMNS, validated
from cervix_tf.data.names import check_readable
from cervix_tf.data.photographs import square, square_of
from cervix_tf.data.picture_values import of_pillow, rgb
from cervix_tf.data.square_reader import Read, square_reader
from cervix_tf.data.threads import spread
from cervix_tf.errors import UserError

_CONTENTS = (bytes, bytearray, memoryview)
_LONGEST = 4096  # bytes of a path


@dataclass(frozen=True)
class Photographs:
    """Photographs to predict.

    Attributes:
        table: One row a photograph, as a manifest has them; those in memory have an `image` alone.
        pictures: Those in memory, bytes, arrays or PIL images, by their row.
    """

    table: pd.DataFrame
    pictures: dict[int, Any] = field(default_factory=dict)

    def squares(
        self,
        size: int,
        crop: Crop = "square",
        cache: str | Path | None = "memory",
        progress: Callable[[int, int], None] | None = None,
    ) -> np.ndarray:
        """Decode and shrink all of them, uint8 RGB (N, size, size, 3), as `data.prepare` does."""
        if not self.pictures:
            return prepare(self.table, size, cache, progress, crop=crop).array
        self._check_crop(crop)
        squares = np.empty((len(self.table), size, size, 3), np.uint8)
        on_disk = self.table.drop(index=list(self.pictures))
        if len(on_disk):
            squares[on_disk.index] = prepare(on_disk, size, cache, progress).array

        def shrink(row: int) -> None:
            try:
                squares[row] = _square(self.pictures[row], size)
            except UnreadableError as error:
                raise self.unreadable({row: str(error)}) from error

        spread(shrink, self.pictures)
        return squares

    @contextmanager
    def reader(
        self, size: int, crop: Crop = "square", cache: str | Path | None = "none"
    ) -> Iterator[Read]:
        """Give a function of the row that makes its square, as `data.square_reader` does."""
        if not self.pictures:
            with square_reader(self.table, size, cache, crop) as read:
                yield read
            return
        self._check_crop(crop)
        on_disk = self.table.drop(index=list(self.pictures))
        place = {row: number for number, row in enumerate(on_disk.index)}
        with square_reader(on_disk, size, cache if len(on_disk) else "none") as read:
            yield (
                lambda row: read(place[row]) if row in place else _square(self.pictures[row], size)
            )

    def of_rows(self, rows: range) -> "Photographs":
        """Take neighbouring rows alone."""
        pictures = {row - rows.start: self.pictures[row] for row in rows if row in self.pictures}
        return Photographs(self.table[rows.start : rows.stop].reset_index(drop=True), pictures)

    def unreadable(self, reasons: dict[int, str]) -> UserError:
        """Word what is wrong with photographs, by their rows."""
        for row in self.pictures:
            if row in reasons:
                name = self.table["image"][row]
                return UserError(
                    f"{name} cannot be read: {reasons[row]}; replace it or leave it out."
                )
        on_disk = self.table["path"].drop(index=list(self.pictures))
        place = {row: number for number, row in enumerate(on_disk.index)}
        return UnreadablePhotographs(
            [Path(path) for path in on_disk], {place[row]: why for row, why in reasons.items()}
        )

    def _check_crop(self, crop: Crop) -> None:
        if crop != "square":
            raise UserError(
                f"The run was trained with crop: {crop}, and pictures in memory have no {crop}: give "
                "the manifest that `cervix-tf segment` wrote."
            )


def as_photographs(given: Any) -> Photographs:
    """Take photographs in whatever form they are at hand.

    Args:
        given: A manifest; a path as `data.read_manifest` takes it (folder, CSV, one photograph); the
            content of a file as bytes; an array, (H, W, 3) RGB, (H, W) grey, with or without a channel
            of opacity, or a stack (N, H, W, C), of values as `picture_values.rgb` takes them, but no
            floats up to 1; a PIL image of any mode, turned upright by its EXIF tag; or a list of
            paths of photographs (or an array of them), bytes, arrays and PIL images. The same photograph
            gives the same values whichever way it comes in.

    Returns:
        The photographs; those on disk are not read yet.

    Raises:
        UserError: A path does not exist or is listed twice, an array has another shape, or there is
            nothing.

    Example:
        >>> pair = as_photographs(["photographs/1.jpg", np.zeros((480, 640, 3), "uint8")])
        >>> pair.table["image"].tolist()
        ['1.jpg', 'picture 2']
    """
    if isinstance(given, pd.DataFrame):
        return Photographs(validated(given).reset_index(drop=True))
    if isinstance(given, str | Path):
        return Photographs(read_manifest(given, labelled=False).reset_index(drop=True))
    several = isinstance(given, Iterable) and not isinstance(given, _CONTENTS)
    if isinstance(given, np.ndarray):
        several = given.ndim == 4 or (given.ndim == 1 and given.dtype.kind in "OU")
    given = list(given) if several else [given]
    given = [bytes(one) if isinstance(one, _CONTENTS) else one for one in given]
    if not given:
        raise UserError("There is no photograph to predict: the list is empty.")
    paths = {row: str(one) for row, one in enumerate(given) if isinstance(one, str | Path)}
    pictures = {row: one for row, one in enumerate(given) if row not in paths}
    names = [
        Path(file).name if (file := _file(one)) else f"picture {row + 1}"
        for row, one in enumerate(given)
    ]
    for row, picture in pictures.items():
        _check(picture, names[row])
    table = pd.DataFrame(columns=COLUMNS)
    if paths:
        check_readable(paths.values())
        table = validated(pd.DataFrame({"path": paths.values()}), "the list")
        table.index = pd.Index(paths)
    return Photographs(table.reindex(range(len(given))).assign(image=names), pictures)


def _file(one: Any) -> Any:
    return one if isinstance(one, str | Path) else getattr(one, "filename", None)


def _check(picture: Any, name: str) -> None:
    from PIL import Image

    if isinstance(picture, bytes) and len(picture) < _LONGEST and os.path.exists(picture):
        raise UserError(f"{os.fsdecode(picture)} is a path as bytes: give it as text.")
    if isinstance(picture, Image.Image | bytes):
        return
    if not isinstance(picture, np.ndarray):
        raise UserError(
            f"{name} is of type {type(picture).__name__}: give paths, bytes, arrays or PIL images."
        )
    channels = picture.shape[2] if picture.ndim == 3 else picture.ndim - 1  # 1 of a grey one
    if picture.ndim not in (2, 3) or channels not in (1, 2, 3, 4) or 0 in picture.shape:
        raise UserError(
            f"{name} has the shape {picture.shape}: give RGB, (height, width, 3), or grey, "
            "(height, width)."
        )
    if picture.dtype not in (np.uint8, np.uint16, bool):
        floats, numbers = picture.dtype.kind == "f", picture.dtype.kind in "iuf"
        low, high = (float(picture.min()), float(picture.max())) if numbers else (0, 0)
        # Floats up to 1 are most likely shares of 255, which a network would take for black.
        if not numbers or not (low >= 0 and (1 if floats else -1) < high <= 65535):
            raise UserError(
                f"{name} is {picture.dtype}"
                + (f" from {low:g} to {high:g}" if numbers else "")
                + ": give uint8, or floats from 0 to 255 (multiply those from 0 to 1 by 255)."
            )


def _square(picture: Any, size: int) -> np.ndarray:
    if isinstance(picture, bytes):
        return square(Path(), size, data=picture)
    return square_of(_rgb(picture), size)


def _rgb(picture: Any) -> np.ndarray:
    if isinstance(picture, np.ndarray):
        return rgb(picture)
    check_pixels(picture.height, picture.width)
    try:
        return of_pillow(picture)
    except (OSError, SyntaxError, ValueError) as error:  # Pillow reads when it is first asked
        raise UnreadableError(str(error)) from error
