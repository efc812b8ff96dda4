"""Steps of a tiny network written out in NumPy, against what `Stepper` makes of its weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from cervix_tf import models
from cervix_tf.data import cutmix, mixup
from cervix_tf.errors import UserError
from cervix_tf.models.normalization import FusedBatchNormalization
from cervix_tf.recipes import load_recipe
from cervix_tf.training.steps import Stepper, balanced_weights, relative_rates

BATCH, CLASSES = 6, 3
TOLERANCE = 1e-5  # single precision against double
PLAIN = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.0}
RMSPROP = {"name": "rmsprop", "learning_rate": 0.01}
ADAM = {"name": "adam", "learning_rate": 0.02}
ADAMW = {"name": "adamw", "learning_rate": 0.02}
WEIGHTED = (0.5, 1.0, 3.0)
ANNEAL = {"factor": 0.5, "every": 2}
# In the order of the layers; the last two are the head's.
TRAINED = ["conv/kernel", "conv/bias", "norm/gamma", "norm/beta", "logits/kernel", "logits/bias"]


def case(optimizer=(), stage=(), class_weights=(1.0, 1.0, 1.0), l2=0.0, steps=1, **recipe):
    """Options of a recipe, and what stands for the rest of a run: class weights, L2, steps."""
    keys = {
        "model": {"name": "tiny", "l2": l2, "head_l2": l2 / 2},
        "optimizer": {**PLAIN, **dict(optimizer)},
        "stages": [{"train": "all", "steps": steps, **dict(stage)}],
        "seed": 5,
        **recipe,
    }
    return load_recipe(keys), class_weights


STEP = case()
# Each with the same cases but for one option, which has to make a difference.
CASES = {
    "class weights": (case(class_weights=WEIGHTED), STEP),
    "label smoothing": (case(label_smoothing=0.3), STEP),
    "mixup": (case(mixup=0.8), STEP),
    "cutmix": (case(cutmix=0.8), STEP),
    "seed": (case(mixup=0.8, seed=6), case(mixup=0.8)),
    "learning rate": (case({"learning_rate": 0.02}), STEP),
    "learning rate of the stage": (case(stage={"learning_rate": 0.02}), STEP),
    "backbone_rate": (case(stage={"backbone_rate": 0.1}), STEP),
    "clip_norm": (case({"clip_norm": 0.2}), STEP),
    "anneal": (case({"anneal": ANNEAL}, steps=3), case(steps=3)),
    "cosine": (case({"schedule": "cosine"}, steps=3), case(steps=3)),
    "warmup": (case({"warmup": 3}, steps=3), case(steps=3)),
    "warmup, anneal": (
        case({"warmup": 3, "anneal": ANNEAL}, steps=3),
        case({"anneal": ANNEAL}, steps=3),
    ),
    "warmup, cosine": (
        case({"warmup": 3, "schedule": "cosine"}, steps=3),
        case({"schedule": "cosine"}, steps=3),
    ),
    "layer_decay": (case({"layer_decay": 0.5}), STEP),
    "layer_decay, backbone_rate": (
        case({**ADAMW, "layer_decay": 0.5}, stage={"backbone_rate": 0.3}, steps=3),
        case({**ADAMW, "layer_decay": 0.5}, steps=3),
        case(ADAMW, stage={"backbone_rate": 0.3}, steps=3),
    ),
    "l2": (case(l2=0.3), STEP),
    "frozen norm": (case(stage={"batch_norm": "frozen"}), STEP),
    "head alone": (case(stage={"train": "head"}), STEP),
    "from a layer on": (case(stage={"train": "norm"}), STEP),
    "weight decay of sgd": (case({"weight_decay": 0.2}), STEP),
    "weight decay of rmsprop": (
        case({**RMSPROP, "weight_decay": 0.2}, steps=3),
        case(RMSPROP, steps=3),
    ),
    "weight decay of adam": (
        case({**ADAM, "weight_decay": 0.2}, steps=3),
        case(ADAM, steps=3),
    ),
    "weight decay of adamw": (case(ADAMW, steps=3), case(ADAM, steps=3)),
    "no weight decay of adamw": (
        case({**ADAMW, "weight_decay": 0.0}, steps=3),
        case(ADAMW, steps=3),
    ),
    "momentum of sgd": (case({"momentum": 0.9}, steps=3), case(steps=3)),
    "rmsprop": (case(RMSPROP, steps=3), case(steps=3)),
    "momentum of rmsprop": (
        case({**RMSPROP, "momentum": 0.9}, steps=3),
        case(RMSPROP, steps=3),
    ),
    "adam": (case(ADAM, steps=3), case(steps=3)),
    "class weights, label smoothing": (
        case(class_weights=WEIGHTED, label_smoothing=0.3),
        case(class_weights=WEIGHTED),
        case(label_smoothing=0.3),
    ),
    "class weights, mixup": (
        case(class_weights=WEIGHTED, mixup=0.8),
        case(class_weights=WEIGHTED),
        case(mixup=0.8),
    ),
    "mixup, cutmix": (case(mixup=0.8, cutmix=0.8), case(mixup=0.8), case(cutmix=0.8)),
    "clip_norm, l2": (case({"clip_norm": 0.2}, l2=0.3), case({"clip_norm": 0.2}), case(l2=0.3)),
    "clip_norm, backbone_rate": (
        case({"clip_norm": 0.2}, stage={"backbone_rate": 0.1}),
        case({"clip_norm": 0.2}),
        case(stage={"backbone_rate": 0.1}),
    ),
    "clip_norm, frozen norm": (
        case({"clip_norm": 0.2}, stage={"batch_norm": "frozen"}),
        case({"clip_norm": 0.2}),
        case(stage={"batch_norm": "frozen"}),
    ),
    "weight decay, backbone_rate": (
        case({"weight_decay": 0.5}, stage={"backbone_rate": 0.1}),
        case({"weight_decay": 0.5}),
        case(stage={"backbone_rate": 0.1}),
    ),
    "weight decay, anneal": (
        case({"weight_decay": 0.5, "anneal": ANNEAL}, steps=3),
        case({"weight_decay": 0.5}, steps=3),
        case({"anneal": ANNEAL}, steps=3),
    ),
}
EVERYTHING = case(
    {"name": "adamw", "weight_decay": 0.3, "clip_norm": 0.2, "anneal": ANNEAL},
    stage={"backbone_rate": 0.1, "learning_rate": 0.02},
    class_weights=WEIGHTED,
    l2=0.3,
    steps=4,
    mixup=0.8,
    cutmix=0.8,
    label_smoothing=0.3,
)


@pytest.fixture(autouse=True)
def eager(request):
    """Run the steps uncompiled, but for the test that is about compiling."""
    if "compiled" in request.node.name:
        yield
    else:
        tf.config.run_functions_eagerly(True)
        yield
        tf.config.run_functions_eagerly(False)


def batch(step):
    random = np.random.default_rng(step)
    images = random.integers(0, 256, (BATCH, 8, 8, 3), "uint8")
    keys = np.stack([np.full(BATCH, step), np.arange(BATCH)], 1).astype("int32")
    return images, keys, random.integers(0, CLASSES, BATCH).astype("int32")


def view(images, keys, training):
    assert training, "the views are those of training"
    return (
        tf.cast(images, tf.float32) / 255 - tf.cast(keys[:, 1], tf.float32)[:, None, None, None] / 5
    )


def network(recipe, norm=layers.BatchNormalization):
    """A convolution, BatchNorm and a dense head, with random values for every variable."""
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 2, activation="relu", name="conv")(image)
    x = norm(momentum=0.9, name="norm")(x)
    x = layers.GlobalAveragePooling2D(name="head_pool")(x)
    x = layers.Dense(CLASSES, name="logits")(x)
    model = keras.Model(image, layers.Activation("softmax", name="probabilities")(x))
    random = np.random.default_rng(1)
    for variable in model.variables:
        low = 0.2 if "variance" in variable.path else -0.4
        variable.assign(random.uniform(low, 0.4, variable.shape))
    return models.regularise(model, **recipe.model.options)


def weights_of(model):
    return {v.path: np.array(v.value, "float64") for v in model.variables}


def loss_by_hand(weights, x, targets, class_weights, options, stored, bessel):
    """Loss, logits, gradients of loss and penalties, and the batch's mean and variance."""
    w = {path: tf.constant(value) for path, value in weights.items()}
    with tf.GradientTape() as tape:
        tape.watch([w[path] for path in TRAINED])
        y = tf.nn.relu(tf.nn.conv2d(x, w["conv/kernel"], 1, "VALID") + w["conv/bias"])
        mean = tf.reduce_mean(y, [0, 1, 2])
        variance = tf.reduce_mean((y - mean) ** 2, [0, 1, 2])
        middle, spread = (
            (w["norm/moving_mean"], w["norm/moving_variance"]) if stored else (mean, variance)
        )
        y = w["norm/gamma"] * (y - middle) / tf.sqrt(spread + 1e-3) + w["norm/beta"]
        logits = tf.reduce_mean(y, [1, 2]) @ w["logits/kernel"] + w["logits/bias"]
        logs = logits - tf.reduce_logsumexp(logits, 1, keepdims=True)
        loss = -tf.reduce_mean(tf.reduce_sum(targets * class_weights * logs, 1))
        conv, dense = (tf.reduce_sum(w[f"{part}/kernel"] ** 2) / 2 for part in ("conv", "logits"))
        total = loss + options["l2"] * (conv + dense) + options["head_l2"] * dense
    gradients = tape.gradient(total, [w[path] for path in TRAINED])
    if bessel:
        count = y.shape[0] * y.shape[1] * y.shape[2]
        variance *= count / (count - 1)
    gradients = {path: np.array(g) for path, g in zip(TRAINED, gradients, strict=True)}
    return float(loss), np.array(logits), gradients, (np.array(mean), np.array(variance))


