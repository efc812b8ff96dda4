"""Colours of the cervix: the reference made from photographs segmented by hand, and highlights."""

import functools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cervix_tf.data.picture_values import UnreadableError, marked
from cervix_tf.errors import UserError, unknown

SPACES = ("rgb", "lab")


def reference_colours(
    images: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    number: int = 10,
    highlights: bool = False,
) -> np.ndarray:
    """Compute reference colours of the cervix from photographs segmented by hand.

    Args:
        images: RGB photographs, uint8 (H, W, 3), of any sizes.
        masks: For each photograph the cervix, bool (H, W), or numbers as a file of a mask has them.
        number: How many colours at the most, from 1. Up to as many photographs each give their mean
            colour; of more, the means are drawn together to this many by k-means.
        highlights: Whether specular highlights count in the means.

    Returns:
        Mean red, green and blue, float64 (number or fewer, 3), each in [0, 255].

    Raises:
        UserError: Photographs and masks differ in number or size, a mask is empty or of no known range
            of values, or `number` is below 1.

    Following: the report, section 5.2 (average red, green and blue of ten cervices).

    Example:
        >>> image = np.full((4, 4, 3), (200, 120, 130), np.uint8)
        >>> reference_colours([image], [np.ones((4, 4), bool)])
        array([[200., 120., 130.]])
    """
    if len(images) != len(masks) or not len(images):
        raise UserError(
            f"Reference colours need a mask for each photograph: received {len(images)} photographs "
            f"and {len(masks)} masks."
        )
    if number < 1:
        raise UserError(f"number must be at least 1; received {number!r}.")
    means = []
    for k, (image, mask) in enumerate(zip(images, masks, strict=True)):
        try:
            image, mask = checked(image), marked(np.asarray(mask)) > 127
        except UnreadableError as error:
            raise UserError(f"Mask {k} cannot be read: {error}.") from error
        if mask.shape != image.shape[:2] or not mask.any():
            raise UserError(
                f"Mask {k} must be as large as its photograph {image.shape[:2]} and not empty; "
                f"received {mask.shape} with {int(mask.sum())} pixels."
            )
        matt = mask if highlights else mask & ~highlight_mask(image)
        means.append(image[matt if matt.any() else mask].mean(axis=0))
    if len(means) <= number:
        return np.array(means)
    from sklearn.cluster import KMeans

    return KMeans(number, n_init=10, random_state=0).fit(np.array(means)).cluster_centers_


def shipped_reference() -> np.ndarray:
    """Read the ten colours that come with the package; their origin stands in `reference.csv`.

    Returns:
        Mean red, green and blue of ten cervices segmented by hand, float64 (10, 3), in [0, 255].

    Example:
        >>> shipped_reference().shape
        (10, 3)
    """
    return _shipped().copy()


@functools.cache
def _shipped() -> np.ndarray:
    table = pd.read_csv(Path(__file__).with_name("reference.csv"), comment="#")
    return table[["red", "green", "blue"]].to_numpy("float64")


def highlight_mask(image: np.ndarray) -> np.ndarray:
    """Find specular highlights: bright pixels with little colour, and those beside them.

    Args:
        image: An RGB picture, uint8 (H, W, 3).

    Returns:
        True where the lamp is mirrored by wet tissue or metal, bool (H, W).

    Raises:
        UserError: `image` has another shape or dtype.

    Example:
        >>> bool(highlight_mask(np.full((3, 3, 3), 255, np.uint8)).all())
        True
    """
    image = checked(image)
    if not image.size:
        return np.zeros(image.shape[:2], bool)
    high, low = image.max(axis=2), image.min(axis=2)
    # A highlight is the lamp's own colour: bright in all three channels. Pale tissue is not.
    bright = (high > 200) & (high - low < 0.2 * high)
    return cv2.dilate(bright.view(np.uint8), np.ones((3, 3), np.uint8)).view(bool)


def distances(colours: np.ndarray, reference: ArrayLike | None, space: str) -> np.ndarray:
    """Measure how far colours are from the nearest reference colour.

    Args:
        colours: Red, green and blue in [0, 255], (N, 3).
        reference: Reference colours likewise, (R, 3); those shipped if None.
        space: "rgb" or "lab" (CIE 1976, so that equal distances look about equal).

    Returns:
        Euclidean distances, (N,); in units of [0, 255] for "rgb" and of delta E for "lab".

    Raises:
        UserError: The space is unknown, or `reference` is no table of three columns.
    """
    if space not in SPACES:
        raise unknown("colour space", space, SPACES)
    near = _shipped() if reference is None else np.atleast_2d(np.asarray(reference, "float64"))
    if near.ndim != 2 or near.shape[1] != 3 or not len(near) or not np.isfinite(near).all():
        raise UserError(f"reference must be colours (N, 3) in [0, 255]; received {near.shape}.")
    if space == "lab":
        colours, near = _lab(colours), _lab(near)
    return np.linalg.norm(colours[:, None] - near[None], axis=2).min(axis=1)


def _lab(colours: np.ndarray) -> np.ndarray:
    fractions = (np.asarray(colours)[None] / 255).astype(np.float32)
    return cv2.cvtColor(fractions, cv2.COLOR_RGB2LAB)[0]


def checked(image: np.ndarray) -> np.ndarray:
    """Give the picture as it is, or raise a `UserError` unless it is uint8 RGB (H, W, 3)."""
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise UserError(
            f"A photograph must be RGB, uint8 of shape (H, W, 3); received {image.dtype} of shape "
            f"{image.shape}."
        )
    return image
