import gc
import json
import logging
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.recipes import load_recipe
from cervix_tf.runs import Run, environment
from cervix_tf.tracking.event_files import events
from cervix_tf.training import hyperparameter_search, loop, search
from cervix_tf.training.beginnings import divided
from tests.planted import shortcuts
from tests.planted.forks import forked

pytest.importorskip("optuna")
SHORT = [{"train": "all", "steps": 2}]


@pytest.fixture(autouse=True)
def _bare_fits(monkeypatch):
    shortcuts.bare_fits(monkeypatch)


@pytest.mark.slow
def test_table_plot_and_best_recipe(recipe, phantoms, tmp_path, caplog):
    caplog.set_level(logging.INFO, "cervix_tf")
    given = dict(
        recipe=recipe(stages=SHORT),
        space={"optimizer.learning_rate": [0.003, 1e30, 0.03], "model.widths": [[4, 4], [8, 8]]},
        study=tmp_path / "study",
        cache=tmp_path / "cache",
        trials=4,
        seed=4,
        track="tensorboard",
    )
    with shortcuts.uncompiled():
        table = search(read_manifest(phantoms), **given)
    assert table["trial"].tolist() == [0, 1, 2, 3]
    wild = table["optimizer.learning_rate"] == 1e30
    assert set(table["state"][wild]) == {"fail"}, "a trial that diverges does not end the search"
    assert set(table["state"][~wild]) == {"complete"}
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("cervix_tf")]
    assert [line[:9] for line in lines[::2]] == [f"trial 00{k}" for k in range(4)]
    assert len(lines) == 8, "two a trial, and none of what its fit says"
    assert any("failed: The loss is" in line for line in lines)
    best = table.loc[table["log_loss"].idxmin()]
    metrics = json.loads(Path(best["run"], "metrics.json").read_text())["raw"]
    assert metrics["log_loss"] == best["log_loss"]
    assert metrics["accuracy"] == best["accuracy"]
    chosen = load_recipe(tmp_path / "study/best.yaml")
    assert chosen.optimizer.learning_rate == best["optimizer.learning_rate"]
    assert chosen.model.options["widths"] == json.loads(best["model.widths"])
    assert chosen.stages[0].steps == 2
    assert (tmp_path / "study/trials.png").stat().st_size > 10_000
    written = pd.read_csv(tmp_path / "study/trials.csv")
    assert np.allclose(written["log_loss"], table["log_loss"].astype(float), equal_nan=True)
    assert len(list((tmp_path / "cache").glob("*.npy"))) <= 1, "decoded once for all trials"

    board = {tag: value for tag, _, value in events(tmp_path / "study/tensorboard")}
    assert board["best/log_loss"] == pytest.approx(best["log_loss"])
    assert "plots/trials" in board
    assert list(events(Path(best["run"], "tensorboard/train")))

    caplog.clear()
    again = search(read_manifest(phantoms), **given)
    pd.testing.assert_frame_equal(again, table)
    assert not caplog.records, "nothing is run twice"
    with pytest.raises(UserError, match="a search with another recipe"):
        search(read_manifest(phantoms), **{**given, "recipe": recipe(stages=SHORT, seed=5)})


@pytest.fixture
def curves(monkeypatch):
    """Trials whose validation losses are given instead of trained, and what was run."""
    ran = []

    def fit(manifest, recipe, run, cache, on_validation, **_):
        ran.append((Path(run).name, "fit"))
        return losses(recipe, on_validation)

    def resume(run, cache, on_validation, **_):
        ran.append((run.folder.name, "resume"))
        return losses(run.recipe, on_validation)

    def losses(recipe, on_validation):
        rate = recipe.optimizer.learning_rate
        for step in (2, 4, 6, 8):
            on_validation(step, rate + 1 / step)
        return SimpleNamespace(metrics={"raw": {"log_loss": rate + 1 / 8, "accuracy": 0.5}})

    # There is nothing to clear away, which takes half a second.
    monkeypatch.setattr("cervix_tf.training.hyperparameter_search.keras", Mock())
    monkeypatch.setattr("cervix_tf.training.hyperparameter_search.fit", fit)
    monkeypatch.setattr("cervix_tf.training.hyperparameter_search.resume", resume)
    return ran


@pytest.mark.parametrize("prune", [True, False])
def test_the_worse_half_is_pruned(curves, recipe, phantoms, tmp_path, prune):
    rates = [0.1, 0.2, 0.3, 0.4, 0.5, 0.9, 0.05, 0.8]
    table = search(
        read_manifest(phantoms), recipe(), {"optimizer.learning_rate": rates},
        study=tmp_path / "study", prune=prune, seed=1,
    )  # fmt: skip
    assert len(curves) == len(rates)
    late = table.iloc[5:]
    medians = [table["optimizer.learning_rate"][:k].median() for k in late.index]
    bad = late["optimizer.learning_rate"] > medians
    assert bad.any()
    assert not bad.all()
    assert (table["state"][:5] == "complete").all()
    if prune:
        assert (late["state"] == np.where(bad, "pruned", "complete")).all()
        assert (late["step"][bad] == 4).all(), "not at the first validation"
    else:
        assert (table["state"] == "complete").all()


