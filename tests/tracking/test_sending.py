"""Runs sent to real stores: MLflow's database in SQLite, TensorBoard's event files; read back."""

import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import cervix_tf as cx
from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.runs import Run
from cervix_tf.tracking.contents import CURVES, figures_of, parameters_of
from cervix_tf.tracking.event_files import EventFiles, events
from cervix_tf.tracking.sending import check_tracker, open_tracker, track
from tests.planted import shortcuts


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A client of an empty store of MLflow."""
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.chdir(tmp_path)  # where artefacts go
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return mlflow.MlflowClient(uri)


def runs_of(store) -> list:
    (experiment,) = (one for one in store.search_experiments() if one.name == "cervix_tf")
    return store.search_runs([experiment.experiment_id])


def curve(history, column) -> list[tuple[int, float]]:
    rows = history.dropna(subset=column)
    return list(zip(rows["step"].tolist(), rows[column].tolist(), strict=True))


class Stopped(BaseException):
    pass


@pytest.mark.slow
def test_a_fit_that_is_stopped_and_resumed_is_one_run_of_mlflow(
    store, recipe, phantoms, monkeypatch
):
    shortcuts.bare_fits(monkeypatch)

    def stop(step, loss):
        if step == 8:  # behind the checkpoint of step 6: it is done twice
            raise Stopped

    stages = [{"train": "head", "steps": 2}, {"train": "all", "steps": 6}]
    with shortcuts.uncompiled():
        with pytest.raises(Stopped):
            cx.fit(
                read_manifest(phantoms),
                recipe(stages=stages),
                "run",
                "memory",
                stop,
                track="mlflow",
            )
        (stopped,) = runs_of(store)
        assert stopped.info.status == "KILLED"
        steps = [point.step for point in store.get_metric_history(stopped.info.run_id, "loss")]
        assert steps == [2, 4, 6, 8]
        run = cx.resume("run", "memory")
    (tracked,) = runs_of(store)
    assert (tracked.info.status, tracked.info.run_name) == ("FINISHED", "run")
    for column, name in CURVES.items():
        points = store.get_metric_history(tracked.info.run_id, name)
        assert [(point.step, point.value) for point in points] == curve(run.history, column)
    assert tracked.data.params["stages.1.train"] == "all"
    assert tracked.data.params["optimizer.learning_rate"] == "0.02"
    low, high = run.metrics["intervals"]["log_loss"]
    sent = {end: tracked.data.metrics[f"validation/log_loss{end}"] for end in ("", "_low", "_high")}
    assert sent == {"": run.metrics["log_loss"], "_low": low, "_high": high}
    assert tracked.data.metrics["training/accuracy"] == run.metrics["training"]["accuracy"]
    assert tracked.data.tags["data"] == "phantoms (drawn photographs)"
    files = {part.path for part in store.list_artifacts(tracked.info.run_id)}
    assert files >= {"report.html", "recipe.yaml", "metrics.json", "plots"}
    assert not {part for part in files if "manifest" in part or "predictions" in part}
    plots = {part.path for part in store.list_artifacts(tracked.info.run_id, "plots")}
    assert "plots/curves.png" in plots
    assert "tracking.json" in run.path("files.json").read_text()
    track(run)  # has everything
    assert len(store.get_metric_history(tracked.info.run_id, "validation/log_loss")) == 1


@pytest.mark.slow
def test_parts_of_an_ensemble_or_study_hang_on_its_run(store, recipe, tmp_path):
    parameters = parameters_of(recipe())
    made = [
        open_tracker(Run(tmp_path / name), kind, parameters)
        for name, kind in (("e", "mlflow"), ("e/runs/1-1", "mlflow"), ("runs/first", "mlflow"))
    ]
    whole, part, alone = (store.get_run(one.run).data.tags for one in made)
    assert part["mlflow.parentRunId"] == made[0].run
    assert "mlflow.parentRunId" not in whole | alone
    again = open_tracker(Run(tmp_path / "e"), None, {})
    assert again.run == made[0].run
    with pytest.raises(UserError, match="e is tracked by mlflow: leave out --track"):
        open_tracker(Run(tmp_path / "e"), "tensorboard", {})


def test_a_store_that_is_not_there_is_named(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    (tmp_path / "none").write_text("a file")
    (tmp_path / "text.db").write_text("no database, but a text")
    for uri, message in [
        (
            f"sqlite:///{tmp_path}/none/mlflow.db",
            r"MLflow at sqlite:///.*mlflow.db: there is no folder .*none; name",
        ),
        (f"sqlite:///{tmp_path}/text.db", "text.db is no database of SQLite"),
        (f"sqlite:///{tmp_path}", "is no database of SQLite"),
        (f"file://{tmp_path}/mlruns", "takes a folder only where"),
    ]:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(UserError, match=message):
            check_tracker("mlflow")
        with pytest.raises(UserError, match=message):
            open_tracker(Run(tmp_path / "run"), "mlflow", {})
    assert not (tmp_path / "run").exists()


def read(folder) -> dict[str, list[tuple[int, float]]]:
    found: dict = {}
    for tag, step, value in events(folder):
        found.setdefault(tag, []).append((step, value))
    return found


def test_event_files_hold_the_run_and_whole_curves_after_a_kill(finished, tmp_path, caplog):
    pytest.importorskip("tensorboard")
    run = Run(shutil.copytree(finished.folder, tmp_path / "run"))
    history = run.history.to_dict("records")
    first = open_tracker(run, "tensorboard", parameters_of(run.recipe))
    first.send(history[:3])
    (file,) = run.path("tensorboard/train").iterdir()
    file.write_bytes(file.read_bytes()[:-7])  # as a kill leaves it
    second = open_tracker(run, None, {})
    second.points = SimpleNamespace(__name__="unreachable")  # not callable
    second.send(history[:5])
    assert "TensorBoard has not taken the curves" in caplog.text
    del second.points
    second.send(history[:5])
    assert not second.finished
    track(run)
    assert open_tracker(run, None, {}).finished
    for part, columns in {
        "train": {"loss": "train_loss", "learning_rate": "learning_rate"},
        "validation": {"loss": "validation_loss", "accuracy": "validation_accuracy"},
    }.items():
        for tag, column in columns.items():
            steps, values = zip(*read(run.path(f"tensorboard/{part}"))[tag], strict=True)
            expected = curve(run.history, column)
            assert list(steps) == [step for step, _ in expected]
            np.testing.assert_allclose(values, [value for _, value in expected], rtol=1e-6)
    whole = read(run.path("tensorboard"))
    for name, (value, *_) in figures_of(run.metrics).items():
        assert whole[name][0][1] == pytest.approx(value, rel=1e-6)
    (_, table), *_ = whole["figures"]
    low, high = run.metrics["intervals"]["log_loss"]
    row = f"| validation/log_loss | {run.metrics['log_loss']:.4f} | {low:.4f} to {high:.4f} |"
    assert row in table.item().decode()
    assert "plots/curves" in whole
    assert "_hparams_/session_start_info" in whole


def test_what_cannot_track_is_refused_before_training(recipe, phantoms, tmp_path, monkeypatch):
    manifest, folder = read_manifest(phantoms), tmp_path / "run"
    with pytest.raises(UserError, match="Unknown tracker 'tensorbord': did you mean 'tensorboard'"):
        cx.fit(manifest, recipe(), folder, track="tensorbord")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UserError, match=r"pip install 'cervix-tf\[track\]'"):
        cx.fit(manifest, recipe(), folder, track="mlflow")
    assert not folder.exists()
    assert EventFiles(Run(folder), {}).last == 0
