import json
import os
import shutil
import signal
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

import cervix_tf as cx
from cervix_tf.errors import UserError
from cervix_tf.runs import Ensemble, Run, fit_calibration
from cervix_tf.runs.claims import claimed
from cervix_tf.tracking.event_files import events
from cervix_tf.training import cross_validation, leases, loop
from tests.planted import shortcuts
from tests.planted.forks import forked

STEPS = [{"train": "all", "steps": 8}]
NETWORK = {"name": "cervixnet1", "widths": [4, 8], "dense": 8, "conv_dropout": 0.0}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A manifest of 48 pictures of 24 patients, and a folder of six more: a class is a tint."""
    folder, draw = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    rows = []
    for number in range(54):
        label = number // 2 % 3
        tint = 90 + 40 * np.eye(3)[label] + draw.normal(0, 10, 3)
        pixels = np.clip(tint + draw.normal(0, 10, (40, 40, 3)), 0, 255).astype("uint8")
        path = folder / ("test" if number >= 48 else "train") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), pixels)
        rows.append(
            {"path": str(path), "label": f"tint {label}", "group": f"patient {number // 2}"}
        )
    manifest = folder / "manifest.csv"
    pd.DataFrame(rows[:48]).to_csv(manifest, index=False)
    return manifest


@pytest.fixture(scope="module")
def quick(recipe):
    """Maker of a recipe that learns the tints within seconds."""
    keys = {"model": NETWORK, "optimizer": {"name": "adam", "learning_rate": 0.02}}
    keys |= {"stages": STEPS, "patience": 1, "augment": None}
    return lambda **changes: recipe(**{**keys, **changes})


@pytest.fixture(scope="module")
def ensemble(pictures, quick, tmp_path_factory):
    """An ensemble of three folds."""
    out = tmp_path_factory.mktemp("ensembles") / "first"
    with pytest.MonkeyPatch.context() as patch, shortcuts.uncompiled():
        shortcuts.bare_fits(patch)
        manifest, track = cx.read_manifest(pictures), "tensorboard"
        return cx.crossfit(manifest, quick(), out, folds=3, cache="memory", track=track)


def oof(ensemble) -> np.ndarray:
    return ensemble.predictions[ensemble.class_names].to_numpy()


def geometric(probabilities: list) -> np.ndarray:
    """The geometric mean, rescaled to sum 1."""
    products = np.prod(probabilities, axis=0) ** (1 / len(probabilities))
    return products / products.sum(axis=-1, keepdims=True)


@pytest.mark.slow
def test_every_labelled_photograph_is_predicted_once_by_a_run_it_is_new_to(ensemble, pictures):
    table, manifest = ensemble.predictions, cx.read_manifest(pictures)
    labelled = manifest[manifest["label"].notna()]
    assert sorted(table["path"]) == sorted(labelled["path"])
    assert set(table["fold"].astype(int)) == {1, 2, 3}
    assert (table.groupby("group")["fold"].nunique() == 1).all()
    for number, member in enumerate(ensemble.members, 1):
        of_fold = table[table["fold"].astype(int) == number].set_index("path")
        trained = member.manifest[member.manifest["split"] == "train"]
        assert not set(trained["group"]) & set(of_fold["group"])
        own = member.predictions.set_index("path").loc[of_fold.index]
        columns = [f"raw:{name}" for name in ensemble.class_names]
        np.testing.assert_array_equal(of_fold[columns], own[columns])


@pytest.mark.slow
def test_the_figures_are_those_of_the_table_calibrated_by_the_other_folds(ensemble):
    table, figures = ensemble.predictions, ensemble.metrics
    targets = table["label"].map(ensemble.class_names.index).to_numpy()
    raw = table[[f"raw:{name}" for name in ensemble.class_names]].to_numpy()
    groups, first = table["group"].to_numpy(), (table["fold"].astype(int) == 1).to_numpy()
    even = np.full(3, 1 / 3)  # sampling is balanced
    fitted = fit_calibration(raw[~first], targets[~first], groups[~first], trained_shares=even)
    np.testing.assert_allclose(oof(ensemble)[first], fitted(raw[first]))
    assert figures["log_loss"] == pytest.approx(cx.evaluation.log_loss(targets, oof(ensemble)))
    assert ensemble.calibration.slope > 0.1
    assert figures["log_loss"] < 0.95 * figures["prior"]["log_loss"]
    assert figures["raw"]["log_loss"] == pytest.approx(cx.evaluation.log_loss(targets, raw))
    again = cx.evaluate(ensemble.folder)
    assert again["split"] == figures["split"] == "out of fold"
    assert again["log_loss"] == pytest.approx(figures["log_loss"], abs=1e-6)
    assert cx.evaluate(ensemble, raw=True)["log_loss"] == pytest.approx(
        figures["raw"]["log_loss"], abs=1e-6
    )


@pytest.mark.slow
def test_no_run_chooses_its_weights_by_the_photographs_of_its_fold(ensemble):
    seeds = set()
    for member in ensemble.members:
        assert member.recipe.keep == "last"
        assert member.history["step"].iloc[-1] == STEPS[0]["steps"], "no patience ended it"
        seeds.add(member.recipe.seed)
    assert len(seeds) == 3


@pytest.mark.slow
def test_other_photographs_get_the_mean_of_the_calibrated_runs(ensemble, pictures):
    test = cx.read_manifest(pictures.parent / "test", labelled=False)
    names = ensemble.class_names
    each = [cx.predict(member, test, raw=True)[names].to_numpy() for member in ensemble.members]
    calibrate = ensemble.calibration
    mean = geometric([calibrate(part) for part in each])
    np.testing.assert_allclose(cx.predict(ensemble, test)[names], mean)
    np.testing.assert_allclose(cx.predict(ensemble, test, raw=True)[names], geometric(each))
    together = cx.predict([ensemble, ensemble.members[0]], test)[names]
    first = cx.predict(ensemble.members[0], test)[names]
    np.testing.assert_allclose(together, (mean + first) / 2)


@pytest.mark.slow
# LiteRT's is made of a SavedModel.
@pytest.mark.parametrize(("format", "name"), [("onnx", "e.onnx"), ("litert", "e.tflite")])
def test_one_exported_file_averages_and_calibrates(ensemble, tmp_path, format, name):
    exported = cx.export(ensemble, tmp_path / name, format=format)
    assert exported.difference < 1e-5
    assert exported.photographs == len(ensemble.predictions)


@pytest.mark.slow
def test_the_ensemble_and_each_run_are_tracked(ensemble):
    (_, figures), *_ = (e[1:] for e in events(ensemble.path("tensorboard")) if e[0] == "figures")
    assert (
        f"| out of fold/log_loss | {ensemble.metrics['log_loss']:.4f} |" in figures.item().decode()
    )
    for member in ensemble.members:
        steps = [step for tag, step, _ in events(member.path("tensorboard/train")) if tag == "loss"]
        assert steps == member.history["step"].tolist()


@pytest.mark.slow
def test_verbs_take_an_ensemble(ensemble, pictures, tmp_path):
    page = cx.report([ensemble, ensemble.members[0]], tmp_path / "page.html").read_text()
    assert "The mean of 3 such runs" in page
    assert "trained on no photograph of its group" in page
    explanation = cx.explain(
        ensemble, out=tmp_path / "maps.png", methods=["gradient"], photographs=2
    )
    own = ensemble.predictions.set_index("path")[ensemble.class_names]
    np.testing.assert_allclose(
        explanation.table[ensemble.class_names], own.loc[explanation.table["path"]], atol=1e-6
    )
    assert len(cx.submit(ensemble, pictures.parent / "test", tmp_path / "submission.csv")) == 6


@pytest.mark.slow
def test_the_same_call_goes_on_and_another_is_refused(ensemble, pictures, quick):
    manifest, before = cx.read_manifest(pictures), ensemble.path("oof.csv").read_bytes()
    again = cx.crossfit(manifest, quick(), ensemble.folder, folds=3, cache="memory")
    assert again.path("oof.csv").read_bytes() == before
    with pytest.raises(UserError, match="another --out"):
        cx.crossfit(manifest, quick(), ensemble.folder, folds=4)
    with pytest.raises(UserError, match="other recipe"):
        cx.crossfit(manifest, quick(seed=1), ensemble.folder, folds=3)


def test_a_folder_of_other_things_is_refused_and_left_as_it_is(pictures, quick):
    before = sorted(pictures.parent.rglob("*"))
    with pytest.raises(UserError, match="holds other things: choose another --out folder"):
        cx.crossfit(cx.read_manifest(pictures), quick(), pictures.parent, folds=3)
    assert sorted(pictures.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"folds": 25}, "^25 folds cannot be made: give 2 to 24,"),
        ({"folds": 1}, "^folds=1: give a whole number from 2 up"),
        ({"folds": "2"}, "^folds='2': give a whole number"),
        ({"folds": 2.5}, "^folds=2.5: give a whole number"),
        ({"repeats": 0}, "^repeats=0: give a whole number from 1 up"),
        ({"repeats": "1"}, "^repeats='1': give a whole number"),
        ({"repeats": 1.5}, "^repeats=1.5: give a whole number"),
    ],
)
def test_numbers_out_of_range_name_their_option(pictures, quick, tmp_path, asked, message):
    with pytest.raises(UserError, match=message):
        cx.crossfit(cx.read_manifest(pictures), quick(), tmp_path / "e", **asked)
    assert not (tmp_path / "e").exists()


def test_what_no_fold_could_begin_with_leaves_no_folder(pictures, quick, tmp_path):
    manifest, out = cx.read_manifest(pictures), tmp_path / "e"
    for changes, message in [
        ({"model": {**NETWORK, "weights": "nofile"}}, "nofile"),
        ({"stages": [{"train": "nolayer", "steps": 1}]}, "nolayer"),
    ]:
        with pytest.raises(UserError, match=message):
            cx.crossfit(manifest, quick(**changes), out, folds=3, cache="memory")
    with pytest.raises(UserError, match="cannot keep the prepared squares"):
        cx.crossfit(manifest, quick(), out, folds=3, cache=pictures)
    assert not out.exists()


@pytest.mark.slow
def test_an_ensemble_that_is_not_complete_says_how_to_go_on(ensemble, tmp_path):
    half = tmp_path / "half"
    shutil.copytree(ensemble.folder, half)
    (half / "report.html").unlink()
    for verb in (cx.load, cx.resume, cx.evaluate):
        with pytest.raises(UserError, match="not complete: go on with the same cervix-tf crossfit"):
            verb(half)


@pytest.mark.slow
def test_repeats_divide_anew_and_are_averaged(pictures, quick, tmp_path, monkeypatch):
    shortcuts.bare_fits(monkeypatch)
    short = quick(stages=[{"train": "all", "steps": 1}])
    with shortcuts.uncompiled():
        ensemble = cx.crossfit(
            cx.read_manifest(pictures), short, tmp_path / "e", folds=2, repeats=2, cache="memory"
        )
    names = [f"raw:{name}" for name in ensemble.class_names]
    parts = [member.predictions.set_index("path")[names] for member in ensemble.members]
    first, second = (set(part.index) for part in parts[::2])
    assert first != second, "divided anew"
    for path, row in ensemble.predictions.set_index("path").iterrows():
        each = [part.loc[path] for part in parts if path in part.index]
        assert len(each) == 2
        np.testing.assert_allclose(row[names].tolist(), geometric(each))


def killed_crossfit(manifest, recipe, out, cache):
    """Train the first fold, and be killed in the middle of it when others have trained the rest."""
    shortcuts.bare_fits(pytest.MonkeyPatch())

    def log(self, *rest, before=loop.Loop._log):
        before(self, *rest)
        if self.state.step == 6:
            while not all((out / f"runs/1-{fold}/report.html").is_file() for fold in (2, 3)):
                time.sleep(0.02)
            time.sleep(0.5)  # the other waits for this fold
            os.kill(os.getpid(), signal.SIGKILL)

    loop.Loop._log = log
    with shortcuts.uncompiled():
        cx.crossfit(manifest, recipe, out, folds=3, cache=cache)


@pytest.mark.slow
def test_two_processes_one_killed_end_with_the_same_ensemble(
    ensemble, pictures, quick, tmp_path, monkeypatch
):
    """The folds are shared out, and that of the killed one is gone on with by this process."""
    out, resumed = tmp_path / "shared", []
    given = cx.read_manifest(pictures), quick(), out
    other = forked(killed_crossfit, *given, tmp_path / "cache", said=tmp_path / "said")
    while not (out / "runs/1-1/checkpoint/last.npz").is_file():
        assert other.is_alive(), (tmp_path / "said.err").read_text()[-2000:]
        time.sleep(0.02)
    (lease,) = (out / "locks/1-1").iterdir()
    assert json.loads(lease.read_text())["pid"] == other.pid

    def resume(run, *rest, before=cross_validation.resume, **given):
        resumed.append(run.folder.name)
        return before(run, *rest, **given)

    shortcuts.bare_fits(monkeypatch)
    monkeypatch.setattr(cross_validation, "resume", resume)
    monkeypatch.setattr(cross_validation, "WAIT", 0.1)
    with shortcuts.uncompiled():
        shared = cx.crossfit(*given, folds=3, cache="memory")
    other.join()
    assert other.exitcode == -signal.SIGKILL, (tmp_path / "said.err").read_text()[-2000:]
    assert resumed == ["1-1"]
    assert isinstance(cx.load(out), Ensemble)
    for name in ("oof.csv", "calibration.json"):
        assert shared.path(name).read_bytes() == ensemble.path(name).read_bytes()
    figures = [json.loads(one.path("metrics.json").read_text()) for one in (shared, ensemble)]
    assert figures[0] == figures[1]


def test_a_fold_of_a_dead_machine_is_taken_over(tmp_path, monkeypatch, caplog):
    clock = iter(range(1000, 100_000, int(leases.BEAT)))  # a beat passes from look to look
    monkeypatch.setattr(leases, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with monkeypatch.context() as patch:
        patch.setattr(leases, "_machine", lambda: "another")
        dead = leases.Lease(tmp_path / "locks/1-1")
        assert dead.take()
    ran = []

    def fit(manifest, recipe, folder, cache, on_validation, devices):
        ran.append(folder)
        on_validation(1, 0.5)
        return SimpleNamespace(metrics={"raw": {"log_loss": 0.5, "accuracy": 1.0}})

    monkeypatch.setattr(cross_validation, "fit", fit)
    lease, run = leases.Lease(tmp_path / "locks/1-1"), Run(tmp_path / "1-1")
    looks = 1
    while not cross_validation._trained(lease, run, None, None, None, {"devices": None}):
        assert looks < 100
        assert not ran
        looks += 1
    assert looks == leases.GRACE / leases.BEAT + 2
    assert ran == [run.folder]
    monkeypatch.setattr(lease, "take", lambda: setattr(lease, "_file", dead._file) or True)
    assert cross_validation._trained(
        lease, run, None, None, None, {"devices": None}
    )  # the dead one awakes
    assert "Fold 1-1 is left to another process" in caplog.text


def test_a_fold_of_a_stopped_process_is_left_to_it(tmp_path):
    run, lease = Run(tmp_path / "1-1"), leases.Lease(tmp_path / "locks/1-1")  # silent for too long
    with claimed(run.folder):
        assert not cross_validation._trained(lease, run, None, None, None, {})
    assert lease.take()
