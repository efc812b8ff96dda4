"""The four panels in which the report shows a segmentation."""

from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from skimage.segmentation import find_boundaries

from cervix_tf.pages.figures import save
from cervix_tf.segmentation.superpixels import superpixel_mask, superpixel_patches

PANELS = ("photograph", "patches", "mask", "result")


def plot_superpixels(
    image: np.ndarray, path: Path | str | None = None, segments: int = 10, **options
) -> Figure:
    """Show photograph, patches, mask and result, as Figures 5 to 7 of the report.

    Args:
        image: RGB, uint8 (H, W, 3).
        path: The file to write, such as a PNG; None to write nothing.
        segments: About how many patches, from 1.
        options: What else `superpixel_mask` takes.

    Returns:
        The figure.

    Raises:
        UserError: As `superpixel_mask`, or the file cannot be written.

    Example:
        >>> plot_superpixels(read_square("photographs/1.jpg", 256), "segmented.png")
    """
    mask = superpixel_mask(image, segments=segments, **options)
    patches = superpixel_patches(image, segments)
    shrunk = cv2.resize(image, patches.shape[::-1], interpolation=cv2.INTER_AREA)
    patched = np.zeros_like(shrunk)
    for number in range(patches.max() + 1):
        patched[patches == number] = shrunk[patches == number].mean(axis=0)
    patched[find_boundaries(patches, mode="inner")] = 255
    aspect = image.shape[0] / image.shape[1]
    figure = Figure(figsize=(10, 2.5 * min(aspect, 2) + 0.3), layout="constrained", dpi=100)
    panels = (
        image,
        patched,
        np.repeat(mask[..., None] * np.uint8(255), 3, 2),
        image * mask[..., None],
    )
    for axes, panel, title in zip(figure.subplots(1, 4), panels, PANELS, strict=True):
        axes.imshow(panel)
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    return save(figure, path)