def test_an_interrupted_trial_is_gone_on_with(curves, recipe, phantoms, tmp_path, monkeypatch):
    given = {"space": {"optimizer.learning_rate": [0.1, 0.2]}, "study": tmp_path / "study"}
    fake = hyperparameter_search.fit

    def interrupted(manifest, recipe, run, cache, on_validation, **_):
        begun = divided(manifest, recipe)
        Run(Path(run)).write_inputs(recipe, begun, environment(begun, recipe.seed))
        on_validation(2, 0.7)
        raise KeyboardInterrupt

    monkeypatch.setattr(hyperparameter_search, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search(read_manifest(phantoms), recipe(), **given)
    monkeypatch.setattr(hyperparameter_search, "fit", fake)
    table = search(read_manifest(phantoms), recipe(), **given)
    assert curves == [("000", "resume"), ("001", "fit")]
    assert (table["state"] == "complete").all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampler": "gird"}, "Unknown sampler 'gird': did you mean 'grid'"),
        ({"sampler": "tpe"}, "give --trials N"),
        ({"trials": "2"}, "trials='2': give a whole number from 1 up"),
        ({"seed": -1}, "seed=-1: give a whole number from 0 up"),
        ({"study": 3}, "study is of type int"),
        ({"settings": "batch_size=8"}, "settings='batch_size=8': give a list"),
        ({"space": {"optimizer.learning_rat": [1]}}, "did you mean 'optimizer.learning_rate'"),
        ({"space": {"batch_size": [8, 0]}}, "'batch_size'.*received 0"),
        ({"space": {"model.dropuot": [0.1]}}, "varies model.dropuot, which cervixnet1 does not"),
        ({"space": {"model.dropout": {"low": 0, "high": 1}}}, "has no points"),
        ({"settings": ["model.weights=nofile"]}, "nofile"),
        ({"space": {"model.weights": ["none", "nofile"]}}, "nofile"),
        ({"cache": "/dev/null/squares"}, "cannot keep the prepared squares"),
    ],
)
def test_mistakes_before_any_trial(recipe, phantoms, tmp_path, changes, message):
    given = {"space": {"model.dropout": [0.1]}, "study": tmp_path / "study", **changes}
    with pytest.raises(UserError, match=message) as caught:
        search(read_manifest(phantoms), recipe(), **given)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "study").exists()


SPACE = {"optimizer.learning_rate": [1e-3, 1e-2], "model.l2": [0.0, 1e-4]}


def killed_search(manifest, recipe, study, cache, log):
    """Search until killed in the middle of the second trial, when another process has begun one."""
    patch = pytest.MonkeyPatch()
    shortcuts.bare_fits(patch)
    noted_trials(patch, log)

    def save_variables(path, variables, state=None, save=loop.save_variables):
        save(path, variables, state)
        if path.name == "last.npz" and begun(log).count(os.getpid()) == 2:
            while set(begun(log)) == {os.getpid()}:
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGKILL)

    patch.setattr(loop, "save_variables", save_variables)
    with shortcuts.uncompiled():
        search(manifest, recipe, SPACE, study=study, cache=cache)


def begun(log) -> list[int]:
    """The processes of the trials begun so far."""
    return [int(line.split()[1]) for line in log.read_text().splitlines()]


def noted_trials(patch, log) -> None:
    """Write down which process begins a trial, or goes on with one."""

    def noted(name, folder_of, resumed):
        run = getattr(hyperparameter_search, name)

        def note(*given, **rest):
            with open(log, "a") as file:
                file.write(f"{folder_of(*given).name} {os.getpid()} {resumed}\n")
            return run(*given, **rest)

        patch.setattr(hyperparameter_search, name, note)

    noted("fit", lambda manifest, recipe, run, *rest: run, False)
    noted("resume", lambda run, *rest: run.folder, True)