def move(optimizer, gradient, rate, state, step):
    """What one optimiser adds to a variable, by the formulas of the papers as Keras has them."""
    if optimizer.name in ("adam", "adamw"):
        state["m"] = 0.9 * state.get("m", 0) + 0.1 * gradient
        state["v"] = 0.999 * state.get("v", 0) + 0.001 * gradient**2
        rate *= np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
        return -rate * state["m"] / (np.sqrt(state["v"]) + 1e-7)
    if optimizer.name == "rmsprop":
        state["v"] = 0.9 * state.get("v", 0) + 0.1 * gradient**2
        gradient = gradient / np.sqrt(state["v"] + 1e-7)
    state["m"] = optimizer.momentum * state.get("m", 0) - rate * gradient
    return state["m"]


def by_hand(weights, recipe, class_weights, bessel=False):
    """The weights after the steps of a recipe's only stage, and each step's loss and accuracy."""
    weights, figures = dict(weights), []
    optimizer, stage = recipe.optimizer, recipe.stages[0]
    first = {"all": "conv/kernel", "norm": "norm/gamma", "head": "logits/kernel"}[stage.train]
    trained = TRAINED[TRAINED.index(first) :]
    if stage.batch_norm == "frozen":
        trained = [path for path in trained if "norm" not in path]
    norm_trains = "norm/gamma" in trained
    states = {path: {} for path in trained}
    for step in range(stage.steps):
        images, keys, labels = batch(step)
        x = images / 255 - keys[:, 1, None, None, None] / 5
        targets = np.eye(CLASSES)[labels] * (1 - recipe.label_smoothing)
        targets += recipe.label_smoothing / CLASSES
        if recipe.mixup:
            x, targets = mixup(x, targets, keys, alpha=recipe.mixup, seed=recipe.seed)
        if recipe.cutmix:
            x, targets = cutmix(x, targets, keys, alpha=recipe.cutmix, seed=recipe.seed)
        x, targets = np.array(x, "float64"), np.array(targets, "float64")
        loss, logits, gradients, moments = loss_by_hand(
            weights, x, targets, class_weights, recipe.model.options, not norm_trains, bessel
        )
        figures.append((loss, np.mean(logits.argmax(1) == labels)))
        norm = np.sqrt(sum((gradients[path] ** 2).sum() for path in trained))
        clip = min(1, optimizer.clip_norm / norm) if optimizer.clip_norm else 1
        for path in trained:
            rate = stage.learning_rate or optimizer.learning_rate
            if optimizer.anneal:
                rate *= optimizer.anneal.factor ** (step // optimizer.anneal.every)
            if optimizer.schedule == "cosine":
                rate *= (1 + np.cos(np.pi * step / stage.steps)) / 2
            if optimizer.warmup:
                rate *= min(1, (step + 1) / optimizer.warmup)
            if "logits" not in path:
                rate *= stage.backbone_rate * optimizer.layer_decay  # conv is the only other kernel
            added = move(optimizer, clip * gradients[path], rate, states[path], step)
            if "kernel" in path:
                added = added - rate * optimizer.weight_decay * weights[path]
            weights[path] = weights[path] + added
        if norm_trains:
            for name, new in zip(
                ("norm/moving_mean", "norm/moving_variance"), moments, strict=True
            ):
                weights[name] = 0.9 * weights[name] + 0.1 * new
    return weights, figures


def check(recipe, class_weights, norm=layers.BatchNormalization):
    """Compare the steps of a recipe's stage with those by hand; the weights before and after."""
    model = network(recipe, norm)
    before = weights_of(model)
    expected, figures = by_hand(before, recipe, class_weights, norm is FusedBatchNormalization)
    stage = recipe.stages[0]
    stepper = Stepper(model, view, recipe, stage, np.array(class_weights, "float32"))
    for step, (loss, accuracy) in enumerate(figures):
        assert list(map(float, stepper(*batch(step)))) == pytest.approx([loss, accuracy], abs=1e-5)
    for path, value in weights_of(model).items():
        if np.array_equal(expected[path], before[path]):
            assert np.array_equal(value, before[path]), path
        else:
            np.testing.assert_allclose(value, expected[path], rtol=0, atol=TOLERANCE, err_msg=path)
    return before, expected


def test_a_plain_step():
    check(*STEP)


@pytest.mark.parametrize("name", CASES)
def test_options_do_what_they_do_by_hand(name):
    chosen, *others = CASES[name]
    before, expected = check(*chosen)
    for without in others:
        other, _ = by_hand(before, *without)
        assert max(abs(expected[path] - other[path]).max() for path in other) > 5 * TOLERANCE


@pytest.mark.parametrize("batch_norm", ["train", "frozen"])
def test_the_fused_batch_norm_too(batch_norm):
    check(*case(stage={"batch_norm": batch_norm}), FusedBatchNormalization)


def test_everything_at_once_and_compiled():
    check(*EVERYTHING)


def test_the_learning_rate_is_the_heads_and_falls():
    recipe, class_weights = case({"anneal": ANNEAL}, stage={"backbone_rate": 0.1})
    stepper = Stepper(network(recipe), view, recipe, recipe.stages[0], np.float32(class_weights))
    rates = []
    for step in range(5):
        rates.append(stepper.learning_rate)
        stepper(*batch(step))
    assert rates == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])


