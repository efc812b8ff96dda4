"""Photographs in whatever form they are at hand: a manifest, paths, arrays, PIL images."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cervix_tf.data import prepare, read_manifest
from cervix_tf.data.crops import Crop
from cervix_tf.data.manifests import validated
from cervix_tf.data.photographs import cores, square_of
from cervix_tf.errors import UserError


@dataclass(frozen=True)
class Photographs:
    """Photographs to predict.

    Attributes:
        names: What each is called in a table.
        manifest: Those on disk; None where there are none.
        pictures: Those in memory, arrays or PIL images, by their place among all.
    """

    names: list[str]
    manifest: pd.DataFrame | None
    pictures: dict[int, Any] = field(default_factory=dict)

    def squares(
        self,
        size: int,
        crop: Crop = "square",
        cache: str | Path | None = "memory",
        progress: Callable[[int, int], None] | None = None,
    ) -> np.ndarray:
        """Decode and shrink all of them, uint8 RGB (N, size, size, 3), as `data.prepare` does."""
        if self.pictures and crop != "square":
            raise UserError(
                f"The run was trained with crop: {crop}, and pictures in memory have no {crop}: give "
                "the manifest that `cervix-tf segment` wrote."
            )
        read = None
        if self.manifest is not None:
            read = prepare(self.manifest, size, cache, progress, crop=crop).array
            if not self.pictures:
                return read
        done = np.empty((len(self.names), size, size, 3), np.uint8)
        if read is not None:
            done[[k for k in range(len(self.names)) if k not in self.pictures]] = read

        def shrink(k: int) -> None:
            done[k] = square_of(_rgb(self.pictures[k], self.names[k]), size)

        with ThreadPoolExecutor(cores()) as pool:
            list(pool.map(shrink, self.pictures))
        return done


def photographs(given: Any) -> Photographs:
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
        >>> photographs(["photographs/1.jpg", np.zeros((480, 640, 3), "uint8")]).names
        ['1.jpg', 'picture 2']
    """
    if isinstance(given, pd.DataFrame | str | Path):
        table = (
            validated(given, "the manifest")
            if isinstance(given, pd.DataFrame)
            else read_manifest(given, labelled=False)
        )
        return Photographs(table["image"].tolist(), table)
    several = given.ndim == 4 if isinstance(given, np.ndarray) else isinstance(given, Iterable)
    given = list(given) if several else [given]
    if not given:
        raise UserError("There is no photograph to predict: the list is empty.")
    pictures = {k: one for k, one in enumerate(given) if not isinstance(one, str | Path)}
    paths = [str(one) for one in given if isinstance(one, str | Path)]
    table = validated(pd.DataFrame({"path": paths}), "the list") if paths else None
    names = [
        Path(file).name if (file := _file(one)) else f"picture {k + 1}"
        for k, one in enumerate(given)
    ]
    for k, one in pictures.items():
        _check(one, names[k])
    return Photographs(names, table, pictures)


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
