"""Whether a batch fits into memory, known before anything is decoded."""

import os

from cervix_tf.data import square_size
from cervix_tf.errors import UserError

QUEUED = 5  # batches of squares at a time: two read, two waiting, one in the step


def check_batch(batch_size: int, image_size: int) -> None:
    """Refuse a batch whose photographs alone need more memory than the machine has.

    Args:
        batch_size: Photographs a step.
        image_size: Side of the network's input in pixels.

    Raises:
        UserError: They need more; what the network needs beside them is not counted.

    Example:
        >>> check_batch(32, 224)
    """
    if "SC_PHYS_PAGES" not in os.sysconf_names:  # not on Windows
        return
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    photograph = QUEUED * 3 * square_size(image_size) ** 2 + 4 * 3 * image_size**2
    if batch_size * photograph > memory:
        raise UserError(
            f"batch_size {batch_size}: its photographs of {image_size} x {image_size} alone need "
            f"{batch_size * photograph / 1e9:.0f} GB, and this machine has {memory / 1e9:.0f}: take "
            "fewer a step (--set batch_size=...)."
        )
