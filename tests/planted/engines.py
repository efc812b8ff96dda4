"""A network that was never trained: what it gives are a square's own colours."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cervix_tf.inference.engines import Engine

CLASSES = ["Type_1", "Type_2", "Type_3"]


def colours(
    content: Path, work: Callable[[int], None] = lambda count: None, size: int = 12
) -> Engine:
    """An engine that gives red, green and blue their shares, and does some work for each batch."""

    def probabilities(squares, tta, batch_size):
        work(len(squares))
        sums = np.asarray(squares).sum(axis=(1, 2), dtype="float64") + 1
        return sums / sums.sum(axis=1, keepdims=True)

    return Engine("colours", CLASSES, size, "square", probabilities, (content,))


def plant(patch: pytest.MonkeyPatch, *engines: Engine) -> None:
    """Let all that predicts do so by these, whatever run is given."""
    patch.setattr("cervix_tf.inference.prediction_stream.engines", lambda *_, **__: list(engines))
