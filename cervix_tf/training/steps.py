"""One training step of one stage, compiled: view, network, loss, clipping, update."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from cervix_tf.data import cutmix, mixup
from cervix_tf.errors import UserError
from cervix_tf.models import head_layers, set_trainable
from cervix_tf.recipes import Optimizer, Recipe, Stage
from cervix_tf.training.devices import LOST, ONE, Devices
from cervix_tf.training.precision import computing
from cervix_tf.training.shares import mixes

# Lines of TensorFlow's errors that do not say what went wrong.
_TRACE = re.compile(r"\s*($|Graph execution error|Detected at node|<stack|File |\d+ root error)")


class Stepper:
    """The compiled training step of one stage.

    Layers that the stage does not train are frozen, their BatchNorm in inference mode. One optimiser
    trains all others; where a layer learns more slowly than the head, its share of each update is taken.

    Args:
        model: A model with the layers `logits` and `probabilities` at its end.
        view: The layer that makes the network's input from uint8 squares.
        recipe: Optimiser, mixing and label smoothing.
        stage: Which layers to train, and how fast.
        class_weights: A float32 array (classes,) that each photograph's loss is weighed with.
        length: Steps of the stage, where a cosine schedule ends; needed for a stage given in epochs.
        devices: What shares each batch.
    """

    def __init__(
        self,
        model: keras.Model,
        view: Callable,
        recipe: Recipe,
        stage: Stage,
        class_weights: np.ndarray,
        length: int | None = None,
        devices: Devices = ONE,
    ):
        self.model, self.view, self.recipe, self.devices = model, view, recipe, devices
        self.synchronised = stage.batch_norm == "synchronised" and devices.count > 1
        self.weights = tf.constant(class_weights, tf.float32)
        set_trainable(model, stage.train, freeze_batch_norm=stage.batch_norm == "frozen")
        # Up to the logits, where the cross-entropy is exact however sure the network is.
        self.logits = keras.Model(model.inputs, model.get_layer("logits").output)
        self.variables = model.trainable_variables
        relative = relative_rates(model, stage.backbone_rate, recipe.optimizer.layer_decay)
        self.slower = [(v, relative[v.path]) for v in self.variables if relative[v.path] != 1]
        rate, length = stage.learning_rate or recipe.optimizer.learning_rate, length or stage.steps
        self.mixes = mixes(recipe)
        # Half a float's exponent is too small for gradients: they are made of a larger loss.
        self.scaled = recipe.precision == "mixed_float16"
        self.optimizer = _optimizer(recipe.optimizer, rate, length, self.variables, self.scaled)
        # What changes in the stage: frozen layers and counters of random numbers are not averaged.
        changing = [v for layer in model.layers if layer.trainable for v in layer.variables]
        self.averaging = (
            [v for v in changing if v.dtype == "float32"] if recipe.optimizer.ema else []
        )
        self.averages = [tf.Variable(v.value) for v in self.averaging]
        trained = {v.path for v in self.variables}
        counters = [v for v in model.variables if v.dtype != "float32"]
        changing = [v for v in changing if v.dtype == "float32"]
        # What the network itself changes: BatchNorm's statistics, then counters of random numbers.
        self.moving = [v for v in (*changing, *counters) if v.path not in trained]
        self._compiled = tf.function(self._step, autograph=False)
        self._traced: dict[tuple, Callable] = {}  # by shape: `tf.function` looks longer for it
        self._network = self._differentiated
        if recipe.jit is True:
            self._network = tf.function(self._network, autograph=False, jit_compile=True)

    @property
    def learning_rate(self) -> float:
        """The present learning rate of the head."""
        return float(self.optimizer.learning_rate)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Give the model the moving averages of its weights for a while, where there are any."""
        present = [tf.identity(v.value) for v in self.averaging]
        self.take_averages()
        try:
            yield
        finally:
            for variable, value in zip(self.averaging, present, strict=True):
                variable.assign(value)

    def take_averages(self) -> None:
        """Give the model the moving averages of its weights, where there are any."""
        for variable, average in zip(self.averaging, self.averages, strict=True):
            variable.assign(average)

    def __call__(self, images, keys, labels) -> tuple[tf.Tensor, tf.Tensor]:
        """Take one step.

        Args:
            images: uint8 squares (B, P, P, 3), of several hosts those at this one's `positions`.
            keys: int32 (B, 2): epoch and index of each photograph, which determine its view.
            labels: int32 (B,) class indices.

        Returns:
            The mean cross-entropy of the batch, and the share of photographs classified rightly.
        """
        try:
            if tf.config.functions_run_eagerly():  # as one does to look into a step
                return self._compiled(images, keys, labels)
            shape = tuple(images.shape)
            if shape not in self._traced:
                self._traced[shape] = self._compiled.get_concrete_function(images, keys, labels)
            return self._traced[shape](images, keys, labels)
        except tf.errors.ResourceExhaustedError as error:
            size = self.model.input_shape[1]
            raise UserError(
                f"A step of {len(labels)} photographs of {size} x {size} does not fit into memory: "
                "take fewer a step (--set batch_size=...) or smaller ones (--set image_size=...)."
            ) from error
        except tf.errors.OpError as error:
            if self.recipe.jit is not True or isinstance(error, LOST):
                raise
            said = [line.strip() for line in str(error).splitlines() if not _TRACE.match(line)]
            raise UserError(
                f"XLA cannot compile this step: {said[0] if said else error}; leave out jit: true."
            ) from error

    def _step(self, images, keys, labels):
        optimizer, choice = self.optimizer, self.recipe.optimizer
        scale = optimizer.dynamic_scale.value if self.scaled else tf.constant(1.0)
        values = [v.value for v in self.model.variables]
        with computing(self.model, self.recipe.precision, self.synchronised):
            shared = self._network if self.devices.count == 1 else self._shared
            figures, gradients, moved = shared(values, scale, images, keys, labels)
        for variable, value in zip(self.moving, moved, strict=True):
            variable.assign(value)
        if choice.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, choice.clip_norm * scale)
        before = [tf.identity(v.value) for v, _ in self.slower]
        optimizer.apply(gradients, self.variables)
        for (variable, rate), old in zip(self.slower, before, strict=True):
            variable.assign(old + rate * (variable.value - old))
        if self.averages:
            self._average()
        return figures

    def _shared(self, values, scale, images, keys, labels):
        """The same as `_differentiated`, by several devices."""
        counts = [v.dtype != "float32" for v in self.model.variables]
        moving = [v.dtype != "float32" for v in self.moving]

        def shifted(values, counts, number):
            # Each device draws random numbers of its own, and the counters come out the same.
            return [
                v + tf.cast(tf.stack([number, 0]), v.dtype) if count else v
                for v, count in zip(values, counts, strict=True)
            ]

        def work(number, images, keys, labels):
            own = shifted(values, counts, number)
            figures, gradients, moved = self._network(own, scale, images, keys, labels, True)
            moved = shifted(moved, moving, -number)
            floats = [v for v, count in zip(moved, moving, strict=True) if not count]
            return [*figures, *gradients, *floats], [
                v for v, count in zip(moved, moving, strict=True) if count
            ]

        floats, others = self.devices.mean_of_shares(work, (images, keys, labels), self.mixes)
        figures, gradients = floats[:2], floats[2 : 2 + len(self.variables)]
        return figures, gradients, [*floats[2 + len(self.variables) :], *others]

    def _differentiated(self, values, scale, images, keys, labels, share=False):
        """What a batch gives, no variable being changed.

        Args:
            values: Those of the model's variables.
            scale: Factor of the loss that is differentiated, for half precision.
            images: As of a call.
            keys: As of a call.
            labels: As of a call.
            share: Whether it is a share of a batch, whose last photographs are there to be mixed in.

        Returns:
            Loss and accuracy; the gradients of `variables`; the new values of `moving`.
        """
        classes = self.weights.shape[0]
        x = self.view(images, keys, training=True)
        smooth = self.recipe.label_smoothing
        targets = tf.one_hot(labels, classes) * (1.0 - smooth) + smooth / classes
        for mix, alpha in ((mixup, self.recipe.mixup), (cutmix, self.recipe.cutmix)):
            if alpha:
                x, targets = mix(x, targets, keys, alpha=alpha, seed=self.recipe.seed)
        if share and self.mixes:
            x, targets, labels = (part[: -self.mixes] for part in (x, targets, labels))
        state = list(zip(self.model.variables, values, strict=True))
        present = {v.path: value for v, value in state}
        sources = [present[v.path] for v in self.variables]
        with keras.StatelessScope(state) as scope, _tape(sources) as tape:
            logits = self.logits(x, training=True)
            # Each class by its own weight, in a mixed target too: so balanced classes count alike.
            weights = tf.linalg.matvec(targets, self.weights)
            shares = (
                targets * self.weights / weights[:, None]
            )  # TensorFlow's gradient wants a sum of 1
            losses = tf.nn.softmax_cross_entropy_with_logits(shares, logits)
            loss = tf.reduce_mean(losses * weights)
            penalties = self.model.losses
            total = tf.add_n([loss, *penalties]) if penalties else loss
            if self.scaled:
                total *= scale
        gradients = tape.gradient(total, sources)
        right = tf.reduce_mean(
            tf.cast(tf.equal(tf.argmax(logits, 1, tf.int32), labels), tf.float32)
        )
        return (loss, right), gradients, [scope.get_current_value(v) for v in self.moving]

    def _average(self) -> None:
        """Move the averages towards the weights, at first faster, so that the start is forgotten."""
        steps = tf.cast(self.optimizer.iterations.value, tf.float32)
        decay = tf.minimum(self.recipe.optimizer.ema, (1 + steps) / (10 + steps))
        for variable, average in zip(self.averaging, self.averages, strict=True):
            average.assign_sub((1 - decay) * (average - variable.value))


