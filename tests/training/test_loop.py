"""The loop around steps that are planted: when their figures are fetched, and what these end."""

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cervix_tf.errors import UserError
from cervix_tf.training import loop
from cervix_tf.training.checkpoints import load_state, save_variables
from cervix_tf.training.devices import Devices
from cervix_tf.training.hosts import Hosts
from tests.planted.loops import planted_loop


class Figure:
    """A loss or an accuracy on a device; fetching it is written down."""

    def __init__(self, value, step, fetched):
        self.value, self.step, self.fetched = value, step, fetched

    def __float__(self):
        self.fetched.append(self.step)
        return self.value


@pytest.fixture
def planted(monkeypatch, recipe, tmp_path):
    """Maker of a loop whose steps have the losses given; and the steps fetched, with those taken."""

    def made(losses, **changes):
        taken, fetched = [], []

        def stepper(*batch):
            taken.append(len(taken) + 1)
            step = taken[-1]
            return [Figure(value, (step, step), fetched) for value in (losses[step - 1], 0.5)]

        stepper.optimizer, stepper.averages, stepper.learning_rate = (
            SimpleNamespace(variables=[]), [], 0.1,
        )  # fmt: skip
        stepper.averaged, stepper.take_averages = nullcontext, lambda: None
        made = planted_loop(monkeypatch, recipe, tmp_path, stepper, [len(losses)], **changes)
        return made, taken, fetched

    return made


def test_figures_stay_on_the_device_until_they_are_logged(planted):
    losses = np.linspace(2, 1, 25).tolist()
    made, taken, fetched = planted(losses, validate_every=15, checkpoint_every=23)
    shown = []

    def bar(step, total, note):
        shown.append((step, len(set(fetched))))

    made.train(bar)
    assert shown == [
        (step, max([0, *(k for k in (10, 15, 20, 23, 25) if k <= step)])) for step in taken
    ]
    assert len(fetched) == 2 * len(losses), "each figure once"
    history = made.state.history
    assert [row["step"] for row in history] == [10, 15, 20, 25]
    means = [np.mean(losses[a:b]) for a, b in ((0, 10), (10, 15), (15, 20), (20, 25))]
    assert [row["train_loss"] for row in history] == pytest.approx(means, abs=1e-12)


def test_the_best_weights_are_read_when_the_chief_has_written_them(planted, monkeypatch):
    made, *_ = planted([1.0, 0.5], validate_every=1)
    made.devices = replace(made.devices, hosts=Hosts(("a:1", "b:1"), 1))  # not the chief
    monkeypatch.setattr(made, "_validated", lambda: np.full((4, 3), 1 / 3))
    monkeypatch.setattr(Devices, "agree", lambda self, *_: None)
    monkeypatch.setattr(
        Devices, "wait", lambda self: save_variables(made.best, made.model.variables, {"step": 2})
    )
    made.train(lambda *_: None)
    assert made.best.is_file()


def test_a_loss_that_is_no_number_is_named_with_its_step_and_not_saved(planted, tmp_path):
    losses = [1.0] * 30
    losses[16] = float("nan")
    made, taken, _ = planted(losses, validate_every=50, checkpoint_every=12)
    with pytest.raises(UserError, match="The loss is nan at step 17:"):
        made.train(lambda *shown: None)
    assert len(taken) == 20, "noticed when the figures are fetched"
    assert load_state(tmp_path / "checkpoint/last.npz")["step"] == 12


def test_validation_that_is_no_number_is_told_as_such_a_loss_is(planted, monkeypatch, tmp_path):
    made, taken, _ = planted([1.0] * 20, validate_every=5, checkpoint_every=4)
    guesses = iter([np.full((4, 3), 1 / 3), np.full((4, 3), np.nan)])
    monkeypatch.setattr(loop, "probabilities", lambda model, squares: next(guesses))
    with pytest.raises(UserError, match="The loss is nan at step 10: lower the learning rate"):
        made.train(lambda *shown: None)
    assert load_state(tmp_path / "checkpoint/last.npz")["step"] == 8
