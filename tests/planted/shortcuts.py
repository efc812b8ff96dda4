"""Less of the same, where it is shown that something runs: docs' commands, examples, notebooks."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest


def small_networks(patch: pytest.MonkeyPatch) -> None:
    """Inception v2 with four of its ten modules, ResNet v1-101 with one unit a block."""
    from cervix_tf.models import inception

    modules = inception._MODULES.items()
    kept = ("Mixed_3b", "Mixed_4a", "Mixed_5a", "Mixed_5c")
    patch.setattr(inception, "_MODULES", {name: of for name, of in modules if name in kept})
    patch.setattr("cervix_tf.models.resnet._UNITS", {101: (1, 1, 1, 1)})
    patch.setattr("cervix_tf.models.weights.slim_checkpoints._RESNET_UNITS", {1: 101})


def short_recipes(patch: pytest.MonkeyPatch) -> None:
    """Every recipe as it is read, but at 32 pixels, in batches of 8, each stage of two steps."""
    from cervix_tf.recipes.schema import Recipe

    validate = Recipe.model_validate

    def shortened(keys):
        whole = validate(keys)
        stages = [s.model_copy(update={"steps": 2, "epochs": None}) for s in whole.stages]
        return whole.model_copy(update={"image_size": 32, "batch_size": 8, "stages": tuple(stages)})

    patch.setattr(Recipe, "model_validate", staticmethod(shortened))


def few_phantoms(patch: pytest.MonkeyPatch, most: int = 15) -> None:
    """Phantoms as asked for, but no more than so many of a type."""
    import cervix_tf as cx

    draw = cx.data.phantom

    def drawn(folder, per_class, test=0, **options):
        if isinstance(per_class, dict):
            fewer = {name: min(count, most) for name, count in per_class.items()}
        else:
            fewer = min(per_class, most)
        return draw(folder, per_class=fewer, test=min(test, most), **options)

    patch.setattr(cx.data, "phantom", drawn)


def bare_fits(patch: pytest.MonkeyPatch) -> None:
    """Fits that draw nothing: half of what a short one takes. Their plots are empty pictures."""
    import cv2

    def blank(figure, path=None):
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.zeros((1, 1, 3), "uint8"))
        return figure

    patch.setattr("cervix_tf.training.trainer.explain", lambda *_, **__: None)
    for module in ("plots", "prediction_sheets", "learning_curves"):
        patch.setattr(f"cervix_tf.evaluation.{module}.save", blank)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Run TensorFlow's functions as plain Python: compiling takes longer than a few steps."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Even though the `tf.config")  # of tf.data's own
            yield
    finally:
        tf.config.run_functions_eagerly(False)