@contextmanager
def _tape(sources: list) -> Iterator[tf.GradientTape]:
    """A tape that watches these tensors and nothing else."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(sources)
        yield tape


def relative_rates(model: keras.Model, backbone: float, decay: float) -> dict[str, float]:
    """Learning rates relative to the head's, by the variable's path.

    Args:
        model: The model.
        backbone: That of all layers that are not of the head.
        decay: That of a layer relative to the next one with a kernel, in the order of `model.layers`;
            the head counts as one.

    Returns:
        One number a variable of the model.

    Example:
        >>> relative_rates(build("cervixnet2", image_size=32), 0.1, 0.5)["logits/kernel"]
        1.0
    """
    head = {layer.name for layer in head_layers(model)}
    layers = [layer for layer in model.layers if layer.name not in head]
    kernels = [any(len(v.shape) > 1 for v in layer.variables) for layer in layers]
    after = sum(kernels) + 1 - np.cumsum(kernels)  # a BatchNorm goes with the kernel before it
    rates = {v.path: 1.0 for layer in head_layers(model) for v in layer.variables}
    for layer, distance in zip(layers, after.tolist(), strict=True):
        rates |= {v.path: backbone * decay**distance for v in layer.variables}
    return rates


def balanced_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Weights that give every class the same part of the mean loss: N / (classes * count)."""
    counts = np.bincount(labels, minlength=classes)
    return (len(labels) / (classes * counts)).astype("float32")


