"""The methods by name: what each takes, and how it looks at a batch of photographs."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cervix_tf.errors import UserError, unknown
from cervix_tf.segmentation.superpixels import superpixel_mask


@dataclass(frozen=True)
class Located:
    """What a method found in one photograph.

    Attributes:
        mask: bool, as large as the picture received; empty where there is no cervix.
        box: Left, top, width and height as shares of the picture's width and height; None to take
            the smallest box around the largest connected part of the mask.
        flag: What a user should know of this photograph; None where nothing.
    """

    mask: np.ndarray
    box: tuple[float, float, float, float] | None = None
    flag: str | None = None


# Whole photographs, RGB uint8 (H, W, 3), each with a shorter side of at most 256 pixels, to what was
# found in each, in their order. The threads are there to be used.
Locator = Callable[[Sequence[np.ndarray], Executor], Sequence[Located]]
# Model file (or None) and options -> the locator, and all that its results depend on, as JSON holds
# it. Raises UserError for whatever is wrong with either.
Maker = Callable[[Path | None, dict[str, Any]], tuple[Locator, dict[str, Any]]]


def superpixels(model: Path | None, options: dict[str, Any]) -> tuple[Locator, dict[str, Any]]:
    """Make the locator that works by `superpixel_mask`; `options` are its options.

    Raises:
        UserError: A model is given, or an option is unknown or out of range.
    """
    known = ("reference", "segments", "keep", "space", "highlights", "limit")
    for name in options:
        if name not in known:
            raise unknown("option of superpixels", name, known)
    if model is not None:
        raise UserError(f"The method superpixels takes no model: leave out {model}.")
    superpixel_mask(
        np.zeros((16, 16, 3), np.uint8), **options
    )  # options are judged before any work

    def locate(pictures: Sequence[np.ndarray], threads: Executor) -> list[Located]:
        masks = threads.map(lambda picture: superpixel_mask(picture, **options), pictures)
        return [Located(mask) for mask in masks]

    settings = dict(options)
    if settings.get("reference") is not None:
        settings["reference"] = np.asarray(settings["reference"], float).tolist()
    return locate, settings


def localizer(model: Path | None, options: dict[str, Any]) -> tuple[Locator, dict[str, Any]]:
    """Make the locator that works by a trained localiser, the package's own unless one is given.

    Raises:
        UserError: The model is no localiser, or an option is given.
    """
    from cervix_tf.segmentation.locating import locator  # its network needs Keras

    find, used = locator(model, options)
    return lambda pictures, threads: [Located(*found) for found in find(pictures)], used


METHODS: dict[str, Maker] = {"superpixels": superpixels, "localizer": localizer}
