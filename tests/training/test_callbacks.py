"""Keras' callbacks: when they are called, with what, and what they may change."""

import shutil
import zipfile
from contextlib import nullcontext

import keras
import numpy as np
import pandas as pd
import pytest

import cervix_tf as cx
from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.runs import Run
from cervix_tf.training.callbacks import unswayed
from cervix_tf.training.loop import Loop
from tests.planted import shortcuts
from tests.planted.loops import planted_loop

HOOKS = [
    f"on_{what}_{end}"
    for what in ("train", "epoch", "train_batch", "test", "predict")
    for end in ("begin", "end")
]


class Noted(keras.callbacks.Callback):
    """Notes every hook with its arguments."""

    def __init__(self):
        super().__init__()
        self.told = []


for _hook in HOOKS:

    def _note(self, *arguments, _hook=_hook, logs=None):
        number = [a for a in arguments if isinstance(a, int)]
        logs = logs or next((a for a in arguments if isinstance(a, dict)), None)
        self.told.append((_hook, *number, logs or None))

    setattr(Noted, _hook, _note)


class Figure(float):
    """A loss on a device; fetching it is written down."""

    fetched: list = []

    def __float__(self):
        self.fetched.append(super().__float__())
        return super().__float__()


@pytest.fixture
def planted(monkeypatch, recipe, tmp_path):
    """Maker of a loop whose step k has the loss k, from 1, in stages of so many steps."""

    def made(callbacks, stages=(5,), **changes):
        monkeypatch.setattr(Figure, "fetched", [])
        optimizer = keras.optimizers.SGD(0.1)
        optimizer.build([])
        stepper = lambda *batch: (Figure(made.loop.state.step + 1), 0.5)  # noqa: E731
        of_stage = {"optimizer": optimizer, "averages": [], "learning_rate": 0.1}
        vars(stepper).update(of_stage, averaged=nullcontext, take_averages=lambda: None)
        made.loop = planted_loop(
            monkeypatch, recipe, tmp_path, stepper, stages, callbacks, **changes
        )
        return made.loop

    return made


def go(made: Loop) -> list[int]:
    """Train; the steps taken."""
    steps = []
    made.train(lambda step, total, note: steps.append(step))
    return steps


def test_every_hook_is_called_as_keras_does_an_epoch_being_a_validation_interval(planted):
    noted = Noted()
    go(planted([noted], (3, 1), validate_every=2, checkpoint_every=50))
    validated = {"loss": pytest.approx(np.log(3)), "accuracy": 0.5}

    def epoch(number, losses):
        yield "on_epoch_begin", number, None
        for k in range(len(losses)):
            yield "on_train_batch_begin", k, None
            so_far = {"loss": np.mean(losses[: k + 1]), "accuracy": 0.5}
            yield "on_train_batch_end", k, so_far
        yield "on_test_begin", None
        yield "on_test_end", validated
        of_validation = {f"val_{name}": value for name, value in validated.items()}
        yield "on_epoch_end", number, {**so_far, **of_validation, "learning_rate": 0.1}

    epochs = [hook for n, losses in enumerate([(1, 2), (3,), (4,)]) for hook in epoch(n, losses)]
    assert noted.told == [("on_train_begin", None), *epochs, ("on_train_end", None)]
    assert noted.params == {"verbose": 0, "epochs": 3, "steps": 2, "initial_epoch": 0}
    assert not hasattr(noted.model, "optimizer")


