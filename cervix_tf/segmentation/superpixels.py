"""The report's segmentation: patches of one colour, of which those coloured like a cervix are kept."""

import math
from typing import Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage
from skimage.segmentation import slic

from cervix_tf.data.photographs import scaled_down
from cervix_tf.errors import UserError
from cervix_tf.segmentation.colours import checked, distances, highlight_mask

Space = Literal["rgb", "lab"]
SIDE = 128  # patches are found on as many pixels as a square of this side has
SMALLEST = 8  # a picture narrower than this has no patches
# Beyond these distances from every reference colour nothing is kept, however few patches are nearer.
LIMITS = {"rgb": 60.0, "lab": 24.0}
REDNESS = 1.1  # tissue is at least so many times as red as it is green and blue


def superpixel_mask(
    image: np.ndarray,
    reference: ArrayLike | None = None,
    segments: int = 10,
    keep: int = 5,
    space: Space = "rgb",
    highlights: bool = False,
    limit: float | None = None,
) -> np.ndarray:
    """Segment the cervix by the colour of superpixels.

    The photograph is cut into patches, the mean colour of each is compared with the reference, the
    nearest patches are kept, and whatever they enclose is added: the os is often darker or redder
    than any mean. Patches are found on a copy of about 128 x 128 pixels, the aspect unchanged, and
    their outline is smoothed on the way back: at 256 x 256 that is three times as fast, with
    IoU within 0.02 (docs/appendix/segmentation.md).

    Args:
        image: RGB, uint8 (H, W, 3).
        reference: Colours of cervices, (R, 3) in [0, 255], as `reference_colours` makes them; by
            default ten that come with the package.
        segments: About how many patches to cut, from 1 (K in the report).
        keep: How many patches to keep at the most, from 1 (M in the report).
        space: Where colours are compared: "rgb" as in the report, or "lab".
        highlights: Whether specular highlights count in the mean colours.
        limit: Patches farther than this from every reference colour are never kept; by default 60
            in RGB and 24 in Lab. Neither is a patch that is not red, so that the mask of a
            photograph without any tissue is empty, as it is for a picture under 8 pixels wide.

    Returns:
        True on the cervix, bool (H, W); all false where nothing has its colour.

    Raises:
        UserError: The image is not uint8 RGB, or an option is out of range.

    Following: the report, section 5.2; SLIC: Achanta et al., PAMI 34 (2012).

    Example:
        >>> image = np.full((64, 64, 3), (60, 70, 60), np.uint8)
        >>> image[16:48, 16:48] = (190, 120, 125)
        >>> bool(superpixel_mask(image, segments=16)[32, 32])
        True
    """
    patches = superpixel_patches(image, segments)
    _whole("keep", keep)
    if limit is not None and not limit >= 0:
        raise UserError(f"limit must be a distance from 0; received {limit!r}.")
    small = _shrunk(image)
    if min(image.shape[:2]) < SMALLEST:
        return np.zeros(image.shape[:2], bool)
    colours = _means(small, patches, highlights)
    away = distances(colours, reference, space)
    near = away <= (LIMITS[space] if limit is None else limit)
    allowed = np.flatnonzero(near & (colours[:, 0] >= REDNESS * colours[:, 1:].max(axis=1)))
    kept = allowed[np.argsort(away[allowed], kind="stable")[:keep]]
    mask = ndimage.binary_fill_holes(np.isin(patches, kept))
    return _enlarged(mask, image.shape[:2])


def superpixel_patches(image: np.ndarray, segments: int = 10) -> np.ndarray:
    """Cut a photograph into patches by colour and place (SLIC).

    Args:
        image: RGB, uint8 (H, W, 3).
        segments: About how many patches, from 1.

    Returns:
        Numbers of patches from 0, int64 (H', W'): the picture shrunk to about 128 x 128 pixels, the
        aspect unchanged. A picture under 8 pixels wide is one patch.

    Raises:
        UserError: The image is not uint8 RGB, or `segments` is below 1.

    Example:
        >>> superpixel_patches(np.zeros((480, 640, 3), np.uint8)).shape
        (111, 148)
    """
    image = checked(image)
    _whole("segments", segments)
    if min(image.shape[:2]) < SMALLEST or segments == 1:
        return np.zeros(_shrunk(image).shape[:2], int)
    return slic(_shrunk(image), n_segments=segments, compactness=10, start_label=0)


def _whole(name: str, value: object) -> None:
    if not isinstance(value, int | np.integer) or value < 1:
        raise UserError(f"{name} must be a whole number of at least 1; received {value!r}.")


def _shrunk(image: np.ndarray) -> np.ndarray:
    return scaled_down(image, SIDE / math.sqrt(max(image.shape[0] * image.shape[1], 1)))


def _enlarged(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if mask.shape == shape:
        return mask
    smooth = cv2.resize(mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    return smooth >= 0.5


def _means(image: np.ndarray, patches: np.ndarray, highlights: bool) -> np.ndarray:
    """Mean colour of each patch; a patch that is all highlight keeps its own."""
    flat, count = patches.ravel(), int(patches.max(initial=0)) + 1
    matt = np.ones(flat.size) if highlights else (~highlight_mask(image)).ravel().astype(float)
    matt[(np.bincount(flat, matt, count) == 0)[flat]] = 1
    sums = [
        np.bincount(flat, matt * channel.ravel(), count) for channel in np.moveaxis(image, 2, 0)
    ]
    return np.stack(sums, axis=1) / np.maximum(np.bincount(flat, matt, count), 1)[:, None]
