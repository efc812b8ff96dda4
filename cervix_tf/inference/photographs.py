"""Photographs in whatever form they are at hand: a manifest, paths, arrays, PIL images."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cervix_tf.data import prepare, read_manifest
from cervix_tf.data.crops import Crop
from cervix_tf.data.manifests import COLUMNS, validated
from cervix_tf.data.photographs import square_of
from cervix_tf.data.threads import spread
from cervix_tf.errors import UserError


@dataclass(frozen=True)
class Photographs:
    """Photographs to predict.

    Attributes:
        table: One row a photograph, as a manifest has them; those in memory have an `image` alone.
        pictures: Those in memory, arrays or PIL images, by their row.
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
        if crop != "square":
            raise UserError(
                f"The run was trained with crop: {crop}, and pictures in memory have no {crop}: give "
                "the manifest that `cervix-tf segment` wrote."
            )
        squares = np.empty((len(self.table), size, size, 3), np.uint8)
        on_disk = self.table.drop(index=list(self.pictures))
        if len(on_disk):
            squares[on_disk.index] = prepare(on_disk, size, cache, progress).array

        def shrink(row: int) -> None:
            rgb = _rgb(self.pictures[row], self.table["image"][row])
            squares[row] = square_of(rgb, size)

        spread(shrink, self.pictures)
        return squares


def as_photographs(given: Any) -> Photographs:
    """Take photographs in whatever form they are at hand.

    Args:
        given: A manifest; a path as `data.read_manifest` takes it (folder, CSV, one photograph); an
            array, uint8 RGB (H, W, 3) or (N, H, W, 3), or of floats from 0 to 255; a PIL image, turned
            upright by its EXIF tag; or a list of paths of photographs, arrays and PIL images.

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
        return Photographs(validated(given, "the manifest").reset_index(drop=True))
    if isinstance(given, str | Path):
        return Photographs(read_manifest(given, labelled=False).reset_index(drop=True))
    several = given.ndim == 4 if isinstance(given, np.ndarray) else isinstance(given, Iterable)
    given = list(given) if several else [given]
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
        table = validated(pd.DataFrame({"path": paths.values()}), "the list")
        table.index = pd.Index(paths)
    return Photographs(table.reindex(range(len(given))).assign(image=names), pictures)


def _file(one: Any) -> Any:
    return one if isinstance(one, str | Path) else getattr(one, "filename", None)


def _check(picture: Any, name: str) -> None:
    from PIL import Image

    if isinstance(picture, Image.Image):
        return
    if not isinstance(picture, np.ndarray):
        raise UserError(
            f"{name} is of type {type(picture).__name__}: give paths, arrays or PIL images."
        )
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise UserError(f"{name} has the shape {picture.shape}: give RGB, (height, width, 3).")
    if picture.dtype != np.uint8:
        floats = np.issubdtype(picture.dtype, np.floating)
        low, high = (picture.min(), picture.max()) if floats else (0, 0)
        # Floats up to 1 are most likely shares of 255, which a network would take for black.
        if not floats or not (low >= 0 and 1 < high <= 255):
            raise UserError(
                f"{name} is {picture.dtype}"
                + (f" from {low:g} to {high:g}" if floats else "")
                + ": give uint8, or floats from 0 to 255 (multiply those from 0 to 1 by 255)."
            )


def _rgb(picture: Any, name: str) -> np.ndarray:
    if isinstance(picture, np.ndarray):
        return picture if picture.dtype == np.uint8 else np.rint(picture).astype(np.uint8)
    from PIL import ImageOps

    try:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:  # Pillow reads when it is first asked
        raise UserError(f"{name} cannot be read: {error}; replace it or leave it out.") from error