def test_learning_rates_fall_from_layer_to_layer():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 2, use_bias=False, name="first")(image)
    x = layers.BatchNormalization(name="first_norm")(x)
    x = layers.DepthwiseConv2D(2, name="second")(x)
    x = layers.Flatten(name="head_flatten")(x)
    x = layers.Dense(CLASSES, name="logits")(x)
    model = keras.Model(image, layers.Activation("softmax", name="probabilities")(x))
    rates = relative_rates(model, 0.5, 0.1)
    expected = {"first": 0.005, "first_norm": 0.005, "second": 0.05, "logits": 1.0}
    assert {path.split("/")[0]: rate for path, rate in rates.items()} == pytest.approx(expected)
    assert set(rates) == {v.path for v in model.variables}


@pytest.mark.parametrize("stage", [{}, {"train": "head"}, {"batch_norm": "frozen"}])
def test_moving_averages_are_those_by_hand(stage):
    recipe, class_weights = case({"ema": 0.3}, stage=stage, steps=4)
    model = network(recipe)
    expected = before = weights_of(model)
    stepper = Stepper(model, view, recipe, recipe.stages[0], np.float32(class_weights))
    for step in range(4):
        stepper(*batch(step))
        after, _ = by_hand(before, case(stage=stage, steps=step + 1)[0], class_weights)
        decay = min(0.3, (2 + step) / (11 + step))
        expected = {p: decay * expected[p] + (1 - decay) * after[p] for p in after}
    with stepper.averaged():
        averaged = weights_of(model)
    for path, value in weights_of(model).items():
        np.testing.assert_allclose(value, after[path], rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(averaged[path], expected[path], rtol=0, atol=TOLERANCE)
    assert abs(averaged["logits/kernel"] - after["logits/kernel"]).max() > 5 * TOLERANCE
    stepper.take_averages()
    assert all(np.array_equal(value, averaged[path]) for path, value in weights_of(model).items())


def test_balanced_weights_give_every_class_the_same_part():
    labels = np.array([0, 0, 0, 1, 2, 2])
    weights = balanced_weights(labels, 3)
    np.testing.assert_allclose(weights, [2 / 3, 2, 1], rtol=1e-6)
    np.testing.assert_allclose(np.bincount(labels, weights[labels]), [2, 2, 2], rtol=1e-6)


def test_too_little_memory_is_one_line_that_says_what_helps(recipe):
    def view(images, keys, training):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    chosen = recipe()
    model = models.build("cervixnet1", image_size=32, **chosen.model.options)
    stepper = Stepper(model, view, chosen, chosen.stages[1], np.ones(3, "float32"))
    images = np.zeros((8, 40, 40, 3), "uint8")
    with pytest.raises(UserError, match="8 photographs of 32 x 32 .*batch_size") as caught:
        stepper(images, np.zeros((8, 2), "int32"), np.zeros(8, "int32"))
    assert "\n" not in str(caught.value)