class _Warmed(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule whose rate rises evenly from 0 over the first steps."""

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, steps: int):
        self.schedule, self.steps = schedule, steps

    def __call__(self, step):
        begun = (tf.cast(step, tf.float32) + 1) / self.steps
        return self.schedule(step) * tf.minimum(begun, 1.0)


def _optimizer(
    choice: Optimizer, rate: float, length: int | None, variables: list, scaled: bool
) -> keras.optimizers.Optimizer:
    schedules = keras.optimizers.schedules
    schedule = rate
    if choice.anneal:
        schedule = schedules.ExponentialDecay(
            rate, choice.anneal.every, choice.anneal.factor, staircase=True
        )
    if choice.schedule == "cosine":
        schedule = schedules.CosineDecay(rate, length)
    if choice.warmup:
        constant = schedules.PiecewiseConstantDecay([0], [rate, rate])
        schedule = _Warmed(constant if schedule is rate else schedule, choice.warmup)
    optimizers = keras.optimizers  # AdamW is Adam with weight decay, but refuses to be without
    kinds = {"sgd": optimizers.SGD, "rmsprop": optimizers.RMSprop}
    momentum = {"momentum": choice.momentum} if choice.name in kinds else {}
    kind = kinds.get(choice.name, optimizers.Adam)
    optimizer = kind(schedule, weight_decay=choice.weight_decay or None, **momentum)
    # Biases and BatchNorm are vectors, kernels are not.
    optimizer.exclude_from_weight_decay([v for v in variables if len(v.shape) < 2])
    if scaled:
        optimizer = optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(variables)
    return optimizer
