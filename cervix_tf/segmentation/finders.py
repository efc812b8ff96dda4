"""What finds the cervix in photographs: a method, or people who drew it."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cervix_tf.data.flags import NOT_LOCATED
from cervix_tf.errors import listed, unknown
from cervix_tf.segmentation.annotations.matching import matched
from cervix_tf.segmentation.annotations.reading import Annotations, read_annotations
from cervix_tf.segmentation.annotations.shapes import Box, Picture, drawn, hull
from cervix_tf.segmentation.methods import METHODS, Finding, Model

log = logging.getLogger(__name__)

Photograph = tuple[np.ndarray, tuple[int, int]]  # a small picture of it; its full height and width
# What is found in photographs, each given with its row, and the `map` of a pool of threads.
Find = Callable[[Sequence[tuple[int, Photograph]], Callable], list[Finding]]


def by_method(method: str, model: Model, options: dict[str, Any]) -> tuple[Find, dict[str, Any]]:
    """Find by a method of `METHODS`; beside it what its results depend on."""
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    find, used = METHODS[method](model, options)

    def find_each(given: Sequence[tuple[int, Photograph]], map_: Callable) -> list[Finding]:
        return find([picture for _, (picture, _) in given], map_)

    return find_each, {"method": method, **used}


def by_annotations(
    annotations: Annotations | Path | str, category: str | None, manifest: pd.DataFrame
) -> tuple[Find, dict[str, Any]]:
    """Find what people drew in the photographs of a manifest."""
    if not isinstance(annotations, Annotations):
        annotations = read_annotations(annotations, category)
    drawings = matched(annotations, manifest["path"].tolist())

    def find(given: Sequence[tuple[int, Photograph]], map_: Callable) -> list[Finding]:
        def one(row: int, photograph: Photograph) -> tuple[Finding, list[str]]:
            return _drawn_in(drawings[row], photograph[0].shape[:2], photograph[1])

        pairs = list(map_(lambda pair: one(*pair), given))
        if lost := [name for _, names in pairs for name in names]:
            log.warning(
                f"{annotations.path}: {len(lost)} shapes lie outside of their photographs or are too "
                f"small to mark a pixel, and are left out: {listed(lost)}. Draw them anew."
            )
        return [finding for finding, _ in pairs]

    return find, {"annotations": annotations.digest}


def _drawn_in(
    picture: Picture | None, side: tuple, size: tuple[int, int]
) -> tuple[Finding, list[str]]:
    """What was drawn in a photograph, as a mask of another size; without an outline boxes count.

    Beside it the shapes that mark nothing of the photograph, which do not count.
    """
    if picture is None:
        return Finding(None, flag=NOT_LOCATED), []
    whole = picture.whole(size)
    mask, boxes, lost = np.zeros(side, bool), [], []
    for number, (label, shape) in enumerate(picture.shapes, 1):
        if isinstance(shape, Box):
            inside = hull([shape], whole) is not None
            boxes += [shape] * inside
        else:
            pixels = drawn([shape], whole, side)
            inside = bool(pixels.any())
            mask |= pixels
        if not inside:
            lost.append(f"{picture.name} (shape {number}, {label})")
    if mask.any() or not picture.shapes:
        return Finding(mask), lost
    box = hull(boxes, whole) if boxes else None
    return Finding(None, box, None if box else NOT_LOCATED), lost
