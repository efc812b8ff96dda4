"""Keras' callbacks around a loop that has steps and validations, and no epochs."""

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from cervix_tf.errors import UserError
from cervix_tf.recipes import Recipe
from cervix_tf.runs import Run
from cervix_tf.training.devices import Devices

log = logging.getLogger(__name__)

# The callbacks of a fit, or what makes them for a run.
Callbacks = (
    Sequence[keras.callbacks.Callback] | Callable[[Run], Sequence[keras.callbacks.Callback]] | None
)


class Hooks:
    """Calls Keras' callbacks as `keras.Model.fit` does.

    An epoch is what lies between two validations: `validate_every` steps, fewer at the end of a stage; a
    probe is one, of one step. Epochs are counted through all stages. Validation has the hooks of its
    beginning and its end, not those of its batches. Steps wait for the device only where a callback
    has a hook at the end of a batch. Of several hosts the chief alone calls them.

    Args:
        model: The model in training; until the end its `optimizer` is that of the stage.
        recipe: Its stages.
        lengths: Steps of each.
        callbacks: What to call.
        devices: What trains.
    """

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        lengths: Sequence[int],
        callbacks: Sequence[keras.callbacks.Callback],
        devices: Devices,
    ):
        self.model, self.devices, self.interval = model, devices, recipe.validate_every
        self.there = bool(callbacks)
        self.list = keras.callbacks.CallbackList(list(callbacks) if devices.hosts.chief else [])
        self.params = {
            "verbose": 0,
            "epochs": sum(math.ceil(length / self.interval) for length in lengths),
            "steps": self.interval,
        }
        self.on_begin, self.on_end = (
            any(_has(callback, name) for callback in self.list.callbacks)
            for name in ("batch_begin", "batch_end")
        )
        self.began = self.in_epoch = self.stopping = False

    def stage(self, history: list[dict], optimizer: keras.optimizers.Optimizer | None) -> None:
        """A stage begins, or is gone on with; the first begins the training. A probe has no optimiser."""
        if not self.there:
            return
        self.model.optimizer = keras.optimizers.SGD(0.0) if optimizer is None else optimizer
        if not self.began:
            self.began, self.model.stop_training = True, False
            self.list.set_model(self.model)
            self.list.set_params({**self.params, "initial_epoch": _validations(history)})
            self.list.on_train_begin()

    def epoch_begin(self, history: list[dict]) -> None:
        """An epoch begins, or is gone on with."""
        if self.there and not self.in_epoch:
            self.in_epoch = True
            self.list.on_epoch_begin(_validations(history))

    def batch_begin(self, history: list[dict], step: int) -> None:
        """A step begins, before which the stage has had so many."""
        if self.there:
            self.epoch_begin(history)
            if self.on_begin:
                self.list.on_train_batch_begin(step % self.interval)

    def batch_end(self, history: list[dict], step: int, pending: list) -> None:
        """A step has been taken, that of the last figures of `pending`."""
        if not self.there:
            return
        if self.on_end:
            pending[-1] = tuple(map(float, pending[-1]))  # waits for the device
            self.list.on_train_batch_end((step - 1) % self.interval, _means(history, pending))
        if self.devices.hosts.count == 1:  # several agree at the end of an epoch
            self.stopping = bool(self.model.stop_training)

    def test_begin(self) -> None:
        """A validation begins."""
        if self.there:
            self.list.on_test_begin()

    def epoch_end(self, history: list[dict]) -> None:
        """A validation and with it an epoch has ended, the last entry of the history its figures."""
        if not self.there:
            return
        row = history[-1]
        validated = {"loss": row["validation_loss"], "accuracy": row["validation_accuracy"]}
        self.list.on_test_end(validated)
        logs = {
            **_means(history, []),
            **{f"val_{name}": value for name, value in validated.items()},
            "learning_rate": row["learning_rate"],
        }
        self.in_epoch = False
        self.list.on_epoch_end(_validations(history) - 1, logs)
        stop = self.devices.from_chief(np.array([float(self.model.stop_training)]))
        self.stopping = bool(stop[0])
        if self.stopping:
            log.info(f"A callback ends training at step {row['step']}.")

    def train_end(self, history: list[dict]) -> bool:
        """Training has ended; whether there are callbacks, which may have changed the weights."""
        if self.there:
            self.stage(history, None)  # begins where nothing was left to train
            self.list.on_train_end()
            del self.model.optimizer  # or it would be saved with the model
        return self.there


