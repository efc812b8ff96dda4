"""The localiser at work: on the photographs of a manifest, and as a method of `segment`."""

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from cervix_tf.data.crops import BOX
from cervix_tf.data.flags import GIVEN_BY, NOT_LOCATED, UNREADABLE, flag_words, join_flags, reflag
from cervix_tf.data.manifests import validated
from cervix_tf.data.photographs import Progress, dimensions_of
from cervix_tf.errors import UserError
from cervix_tf.files import replacing
from cervix_tf.segmentation.localizer.model import SHIPPED, Localizer, load_localizer, squeezed


def locate(
    manifest: pd.DataFrame,
    localizer: Localizer | Path | str | None = None,
    masks: Path | str | None = None,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Find the cervix in the photographs of a manifest.

    Args:
        manifest: A manifest.
        localizer: A localiser or its file; by default the one that comes with the package.
        masks: A folder to write masks into, as `masks/N.png` with N the row, 0 and 255, in the
            proportions of the photograph with 512 pixels on the longer side at most.
        batch_size: Photographs at a time.
        progress: Called with the number of photographs done so far and of all.

    Returns:
        The manifest with `box_x`, `box_y`, `box_w` and `box_h` (pixels of the upright photograph:
        left, top, width, height), `confidence`, `mask` where masks were asked for, and in `flags`
        "cervix not located" where the confidence is below the localiser's threshold: the box is
        missing there, and `crop: box` keeps the whole square. A photograph that cannot be read is
        flagged so too, and "unreadable".

    Raises:
        UserError: The localiser does not exist.

    Warns:
        UserWarning: Photographs in which the cervix was not located, or that cannot be read; how many.

    Example:
        >>> locate(read_manifest("photographs", labelled=False))[["image", "box_x", "confidence"]]
    """
    manifest = validated(manifest, "the manifest")
    if not isinstance(localizer, Localizer):
        localizer = load_localizer(localizer)
    rows: list[dict] = []
    for paths in _parts(manifest["path"].tolist(), batch_size):
        images, reasons = squeezed(paths, localizer.size)
        found = localizer.predict(images, batch_size)
        for k, (path, mask, box, sure) in enumerate(zip(paths, *found, strict=True)):
            row: dict[str, Any] = {"confidence": 0.0 if k in reasons else round(float(sure), 4)}
            if k in reasons:
                row["flag"] = join_flags([UNREADABLE, NOT_LOCATED])
            elif sure < localizer.threshold:
                row["flag"] = NOT_LOCATED
            if k not in reasons:
                height, width = dimensions_of(Path(path))
                if "flag" not in row:
                    pixels = np.round(box * [width, height, width, height], 1)
                    row |= dict(zip(BOX, pixels.tolist(), strict=True))
                if masks is not None:
                    row["mask"] = _written(mask, height, width, Path(masks), len(rows))
            rows.append(row)
        if progress:
            progress(len(rows), len(manifest))
    columns = [*BOX, "confidence", "flag", *(["mask"] if masks is not None else [])]
    table = pd.DataFrame(rows, columns=columns, index=manifest.index)
    _warn(table["flag"], len(manifest))
    manifest = manifest.assign(**{c: table[c] for c in columns if c != "flag"})
    return reflag(manifest, GIVEN_BY["segment"], table["flag"].map(flag_words))


def locator(
    model: Path | None = None, options: dict[str, Any] | None = None
) -> tuple[Callable[[Sequence[np.ndarray]], list[tuple]], dict[str, Any]]:
    """Make what `segment` looks at photographs with by the method "localizer".

    Args:
        model: A file that `fit_localizer` wrote; by default the one that comes with the package.
        options: None are known.

    Returns:
        A function of whole photographs, RGB uint8 (H, W, 3) of any sizes, to a list of mask (bool,
        (H, W)), box (shares of width and height; None where nothing was found) and flag (None or
        "cervix not located"); and what its results depend on, as JSON holds it.

    Raises:
        UserError: The model is no localiser, or an option is given.

    Example:
        >>> find, settings = locator()
        >>> [(mask, box, flag)] = find([picture])
    """
    for name in options or {}:
        raise UserError(f"The method localizer has no option {name!r}: leave it out.")
    path = model or SHIPPED
    localizer = load_localizer(path)

    def find(pictures: Sequence[np.ndarray]) -> list[tuple]:
        side = localizer.size
        small = [cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in pictures]
        images = np.stack(small) if small else np.zeros((0, side, side, 3), np.uint8)
        found = []
        for picture, mask, box, sure in zip(pictures, *localizer.predict(images), strict=True):
            height, width = picture.shape[:2]
            whole_mask = cv2.resize(mask.astype(np.uint8) * 255, (width, height)) > 127
            flag = None if sure >= localizer.threshold else NOT_LOCATED
            found.append((whole_mask, tuple(box.tolist()) if mask.any() else None, flag))
        return found

    content = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
    return find, {"localizer": content}


def _written(mask: np.ndarray, height: int, width: int, folder: Path, row: int) -> str:
    scale = min(1.0, 512 / max(height, width))
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    picture = cv2.resize(mask.astype(np.uint8) * 255, shape, interpolation=cv2.INTER_LINEAR)
    path = folder.absolute() / f"{row}.png"
    with replacing(path) as part:
        cv2.imwrite(str(part), np.where(picture > 127, 255, 0).astype(np.uint8))
    return str(path)


def _warn(flags: pd.Series, count: int) -> None:
    flags = flags.fillna("").astype(str)
    unreadable = int(flags.str.contains(UNREADABLE).sum())
    lost = int((flags == NOT_LOCATED).sum())
    said = [f"in {lost} of {count} photographs the cervix was not located"] if lost else []
    said += [f"{unreadable} of {count} cannot be read"] if unreadable else []
    if said:
        warnings.warn(f"Flagged: {'; '.join(said)}.", stacklevel=3)


def _parts(paths: list, size: int) -> Iterator[list]:
    return (paths[first : first + size] for first in range(0, len(paths), size))