@pytest.mark.slow
def test_two_processes_one_killed(phantoms, recipe, tmp_path, monkeypatch):
    """Four trials: none is lost, none run twice, that of the killed one is resumed by the other.

    The other is this process.
    """
    study, cache, log = (tmp_path / name for name in ("study", "cache", "log"))
    log.touch()
    given = read_manifest(phantoms), recipe(stages=[{"train": "all", "steps": 6}])
    one = forked(killed_search, *given, study, cache, log, said=tmp_path / "said")
    while len(begun(log)) < 2:
        assert one.is_alive(), (tmp_path / "said.err").read_text()[-2000:]
        time.sleep(0.02)
    noted_trials(monkeypatch, log)
    with shortcuts.uncompiled():
        search(*given, SPACE, study=study, cache=cache)
    one.join()
    assert one.exitcode == -signal.SIGKILL, (tmp_path / "said.err").read_text()[-2000:]

    table = pd.read_csv(tmp_path / "study/trials.csv")
    assert table["trial"].tolist() == list(range(4)), "none is lost"
    assert set(table["state"]) <= {"complete", "pruned"}
    assert not table.duplicated(["optimizer.learning_rate", "model.l2"]).any()
    assert table["log_loss"].notna().all()
    ran = pd.read_csv(log, sep=" ", names=["trial", "process", "resumed"])
    fresh = ran[~ran["resumed"]]
    assert sorted(fresh["trial"]) == list(range(4)), "each is begun once"
    (again,) = ran[ran["resumed"]].to_dict("records")
    killed = fresh[fresh["process"] == one.pid].iloc[-1]
    assert again["trial"] == killed["trial"]
    assert again["process"] == os.getpid()
    assert set(fresh["process"]) == {one.pid, os.getpid()}, "both began some"
    folder = tmp_path / "study/trials" / f"{again['trial']:03d}"
    steps = pd.read_csv(folder / "history.csv")["step"]
    assert steps.is_monotonic_increasing
    assert steps.is_unique


@pytest.mark.slow
def test_trials_in_a_database(curves, recipe, phantoms, tmp_path):
    url = f"sqlite:///{tmp_path}/trials.db"
    given = {"space": {"optimizer.learning_rate": [0.1, 0.2]}, "study": tmp_path / "study"}
    manifest = read_manifest(phantoms)
    table = search(manifest, recipe(), storage=url, max_trials=1, **given)
    assert table["state"].tolist() == ["complete", "waiting"]
    assert not (tmp_path / "study/journal.log").exists()
    assert (search(manifest, recipe(), storage=url, **given)["state"] == "complete").all()
    assert [name for name, _ in curves] == ["000", "001"]
    with pytest.raises(UserError, match="trials are in sqlite:///.*: give that --storage"):
        search(manifest, recipe(), **given)
    with pytest.raises(UserError, match="a search with another recipe"):
        search(manifest, recipe(seed=5), storage=url, **given)


def test_what_another_took_over_is_left_to_it(
    curves, recipe, phantoms, tmp_path, monkeypatch, caplog
):
    fake = hyperparameter_search.fit

    def stalled(manifest, recipe, run, cache, on_validation, **_):
        monkeypatch.setattr(hyperparameter_search, "fit", fake)
        (file,) = (tmp_path / "study/locks/000").iterdir()
        file.rename(file.with_name("2")).write_text("free")  # another has had it, and is killed
        return fake(manifest, recipe, run, cache, on_validation)

    monkeypatch.setattr(hyperparameter_search, "fit", stalled)
    table = search(
        read_manifest(phantoms), recipe(), {"optimizer.learning_rate": [0.1, 0.2]},
        study=tmp_path / "study",
    )  # fmt: skip
    assert "Trial 000 is left to another process" in caplog.text
    assert (table["state"] == "complete").all()
    assert [name for name, _ in curves] == ["000", "000", "001"]


def test_a_call_runs_no_more_trials_than_it_may(curves, recipe, phantoms, tmp_path):
    given = {"space": {"optimizer.learning_rate": [0.1, 0.2, 0.3]}, "study": tmp_path / "study"}
    table = search(read_manifest(phantoms), recipe(), max_trials=2, **given)
    assert table["state"].tolist() == ["complete", "complete", "waiting"]
    assert len(curves) == 2
    search(read_manifest(phantoms), recipe(), max_trials=2, **given)
    assert len(curves) == 3


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux' /proc")
def test_memory_of_a_trial(recipe, phantoms, tmp_path, monkeypatch):
    """What TensorFlow keeps of a tiny trial's compiled step is known, and nothing comes to it."""
    held = []

    def note(line):  # twice a trial
        gc.collect()
        held.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20)

    monkeypatch.setattr("cervix_tf.training.hyperparameter_search.log.info", note)
    small = recipe(model={"name": "cervixnet1", "widths": [8], "dense": 8}, stages=SHORT)
    search(
        read_manifest(phantoms), small, {"optimizer.learning_rate": [1e-3, 1e-2]},
        sampler="random", trials=4, study=tmp_path / "study", cache="memory", prune=False,
    )  # fmt: skip
    later = held[3::2]  # after the second trial and each later one
    assert (later[-1] - later[0]) / (len(later) - 1) < 35, [round(m) for m in held]
