"""Training on two logical CPU devices beside training on one; in a process of its own it prints JSON."""

import json

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from cervix_tf.data import RandomView, training_stream
from cervix_tf.errors import UserError
from cervix_tf.models import regularise
from cervix_tf.models.normalization import FusedBatchNormalization
from cervix_tf.recipes import load_recipe
from cervix_tf.runs import Run
from cervix_tf.training.devices import ONE, devices_of
from cervix_tf.training.loop import LabelledSquares, Loop
from cervix_tf.training.steps import Stepper
from tests.planted.shortcuts import uncompiled

STEPS, BATCH = 20, 8
MIXED = {"mixup": 0.4, "cutmix": 0.4, "label_smoothing": 0.1}
SGD = {"name": "sgd", "learning_rate": 0.05, "clip_norm": 0.5, "ema": 0.9, "layer_decay": 0.7}
RANDOM = np.random.default_rng(0)
SQUARES, LABELS = (
    RANDOM.integers(0, 256, (24, 20, 20, 3), "uint8"),
    np.arange(24, dtype="int32") % 3,
)


def network(dropout=0.0):
    """Two convolutions, each with one kind of BatchNorm, and L2 on all kernels."""
    keras.utils.set_random_seed(1)
    image = keras.Input((16, 16, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocessing")(image)
    for name, norm in (("first", FusedBatchNormalization), ("second", layers.BatchNormalization)):
        x = layers.Conv2D(6, 3, name=f"{name}_convolution")(x)
        x = layers.Activation("relu", name=name)(norm(momentum=0.9, name=f"{name}_norm")(x))
    x = layers.Dropout(dropout, seed=3, name="head_dropout")(layers.Flatten(name="head_flatten")(x))
    x = layers.Dense(3, name="logits")(x)
    model = keras.Model(image, layers.Activation("softmax", name="probabilities")(x))
    return regularise(model, l2=0.01, head_l2=0.01)


def recipe_of(**changes):
    return load_recipe(
        {
            "model": {"name": "tiny"},
            "batch_size": BATCH,
            "optimizer": SGD,
            "stages": [{"steps": STEPS, "batch_norm": "synchronised"}],
            **changes,
        }
    )


def trained(recipe, devices=ONE, steps=STEPS, dropout=0.0):
    """All that training changes, and each step's loss."""
    model = network(dropout)
    view = RandomView(16, seed=recipe.seed, jit=False)  # compiled in less time
    stepper = Stepper(model, view, recipe, recipe.stages[0], np.ones(3, "float32"), devices=devices)
    stream = iter(training_stream(SQUARES, LABELS, BATCH, recipe.seed))
    losses = [float(stepper(*next(stream))[0]) for _ in range(steps)]
    state = [*model.variables, *stepper.optimizer.variables, *stepper.averages]
    return [v.numpy() for v in state], losses, model


def difference(one, other):
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def looped(folder, number, stop=None):
    """The loop on so many devices, from its checkpoint where there is one, perhaps stopped."""
    stages = [{"steps": 10, "batch_norm": "synchronised"}]
    recipe = recipe_of(checkpoint_every=3, validate_every=4, keep="last", stages=stages)

    def on_validation(step, loss):
        if step == stop:
            raise InterruptedError

    side = LabelledSquares(SQUARES, LABELS, LABELS)
    model = network()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").touch()
    made = Loop(model, recipe, Run(folder), side, side, on_validation, devices_of(number))
    try:
        made.train(lambda *shown: None)
    except InterruptedError:
        return None
    return [v.numpy() for v in model.variables]


def message(call):
    try:
        call()
    except UserError as error:
        return str(error)
    return None


def main(folder):
    """The program; what trains on one device is not compiled."""
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    two = devices_of("all")
    mixed = recipe_of(**MIXED)
    with uncompiled():
        one, losses, _ = trained(mixed)
    both, same, _ = trained(mixed, two)
    alone = recipe_of(**MIXED, stages=[{"steps": 1}])
    _, apart, model = trained(alone, two, 1, dropout=1e-6)  # a draw that changes nothing
    found = {
        "weights": difference(one, both),
        "losses": max(abs(a - b) for a, b in zip(losses, same, strict=True)),
        "apart": abs(apart[0] - losses[0]),
        "counter": model.get_layer("head_dropout").seed_generator.state.numpy().tolist(),
        "counts": [devices_of(n).count for n in (None, 1, 2, "1", "2", "all", "0,1", [0, 1], "1,")],
        "missing": [message(lambda n=n: devices_of(n)) for n in ("0,2", 3)],
        "uneven": message(lambda: two.check(recipe_of(batch_size=7))),
        "compiled": message(lambda: two.check(recipe_of(jit=True))),
    }
    with devices_of("1,").scope():
        found["second"] = keras.Variable(0.0).value.device
    assert looped(folder / "both", 2, stop=8) is None
    with uncompiled():
        found["resumed"] = difference(looped(folder / "one", 1), looped(folder / "both", 1))
    print(json.dumps(found))
