"""A training loop on four black squares, whose steps are planted."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import pytest

from cervix_tf.runs import Run
from cervix_tf.training import loop


def planted_loop(
    patch: pytest.MonkeyPatch,
    recipe: Callable,
    folder: Path,
    stepper: Callable,
    stages: Sequence[int],
    callbacks=(),
    **changes,
) -> loop.Loop:
    """A loop that takes `stepper` for its steps, in stages of so many; it validates a guess."""
    patch.setattr(loop, "Stepper", lambda *a, **k: stepper)
    patch.setattr(loop, "probabilities", lambda model, squares: np.full((4, 3), 1 / 3))
    labels = np.arange(4, dtype="int32") % 3
    side = loop.LabelledSquares(np.zeros((4, 32, 32, 3), "uint8"), labels, labels)
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(image)))
    asked = recipe(stages=[{"train": "all", "steps": steps} for steps in stages], **changes)
    (folder / "recipe.yaml").touch()
    return loop.Loop(model, asked, Run(folder), side, side, callbacks=callbacks)