def callbacks_of(asked: Callbacks, run: Run) -> list[keras.callbacks.Callback]:
    """Make, or take, the callbacks of a run.

    Args:
        asked: As `fit` takes them.
        run: The run.

    Returns:
        The callbacks.

    Raises:
        UserError: One is no callback of Keras.
    """
    made = asked(run) if callable(asked) else asked
    check_callbacks(made)
    return list(made or ())


def check_callbacks(asked: Any) -> None:
    """Refuse what are no callbacks of Keras.

    Args:
        asked: As `fit` takes them; what a function makes is not known before it is called.

    Raises:
        UserError: They are something else.
    """
    if asked is None or callable(asked):
        return
    if not isinstance(asked, list | tuple) or not all(
        isinstance(one, keras.callbacks.Callback) for one in asked
    ):
        raise UserError(
            f"callbacks={asked!r}: give a list of keras.callbacks.Callback, or a function of the run "
            "that makes it."
        )


def check_maker(asked: Callbacks, verb: str) -> None:
    """Refuse a list of callbacks where several runs are trained.

    Args:
        asked: The callbacks.
        verb: What trains the runs.

    Raises:
        UserError: It is no function.
    """
    if asked is not None and not callable(asked):
        raise UserError(
            f"{verb} trains several runs, and callbacks keep what they have seen of one: give a "
            "function that makes them, callbacks=lambda run: [...]."
        )


def unswayed(asked: Callbacks) -> Callbacks:
    """Refuse callbacks that steer a fold's training by the photographs that give its figures.

    Args:
        asked: A function of a run, or None.

    Returns:
        A function that makes the same, or None.

    Raises:
        UserError: When called: a callback ends training or changes its rate by `val_loss` or the like.
    """
    if not callable(asked):
        return None

    def made(run: Run) -> list[keras.callbacks.Callback]:
        steering = (keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau)
        for one in (callbacks := callbacks_of(asked, run)):
            if isinstance(one, steering) and one.monitor.startswith("val_"):
                raise UserError(
                    f"{type(one).__name__} by {one.monitor}: a fold's validation photographs give the "
                    f"figures, which would come out too good; monitor {one.monitor[4:]!r} in crossfit."
                )
        return callbacks

    return made


def _has(callback: keras.callbacks.Callback, name: str) -> bool:
    """Whether a callback has a hook of training's batches that is not Keras' own empty one."""
    hooks = (getattr(callback, f"on_{name}"), getattr(callback, f"on_train_{name}"))
    return any(not getattr(hook, "_is_default", False) for hook in hooks)


def _validations(history: list[dict]) -> int:
    return sum("validation_loss" in row for row in history)


def _means(history: list[dict], pending: list) -> dict[str, float]:
    """Mean loss and accuracy of the present epoch's steps, or without pending of the last one's."""
    first = len(history) - (not pending)
    while first and "validation_loss" not in history[first - 1]:
        first -= 1
    rows, before = history[first:], history[first - 1]["step"] if first else 0
    steps = np.diff([before, *(row["step"] for row in rows)]).tolist() + [1] * len(pending)
    figures = [(row["train_loss"], row["train_accuracy"]) for row in rows] + pending
    loss, accuracy = np.average(figures, axis=0, weights=steps)
    return {"loss": float(loss), "accuracy": float(accuracy)}
