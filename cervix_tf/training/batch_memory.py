"""Whether a batch fits into memory, known before anything is decoded where it can be."""

import os
from collections.abc import Iterator

import tensorflow as tf

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


def next_batch(stream: Iterator) -> tuple:
    """Take the next batch; what the pipeline cannot do ends here in one line.

    Args:
        stream: Batches.

    Returns:
        The batch.

    Raises:
        UserError: It does not fit into memory, or the cache of squares cannot be read.
    """
    try:
        return next(stream)
    except tf.errors.ResourceExhaustedError as error:
        raise UserError(
            "A batch of photographs does not fit into memory: take fewer a step "
            "(--set batch_size=...)."
        ) from error
    except tf.errors.OpError as error:
        _, own, reason = str(error).partition("UserError: ")
        if own:  # of the package, said in a thread of TensorFlow's
            raise UserError(reason.splitlines()[0]) from error
        reason = str(error).splitlines()[0][:200]
        raise UserError(f"The photographs' cache cannot be read: {reason}") from error
