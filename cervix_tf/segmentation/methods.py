"""The methods of `segment` by name: what each takes, and how it finds the cervix in photographs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cervix_tf.data.flags import NOT_LOCATED
from cervix_tf.errors import UserError, unknown
from cervix_tf.segmentation.localizer.model import Localizer, load_localizer
from cervix_tf.segmentation.superpixels import superpixel_mask


@dataclass(frozen=True)
class Finding:
    """What a method found in one photograph.

    Attributes:
        mask: bool, as large as the picture received; empty where there is no cervix, None where a box
            is all that is known, or nothing.
        box: Left, top, width and height as fractions of the picture's width and height; None to take
            the smallest box around the largest connected part of the mask.
        flag: What a user should know of this photograph; None where nothing.
        confidence: How sure the method is, in [0, 1]; None where it cannot tell.
    """

    mask: np.ndarray | None
    box: tuple[float, float, float, float] | None = None
    flag: str | None = None
    confidence: float | None = None


Model = Localizer | Path | str | None
# Whole photographs, RGB uint8 (H, W, 3), and `map` or the `map` of a pool of threads -> what was found
# in each photograph, in their order.
Finder = Callable[[Sequence[np.ndarray], Callable], list[Finding]]
# Model (or None) and options -> the finder, and all that its results depend on, as JSON holds it.
# Raises UserError for whatever is wrong with either.
Method = Callable[[Model, dict[str, Any]], tuple[Finder, dict[str, Any]]]


def superpixels(model: Model, options: dict[str, Any]) -> tuple[Finder, dict[str, Any]]:
    """Find by `superpixel_mask`; `options` are its options."""
    names = ("reference", "segments", "keep", "space", "highlights", "limit")
    for name in options:
        if name not in names:
            raise unknown("option of superpixels", name, names)
    if model is not None:
        raise UserError(f"The method superpixels takes no model: leave out {model}.")
    superpixel_mask(np.zeros((16, 16, 3), np.uint8), **options)  # judges them before any work

    def find(pictures: Sequence[np.ndarray], map_: Callable) -> list[Finding]:
        return [Finding(mask) for mask in map_(lambda p: superpixel_mask(p, **options), pictures)]

    settings = dict(options)
    if settings.get("reference") is not None:
        settings["reference"] = np.asarray(settings["reference"], float).tolist()
    return find, settings


def localizer(model: Model, options: dict[str, Any]) -> tuple[Finder, dict[str, Any]]:
    """Find by a trained localiser or its file, by default the one that comes with the package."""
    for name in options:
        raise UserError(f"The method localizer has no option {name!r}: leave it out.")
    network = model if isinstance(model, Localizer) else load_localizer(model)
    side = network.size

    def find(pictures: Sequence[np.ndarray], map_: Callable) -> list[Finding]:
        if not pictures:
            return []
        squares = [cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in pictures]
        masks, boxes, confidence = network.predict(np.stack(squares))
        return [
            Finding(
                mask=cv2.resize(masks[k].astype(np.uint8) * 255, picture.shape[1::-1]) > 127,
                box=tuple(boxes[k].tolist()) if masks[k].any() else None,
                flag=None if confidence[k] >= network.threshold else NOT_LOCATED,
                confidence=round(float(confidence[k]), 4),
            )
            for k, picture in enumerate(pictures)
        ]

    return find, {"localizer": network.fingerprint}


METHODS: dict[str, Method] = {"superpixels": superpixels, "localizer": localizer}
