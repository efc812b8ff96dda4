"""Steps in half precision beside those in single precision, which `test_steps` has by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.models import load_model
from cervix_tf.models.normalization import FusedBatchNormalization
from cervix_tf.recipes import load_recipe
from cervix_tf.training import fit, resume
from cervix_tf.training.precision import computing
from cervix_tf.training.steps import Stepper
from tests.planted import shortcuts
from tests.planted.weights import same

HALF = ("mixed_bfloat16", "mixed_float16")


def network():
    """Preprocessing, a convolution, BatchNorm and a dense layer before the logits."""
    keras.utils.set_random_seed(4)
    image = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocessing")(image)
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    x = FusedBatchNormalization(name="norm")(x)
    x = layers.Dense(8, activation="relu", name="head_dense")(layers.Flatten(name="head_flat")(x))
    x = layers.Dense(3, name="logits")(x)
    return keras.Model(image, layers.Activation("softmax", name="probabilities")(x))


def stepped(precision, steps=1, scale=None):
    """A network and its stepper after some steps."""
    recipe = load_recipe(
        {
            "model": {"name": "tiny"},
            "precision": precision,
            "optimizer": {"learning_rate": 0.1, "clip_norm": 0.3, "ema": 0.5, "layer_decay": 0.5},
            "stages": [{"steps": steps}],
        }
    )
    model = network()
    view = lambda images, keys, training: tf.cast(images, tf.float32)  # noqa: E731
    stepper = Stepper(model, view, recipe, recipe.stages[0], np.ones(3, "float32"))
    if scale is not None:
        stepper.optimizer.dynamic_scale.assign(scale)
    random = np.random.default_rng(0)
    for step in range(steps):
        images = random.integers(0, 256, (6, 8, 8, 3), "uint8")
        keys = np.array([[step, k] for k in range(6)], "int32")
        loss, _ = stepper(images, keys, np.arange(6, dtype="int32") % 3)
    return model, stepper, float(loss)


@pytest.mark.parametrize("precision", HALF)
def test_a_step_in_half_precision_is_nearly_that_in_single_precision(precision):
    begun = network()
    (single, one, expected), (half, other, loss) = stepped("float32"), stepped(precision)
    tolerance = 2e-2 if precision == "mixed_bfloat16" else 2e-3
    assert loss == pytest.approx(expected, rel=tolerance)
    assert loss != expected
    for start, value, near in zip(begun.variables, single.variables, half.variables, strict=True):
        moved = np.abs(value - start).max()
        np.testing.assert_allclose(near, value, rtol=0, atol=tolerance * max(moved, 1e-3) * 4)
    for a, b in zip(one.averages, other.averages, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-2)
    assert all(v.dtype == "float32" for v in half.variables)


def test_gradients_that_overflow_are_left_out_and_the_loss_scale_halved():
    model, stepper, _ = stepped("mixed_float16", scale=1e38)
    for value, start in zip(model.trainable_variables, network().trainable_variables, strict=True):
        assert np.array_equal(value, start)
    assert float(stepper.optimizer.dynamic_scale) == np.float32(1e38) / 2
    assert any(v is stepper.optimizer.dynamic_scale for v in stepper.optimizer.variables), "saved"


def test_what_computes_in_half_precision_and_that_it_ends():
    model = network()
    with computing(model, "mixed_bfloat16"):
        inside = {layer.name: layer.compute_dtype for layer in model.layers}
    halved = {name for name, kind in inside.items() if kind == "bfloat16"}
    assert halved == {"conv", "norm", "head_flat", "head_dense"}
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}


def test_xla_for_the_whole_step_computes_the_same():
    taken = {}
    for jit in ("auto", True):
        recipe = load_recipe({"model": {"name": "tiny"}, "jit": jit, "stages": [{"steps": 1}]})
        model = network()
        view = lambda images, keys, training: tf.cast(images, tf.float32)  # noqa: E731
        stepper = Stepper(model, view, recipe, recipe.stages[0], np.ones(3, "float32"))
        images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), "uint8")
        stepper(images, np.zeros((6, 2), "int32"), np.arange(6, dtype="int32") % 3)
        taken[jit] = model.get_weights()
    for one, other in zip(*taken.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_why_xla_cannot_compile_a_step_is_said():
    recipe = load_recipe({"model": {"name": "tiny"}, "jit": True, "stages": [{"steps": 1}]})

    def view(images, keys, training):
        return tf.ensure_shape(tf.py_function(tf.identity, [images], "uint8"), images.shape)

    stepper = Stepper(network(), view, recipe, recipe.stages[0], np.ones(3, "float32"))
    with pytest.raises(
        UserError, match=r"^XLA cannot .*: Detected unsupported.* EagerPyFunc"
    ) as said:
        stepper(np.zeros((2, 8, 8, 3), "uint8"), np.zeros((2, 2), "int32"), np.zeros(2, "int32"))
    assert "\n" not in str(said.value)


@pytest.mark.slow
def test_a_resumed_fit_has_the_same_weights_and_a_float32_model(
    recipe, phantoms, tmp_path, monkeypatch
):
    class Stopped(BaseException):
        pass

    def stop(step, loss):
        if step >= 4:
            raise Stopped

    shortcuts.bare_fits(monkeypatch)
    short = recipe(
        precision="mixed_bfloat16",
        stages=[{"steps": 5}],
        checkpoint_every=3,
        optimizer={"ema": 0.5},
    )
    with shortcuts.uncompiled():
        whole = fit(read_manifest(phantoms), short, tmp_path / "whole", "memory")
        with pytest.raises(Stopped):
            fit(read_manifest(phantoms), short, tmp_path / "run", "memory", on_validation=stop)
        gone_on = resume(tmp_path / "run", "memory")
    assert same(whole, gone_on)
    assert whole.recipe.precision == "mixed_bfloat16"
    saved = load_model(whole.path("model.keras"))
    assert {layer.compute_dtype for layer in saved.layers} == {"float32"}
