"""The training loop: stages, validation, checkpoints, and going on after a kill."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field

import keras
import numpy as np

from cervix_tf.data import SquareRows, training_stream
from cervix_tf.errors import UserError
from cervix_tf.evaluation import log_loss
from cervix_tf.inference import probabilities
from cervix_tf.recipes import Recipe, Stage
from cervix_tf.runs import Run
from cervix_tf.training.batch_memory import next_batch
from cervix_tf.training.beginnings import stage_lengths, view_of
from cervix_tf.training.callbacks import Hooks
from cervix_tf.training.checkpoints import (
    check_best,
    load_variables,
    restored,
    save_variables,
)
from cervix_tf.training.devices import ONE, Devices
from cervix_tf.training.linear_probe import fit_head
from cervix_tf.training.shares import mixes, validation_rows
from cervix_tf.training.steps import Stepper, balanced_weights

log = logging.getLogger(__name__)

LOG_EVERY = 10  # steps between two entries of the history


class Diverged(UserError):
    """The loss is no longer a number."""


@dataclass
class State:
    """How far training has come; kept in the checkpoint beside the variables."""

    step: int = 0
    stage: int = 0
    stage_step: int = 0
    stage_over: bool = False
    stopped: bool = False  # by a callback: no stage follows
    best: float = math.inf  # validation log loss
    best_step: int = 0
    stage_best: float = math.inf
    waited: int = 0  # validations since the stage's best
    # Loss and accuracy of steps not yet in the history, on the device until they are fetched.
    pending: list = field(default_factory=list)
    history: list = field(default_factory=list)


@dataclass
class LabelledSquares:
    """Prepared squares of one side of the split, read where they lie, with their class indices."""

    squares: SquareRows
    labels: np.ndarray
    groups: np.ndarray


class Loop:
    """Trains a model through the stages of a recipe.

    Args:
        model: The built model; trained in place.
        recipe: Stages, optimiser, seed and the rest.
        run: Where checkpoints go.
        training, validation: The photographs of the two sides; on several hosts at least those squares
            that the host takes part with.
        on_validation: Called with step and log loss after every validation; what it raises ends
            training.
        devices: What shares each batch. Of several hosts only the chief writes.
        callbacks: Called as `callbacks.Hooks` does.
    """

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        run: Run,
        training: LabelledSquares,
        validation: LabelledSquares,
        on_validation: Callable[[int, float], None] | None = None,
        devices: Devices = ONE,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ):
        self.model, self.recipe, self.run, self.devices = model, recipe, run, devices
        self.on_validation = on_validation
        self.training, self.validation = training, validation
        self.lengths = stage_lengths(recipe, len(training.labels))
        self.hooks = Hooks(model, recipe, self.lengths, callbacks, devices)
        self.state = State()
        # Of the validation photographs, by the present weights and the best; None if not predicted yet.
        self.probabilities: np.ndarray | None = None
        self.best_probabilities: np.ndarray | None = None
        self.checkpoint = run.path("checkpoint/last.npz")
        self.best = run.path("checkpoint/best.npz")
        self.seconds, self.timed = {"step": 0.0, "wait": 0.0}, 0
        self.view = view_of(recipe, model.input_shape[1])
        classes = model.output_shape[-1]
        self.class_weights = (
            balanced_weights(training.labels, classes)
            if recipe.class_weights == "balanced"
            else np.ones(classes, "float32")
        )

    def train(self, bar: Callable[..., None]) -> None:
        """Go through the stages, from the last checkpoint if there is one; keep the weights asked for."""
        self._stages(bar, self.checkpoint.exists())
        if self.recipe.keep == "best" and self.state.best_step:
            self.devices.wait()  # for the chief, which may still write them
            load_variables(self.best, self.model.variables)
            self.probabilities = self.best_probabilities
        if self.hooks.train_end(self.state.history):
            self.probabilities = None

    def _stages(self, bar: Callable[..., None], resuming: bool) -> None:
        if resuming:
            self.state = restored(State, self.checkpoint)
            if self.recipe.keep == "best" and self.state.best_step:
                check_best(self.best, self.model.variables, self.state.best_step)
        self.devices.agree("checkpoint", str(self.state.step))
        for number in range(self.state.stage, len(self.recipe.stages)):
            stage = self.recipe.stages[number]
            if self.state.stopped and not resuming:
                return
            if stage.train == "probe":
                self._probe(stage)  # quick, so no checkpoint begins in one: it is done again
                continue
            stepper = Stepper(
                self.model, self.view, self.recipe, stage, self.class_weights, self.lengths[number],
                self.devices,
            )  # fmt: skip
            if resuming:
                load_variables(self.checkpoint, self._variables(stepper))
                resuming = False
            self.hooks.stage(self.state.history, stepper.optimizer)
            self._stage(stepper, stage, self.lengths[number], bar)
            self._end_stage()

    def _stage(self, stepper: Stepper, stage: Stage, length: int, bar: Callable[..., None]) -> None:
        state = self.state
        photographs = training_stream(
            self.training.squares, self.training.labels, self.recipe.batch_size,
            self.recipe.seed, state.step, self.recipe.sampling == "balanced",
            self.devices.positions(self.recipe.batch_size, mixes(self.recipe)),
        )  # fmt: skip
        stream = iter(self.devices.prefetched(photographs))
        began, waited, taken = 0.0, 0.0, -1  # the first step is compiled, and not timed
        note = ""
        while state.stage_step < length and not state.stage_over:
            asked = time.perf_counter()
            batch = next_batch(stream)
            waited += time.perf_counter() - asked
            self.hooks.batch_begin(state.history, state.stage_step)
            state.pending.append(stepper(*batch))  # left on the device: the next step need not wait
            state.step += 1
            state.stage_step += 1
            taken += 1
            self.hooks.batch_end(state.history, state.stage_step, state.pending)
            last = state.stage_step == length or self.hooks.stopping
            validating = last or state.stage_step % self.recipe.validate_every == 0
            logging_now = validating or state.stage_step % LOG_EVERY == 0
            saving = last or state.step % self.recipe.checkpoint_every == 0
            if logging_now or saving:
                self._fetch()
                if taken > 0:
                    self.timed += taken
                    self.seconds["wait"] += waited
                    self.seconds["step"] += time.perf_counter() - began - waited
                note = f"loss {state.pending[-1][0]:.3f}  {self.rate('step'):.0f} images/s"
            if logging_now:
                self._log(stepper, stage, validating)
            if (saving or state.stage_over) and self.devices.hosts.chief:
                self.run.check_there()
                save_variables(self.checkpoint, self._variables(stepper), asdict(state))
                self.run.write_history(state.history)
            if logging_now or saving or not taken:
                began, waited, taken = time.perf_counter(), 0.0, 0
            bar(state.step, sum(self.lengths), note)
        stepper.take_averages()

    def _probe(self, stage: Stage) -> None:
        """Set the logits to a logistic regression: one entry of the history, and no steps."""
        state, training, recipe = self.state, self.training, self.recipe
        self.hooks.stage(state.history, None)
        self.hooks.epoch_begin(state.history)
        figures = np.zeros(2)
        if self.devices.hosts.chief:
            predicted = fit_head(
                self.model, training.squares, training.labels, training.groups, recipe.balanced,
                stage.views, recipe.seed,
            )  # fmt: skip
            right = predicted.argmax(axis=1) == training.labels
            figures[:] = log_loss(training.labels, predicted), right.mean()
        head = self.model.get_layer("logits")
        head.set_weights([self.devices.from_chief(values) for values in head.get_weights()])
        state.step += 1
        state.pending = [tuple(self.devices.from_chief(figures))]
        self._log(None, stage, validating=True)
        self._end_stage()

    def _fetch(self) -> None:
        """Wait for the device, take its figures, and end training where a loss is no number."""
        state = self.state
        state.pending = [tuple(map(float, figures)) for figures in state.pending]
        for step, (loss, _) in enumerate(state.pending, state.step - len(state.pending) + 1):
            if not math.isfinite(loss):
                raise _diverged(loss, step)

    def _end_stage(self) -> None:
        """Let the next stage begin."""
        state = self.state
        state.stage, state.stage_step, state.stage_over = state.stage + 1, 0, False
        state.stage_best, state.waited = math.inf, 0

    def _log(self, stepper: Stepper | None, stage: Stage, validating: bool) -> None:
        """Add an entry to the history, with a validation if one is due."""
        state = self.state
        loss, accuracy = np.mean(state.pending, axis=0)
        state.pending = []
        row = {
            "step": state.step,
            "stage": state.stage + 1,
            "train": stage.train,
            "learning_rate": stepper.learning_rate if stepper else 0.0,
            "train_loss": float(loss),
            "train_accuracy": float(accuracy),
        }
        if validating:
            with stepper.averaged() if stepper else nullcontext():
                self.hooks.test_begin()
                self.probabilities = self._validated()
                if not np.isfinite(self.probabilities).all():  # the last step was too large
                    raise _diverged(math.nan, state.step)
                predicted, targets = self.probabilities.argmax(axis=1), self.validation.labels
                row["validation_loss"] = log_loss(targets, self.probabilities)
                row["validation_accuracy"] = float((predicted == targets).mean())
                self._compare(row["validation_loss"])
                state.history.append(row)
                self.hooks.epoch_end(state.history)
            state.stopped = self.hooks.stopping
            state.stage_over |= state.stopped
            log.info(
                f"step {state.step:>5}  {stage.train:<8}  training {loss:.4f}  "
                f"validation log loss {row['validation_loss']:.4f}  "
                f"accuracy {100 * row['validation_accuracy']:.1f} %"
            )
            if self.on_validation:
                self.on_validation(state.step, row["validation_loss"])
        else:
            state.history.append(row)

    def _validated(self) -> np.ndarray:
        """Predict the validation photographs, each host an equal part of them."""
        squares = self.validation.squares
        rows = validation_rows(len(squares), self.devices.hosts)
        predicted = np.zeros((len(squares), self.model.output_shape[-1]))
        predicted[rows] = probabilities(self.model, SquareRows(squares, rows))
        return self.devices.total(predicted)

    def _compare(self, loss: float) -> None:
        """Keep the weights if they are the best so far; end the stage if patience is at its end."""
        state = self.state
        if loss < state.best:
            state.best, state.best_step = loss, state.step
            self.best_probabilities = self.probabilities
            if self.devices.hosts.chief:
                self.run.check_there()
                save_variables(self.best, self.model.variables, {"step": state.step})
        if loss < state.stage_best:
            state.stage_best, state.waited = loss, 0
        else:
            state.waited += 1
            state.stage_over = bool(self.recipe.patience and state.waited >= self.recipe.patience)

    def rate(self, what: str) -> float:
        """Images a second of the step alone, or with waiting for photographs (`all`)."""
        seconds = self.seconds["step"] + (self.seconds["wait"] if what == "all" else 0)
        return self.timed * self.recipe.batch_size / seconds if seconds else 0.0

    def _variables(self, stepper: Stepper) -> list:
        """Everything that changes in training, in a fixed order."""
        return [*self.model.variables, *stepper.optimizer.variables, *stepper.averages]


def _diverged(loss: float, step: int) -> Diverged:
    return Diverged(
        f"The loss is {loss} at step {step}: lower the learning rate "
        "(--set optimizer.learning_rate=...) or clip the gradient (optimizer.clip_norm)."
    )
