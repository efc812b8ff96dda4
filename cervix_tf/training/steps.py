"""One training step of one stage, compiled: view, network, loss, clipping, update."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from cervix_tf.data import cutmix, mixup
from cervix_tf.errors import UserError
from cervix_tf.models import head_layers, set_trainable
from cervix_tf.recipes import Optimizer, Recipe, Stage


class Stepper:
    """The compiled training step of one stage.

    Layers that the stage does not train are frozen, their BatchNorm in inference mode. The head and
    the backbone have an optimiser each, so that their learning rates can differ; the gradient's
    global norm is clipped over both.

    Args:
        model: A model with the layers `logits` and `probabilities` at its end.
        view: The layer that makes the network's input from uint8 squares.
        recipe: Optimiser, mixing and label smoothing.
        stage: Which layers to train, and how fast.
        class_weights: A float32 array (classes,) that each photograph's loss is weighed with.
        length: Steps of the stage, where a cosine schedule ends; needed for a stage given in epochs.
    """

    def __init__(
        self,
        model: keras.Model,
        view: Callable,
        recipe: Recipe,
        stage: Stage,
        class_weights: np.ndarray,
        length: int | None = None,
    ):
        self.model, self.view, self.recipe = model, view, recipe
        self.weights = tf.constant(class_weights, tf.float32)
        set_trainable(model, stage.train, freeze_batch_norm=stage.batch_norm == "frozen")
        # Up to the logits, where the cross-entropy is exact however sure the network is.
        self.logits = keras.Model(model.inputs, model.get_layer("logits").output)
        head = {id(v) for layer in head_layers(model) for v in layer.trainable_variables}
        parts = (
            ([v for v in model.trainable_variables if id(v) in head], 1.0),
            ([v for v in model.trainable_variables if id(v) not in head], stage.backbone_rate),
        )
        rate, length = stage.learning_rate or recipe.optimizer.learning_rate, length or stage.steps
        self.parts = [
            (_optimizer(recipe.optimizer, rate * relative, length, variables), variables)
            for variables, relative in parts
            if variables
        ]
        self._compiled = tf.function(self._step, reduce_retracing=True, autograph=False)

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """The optimisers, whose variables belong into a checkpoint."""
        return [optimizer for optimizer, _ in self.parts]

    @property
    def learning_rate(self) -> float:
        """The present learning rate of the head, or of the backbone where no head is trained."""
        return float(self.parts[0][0].learning_rate)

    def __call__(self, images, keys, labels) -> tuple[tf.Tensor, tf.Tensor]:
        """Take one step.

        Args:
            images: uint8 squares (B, P, P, 3).
            keys: int32 (B, 2): epoch and index of each photograph, which determine its view.
            labels: int32 (B,) class indices.

        Returns:
            The mean cross-entropy of the batch, and the share of photographs classified rightly.
        """
        try:
            return self._compiled(images, keys, labels)
        except tf.errors.ResourceExhaustedError as error:
            size = self.model.input_shape[1]
            raise UserError(
                f"A step of {len(labels)} photographs of {size} x {size} does not fit into memory: "
                "take fewer a step (--set batch_size=...) or smaller ones (--set image_size=...)."
            ) from error

    def _step(self, images, keys, labels):
        classes = self.weights.shape[0]
        x = self.view(images, keys, training=True)
        smooth = self.recipe.label_smoothing
        targets = tf.one_hot(labels, classes) * (1.0 - smooth) + smooth / classes
        for mix, alpha in ((mixup, self.recipe.mixup), (cutmix, self.recipe.cutmix)):
            if alpha:
                x, targets = mix(x, targets, keys, alpha=alpha, seed=self.recipe.seed)
        variables = [v.value for _, group in self.parts for v in group]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            logits = self.logits(x, training=True)
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            weights = tf.linalg.matvec(targets, self.weights)
            loss = tf.reduce_mean(losses * weights)
            penalties = self.model.losses
            total = tf.add_n([loss, *penalties]) if penalties else loss
        gradients = tape.gradient(total, variables)
        if self.recipe.optimizer.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.recipe.optimizer.clip_norm)
        for optimizer, group in self.parts:
            optimizer.apply(gradients[: len(group)], group)
            gradients = gradients[len(group) :]
        right = tf.equal(tf.argmax(logits, 1, tf.int32), labels)
        return loss, tf.reduce_mean(tf.cast(right, tf.float32))


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
    choice: Optimizer, rate: float, length: int | None, variables: list
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
    optimizer.build(variables)
    return optimizer
