"""Less of the same, where it is shown that something runs: docs' commands, examples, notebooks."""

import functools
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest


def small_networks(patch: pytest.MonkeyPatch, kept: Collection[str] = ("Mixed_5c",)) -> None:
    """Inception v2 with one of its ten modules, ResNet v1 with two or three units, thin CervixNets."""
    from cervix_tf.models import inception, spec

    for name in ("cervixnet1", "cervixnet2"):
        patch.setitem(spec(name).feature_options, "widths", (4, 8))
    modules = inception._MODULES.items()
    patch.setattr(inception, "_MODULES", {name: of for name, of in modules if name in kept})
    patch.setattr("cervix_tf.models.resnet._UNITS", {50: (1, 0, 1, 0), 101: (1, 0, 2, 0)})
    patch.setattr("cervix_tf.models.weights.slim_checkpoints._RESNET_UNITS", {1: 50, 2: 101})


# Functions of Keras that make a block of a network or a stack of blocks, and which of these to make.
_BLOCKS = {
    "_inverted_res_block": range(7),  # MobileNet v2 and v3
    "_normal_a_cell": ("0",),  # NASNet
    "stack_residual_blocks_v1": ("conv2", "conv3"),  # ResNet
    "stack_residual_blocks_v2": ("conv2", "conv3"),
}


def shallow_keras_networks(patch: pytest.MonkeyPatch) -> None:
    """Networks of Keras with few of their like units, but with each kind of unit."""
    import importlib
    import pkgutil

    import keras

    applications = importlib.import_module(f"{keras.__name__}.src.applications")
    for _, name, _ in pkgutil.iter_modules(applications.__path__, f"{applications.__name__}."):
        if name.endswith("_test"):
            continue
        module = importlib.import_module(name)
        # ConvNeXt's loop is over its stages; EfficientNet's second unit is the first with a sum.
        most = 2 if "convnext" in name or "efficientnet" in name else 1
        patch.setattr(module, "range", lambda *ends, n=most: range(*ends)[:n], raising=False)
        for block in _BLOCKS.keys() & vars(module).keys():
            patch.setattr(module, block, _some(getattr(module, block), _BLOCKS[block]))
        if name.endswith("efficientnet"):
            patch.setattr(module, "DEFAULT_BLOCKS_ARGS", module.DEFAULT_BLOCKS_ARGS[:3])
        elif name.endswith("efficientnet_v2"):
            few = {version: stages[1:4] for version, stages in module.DEFAULT_BLOCKS_ARGS.items()}
            patch.setattr(module, "DEFAULT_BLOCKS_ARGS", few)


def _some(block: Callable, made: Collection) -> Callable:
    """The function that makes a block, for some of them; of others what comes in goes out."""

    @functools.wraps(block)
    def make(*args, **options):
        if options.get("block_id", options.get("name", args[-1])) in made:
            return block(*args, **options)
        return args[:2] if block.__name__ == "_normal_a_cell" else args[0]

    return make


def two_blocks(patch: pytest.MonkeyPatch) -> None:
    """Fewer blocks still, each kind among them: ResNet v1 with two, MobileNet v3 Small with five."""
    from importlib import import_module

    patch.setattr("cervix_tf.models.resnet._UNITS", dict.fromkeys((50, 101), (1, 2)))
    mobilenet = import_module("keras.src.applications.mobilenet_v3")
    block = mobilenet._inverted_res_block

    def some(x, *given):
        return block(x, *given) if given[-1] in (0, 1, 2, 3, 4) else x

    patch.setattr(mobilenet, "_inverted_res_block", some)


def short_recipes(patch: pytest.MonkeyPatch) -> None:
    """Every recipe as it is read, but at 32 pixels, in batches of 8, each stage of two steps."""
    from cervix_tf.recipes.schema import Recipe

    validate = Recipe.model_validate

    def shortened(keys):
        whole = validate(keys)
        two = {"steps": 2, "epochs": None}
        stages = [s if s.train == "probe" else s.model_copy(update=two) for s in whole.stages]
        return whole.model_copy(update={"image_size": 32, "batch_size": 8, "stages": tuple(stages)})

    patch.setattr(Recipe, "model_validate", staticmethod(shortened))


def quick_figures(patch: pytest.MonkeyPatch) -> None:
    """Figures composed as ever and written blank; saliency from two noisy copies, two steps."""
    from cervix_tf.explanation import attribution as maps

    patch.setattr("matplotlib.figure.Figure.draw", lambda figure, renderer: None)
    for method in (maps.integrated_gradients, maps._integrated, maps._smooth):
        patch.setattr(method, "__defaults__", (2, *method.__defaults__[1:]))


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
    import keras

    def blank(figure, path=None):
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.zeros((1, 1, 4), "uint8"))
        return figure

    patch.setattr("cervix_tf.training.trainer.explain", lambda *_, **__: None)
    sheets = "cervix_tf.evaluation.prediction_sheets"
    patch.setattr(f"{sheets}._sheet", lambda predictions, titles, path: blank(titles, path))
    for module in ("plots", "ranking_curves", "learning_curves"):
        patch.setattr(f"cervix_tf.evaluation.{module}.save", blank)
    for plot in ("confusion", "reliability", "prevalence", "roc", "precision_recall"):
        patch.setattr(f"cervix_tf.evaluation.outputs.plot_{plot}", lambda *of: blank(None, of[-1]))
    # Looking through all objects for those to free takes a fourth of a short fit.
    clear = functools.partial(keras.backend.clear_session, free_memory=False)
    patch.setattr("keras.backend.clear_session", clear)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Run TensorFlow's functions as plain Python: compiling takes longer than a few steps."""
    import keras
    import tensorflow as tf

    def update(optimizer, gradients, variables, learning_rate):
        for gradient, variable in zip(gradients, variables, strict=True):
            optimizer.update_step(gradient, variable, learning_rate)

    tf.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
            # Keras asks the distribution strategy for each variable, which takes most of a step.
            patch.setattr(keras.optimizers.Optimizer, "_backend_update_step", update)
            warnings.filterwarnings("ignore", "Even though the `tf.config")  # of tf.data's own
            yield
    finally:
        tf.config.run_functions_eagerly(False)
