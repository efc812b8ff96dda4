"""What makes a training step compute the same in every process."""

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf


@contextmanager
def repeatable() -> Iterator[None]:
    """Run compiled functions as they were traced, without TensorFlow's graph rewriter (Grappler).

    With Grappler the last bits of the gradients of a large network with L2 terms differ from process to
    process, though not within one: after one step of Inception v2 three processes in three had
    different weights, without it six in six had the same. Which of its rewritings does it is not
    known. The step is 1 to 2 % slower on a CPU. At the end the options set before are restored.
    """
    before = tf.config.optimizer.get_experimental_options()
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False, **before})