def test_steps_wait_for_the_device_only_for_hooks_of_batches(planted, tmp_path):
    class Epochs(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            pass

    fetched = []

    def bar(*shown):
        fetched.append(len(set(Figure.fetched)))

    planted([Epochs()], (25,), validate_every=15, checkpoint_every=50).train(bar)
    assert fetched == [0] * 9 + [10] * 5 + [15] * 5 + [20] * 5 + [25]
    fetched.clear()
    shutil.rmtree(tmp_path / "checkpoint")
    planted([Epochs(), Noted()], (25,), validate_every=15, checkpoint_every=50).train(bar)
    assert fetched == list(range(1, 26))


@pytest.mark.parametrize("at", ["epoch", "train_batch"])
def test_stop_training_ends_all_stages_after_a_validation_and_stays_so(planted, at):
    class Stopped(keras.callbacks.Callback):
        pass

    def stop(callback, number, logs=None):
        callback.model.stop_training = number == 1

    setattr(Stopped, f"on_{at}_end", stop)
    steps = {"epoch": 6, "train_batch": 2}[at]
    made = planted([Stopped()], (30, 5), validate_every=3, checkpoint_every=50)
    assert go(made) == list(range(1, steps + 1))
    assert "validation_loss" in made.state.history[-1]
    # Killed then, it goes on to its end without another step.
    assert go(planted([], (30, 5), validate_every=3)) == []


def test_a_resumed_fit_begins_with_the_epoch_and_batch_of_its_checkpoint(planted):
    class Killed(BaseException):
        pass

    class Kill(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if made.state.step == 13:
                raise Killed

    settings = {"validate_every": 5, "checkpoint_every": 12}
    made = planted([Kill()], (20,), **settings)
    with pytest.raises(Killed):
        go(made)
    noted = Noted()
    assert go(planted([noted], (20,), **settings))[0] == 13
    assert noted.params["initial_epoch"] == 2
    begun = [hook[1] for hook in noted.told if hook[0] == "on_epoch_begin"]
    assert begun == [2, 3]
    batches = [hook[1] for hook in noted.told if hook[0] == "on_train_batch_begin"]
    assert batches == [2, 3, 4, 0, 1, 2, 3, 4]
    losses = [hook[2]["loss"] for hook in noted.told if hook[0] == "on_epoch_end"]
    assert losses == [np.mean(range(11, 16)), np.mean(range(16, 21))]


@pytest.mark.slow
def test_callbacks_of_keras_work_in_a_fit(recipe, phantoms, tmp_path, monkeypatch):
    shortcuts.bare_fits(monkeypatch)
    callbacks = keras.callbacks
    made = []

    def maker(run):
        made.append(run.folder)
        return [
            callbacks.CSVLogger(tmp_path / "log.csv"),
            callbacks.LearningRateScheduler(lambda epoch, rate: 0.01 / (epoch + 1)),
            callbacks.ModelCheckpoint(tmp_path / "{epoch:02d}.weights.h5", save_weights_only=True),
            callbacks.TensorBoard(tmp_path / "board", update_freq=1),
            callbacks.EarlyStopping(min_delta=100, restore_best_weights=True),
        ]

    stages = [{"train": "head", "steps": 3}, {"train": "all", "steps": 20}]
    asked = recipe(stages=stages, keep="last", optimizer={"learning_rate": 0.02, "ema": 0.5})
    with shortcuts.uncompiled():
        run = cx.fit(read_manifest(phantoms), asked, tmp_path / "run", "memory", callbacks=maker)
    assert made == [run.folder]
    validated = run.history.dropna(subset="validation_loss").reset_index(drop=True)
    assert validated["step"].tolist() == [2, 3], "no stage after the one that was stopped"
    logged = pd.read_csv(tmp_path / "log.csv")
    assert logged["val_loss"].tolist() == validated["validation_loss"].tolist()
    assert logged["loss"].tolist() == validated["train_loss"].tolist()
    assert validated["learning_rate"].tolist() == pytest.approx([0.01, 0.005])
    assert list(tmp_path.glob("board/*/events*"))
    # The kept weights are the restored ones, as they were validated, and no optimiser lies beside them.
    own = cx.load(run.folder).model.get_weights()
    predicted = cx.predict(run, run.validation, raw=True)[run.class_names]
    raw = run.predictions[[f"raw:{name}" for name in run.class_names]]
    np.testing.assert_allclose(predicted, raw, atol=1e-6)
    run.model.load_weights(tmp_path / "01.weights.h5")
    for one, other in zip(own, run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with zipfile.ZipFile(run.path("model.keras")) as file:
        assert b"optimizer" not in file.read("model.weights.h5")


def test_what_is_no_callback_is_refused(phantoms, recipe, tmp_path):
    manifest, folder = read_manifest(phantoms), tmp_path / "run"
    with pytest.raises(UserError, match=r"callbacks=\['x'\]: give a list"):
        cx.fit(manifest, recipe(), folder, callbacks=["x"])
    with pytest.raises(UserError, match="crossfit trains several runs"):
        cx.crossfit(manifest, recipe(), folder, callbacks=[Noted()])
    assert not folder.exists()
    stopping = keras.callbacks.EarlyStopping
    with pytest.raises(UserError, match="EarlyStopping by val_loss: .*monitor 'loss'"):
        unswayed(lambda run: [stopping("val_loss")])(Run(folder))
    assert len(unswayed(lambda run: [stopping("loss")])(Run(folder))) == 1
