import json
import logging
import os
from datetime import datetime
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from cervix_tf import load
from cervix_tf.data import read_manifest
from cervix_tf.data.square_rows import StoredSquares
from cervix_tf.errors import UserError
from cervix_tf.evaluation import evaluate, log_loss
from cervix_tf.recipes import load_recipe
from cervix_tf.runs import claims
from cervix_tf.training import beginnings, fit, loop, resume
from tests.planted import shortcuts
from tests.planted.weights import same, weights


@pytest.fixture(autouse=True)
def _quick_fits(finished, monkeypatch):
    """Fits that draw nothing and are not compiled; `finished`, made before, is whole."""
    shortcuts.bare_fits(monkeypatch)
    with shortcuts.uncompiled():
        yield


def test_the_run_folder_is_complete(finished, recipe):
    files = (
        "recipe.yaml manifest.csv model.keras history.csv predictions.csv metrics.json "
        "environment.json references.npz report.html plots/curves.png plots/confusion.png "
        "plots/predictions.png plots/saliency.png"
    )
    for name in files.split(" "):
        assert finished.path(name).stat().st_size > 100, name
    assert not list(finished.folder.rglob(".*")), "no temporary file is left"
    assert not finished.path("checkpoint").exists()
    assert load_recipe(finished.path("recipe.yaml")) == recipe()
    environment = json.loads(finished.path("environment.json").read_text())
    assert {"devices", "packages", "seed", "data_fingerprint", "git_commit"} <= set(environment)
    assert "phantom" in finished.path("report.html").read_text()


def test_history_has_every_stage_and_validation(finished):
    history = finished.history
    assert history["step"].is_monotonic_increasing
    assert history.groupby("stage")["step"].max().tolist() == [8, 17]
    assert history["train"].drop_duplicates().tolist() == ["head", "all"]
    validated = history.dropna(subset=["validation_loss"])
    assert validated["step"].tolist() == [2, 4, 6, 8, 10, 12, 14, 16, 17]


def test_figures_are_those_of_the_predictions_and_the_best_step(finished):
    table = finished.predictions
    classes = finished.class_names
    labels = [classes.index(c) for c in table["label"]]
    figures = finished.metrics
    assert figures["log_loss"] == pytest.approx(log_loss(labels, table[classes]))
    raw = log_loss(labels, table[[f"raw:{name}" for name in classes]])
    assert figures["raw"]["log_loss"] == pytest.approx(raw)
    assert raw == pytest.approx(finished.history["validation_loss"].min(), abs=1e-6)
    assert figures["prior"]["log_loss"] == pytest.approx(np.log(3), abs=0.1)
    assert figures["data"].startswith("phantoms")


def test_no_patient_is_on_both_sides(finished):
    sides = finished.manifest.groupby("group")["split"].nunique()
    assert sides.max() == 1
    assert finished.manifest["split"].value_counts()["validation"] >= 5


@pytest.mark.slow
def test_same_seed_same_weights_and_other_seed_other_weights(recipe, phantoms, tmp_path):
    told, rewriting = [], []

    def note(*_):
        rewriting.append(tf.config.optimizer.get_experimental_options())

    def made(name, **changes):
        asked = recipe(stages=[{"train": "all", "steps": 2}], **changes)
        given = {"cache": "memory", "on_validation": note, "progress": lambda *n: told.append(n)}
        return fit(read_manifest(phantoms), asked, run=tmp_path / name, **given)

    options = tf.config.optimizer.set_experimental_options
    options({"disable_meta_optimizer": False})
    one = made("one")
    assert not tf.config.optimizer.get_experimental_options()["disable_meta_optimizer"], "restored"
    options({"disable_meta_optimizer": True})
    assert same(one, made("again"))
    assert told[-1] == (2, 2)
    # What makes a large network repeatable, which two processes of one need not show.
    assert rewriting
    assert all(options["disable_meta_optimizer"] for options in rewriting)
    assert not same(one, made("other", seed=1))


@pytest.mark.slow
def test_head_stage_changes_the_head_alone(recipe, phantoms, tmp_path, monkeypatch):
    """Not one variable of a frozen backbone moves, BatchNorm's moving statistics included."""
    build, initial = beginnings.build, []

    def noted(*args, **options):
        model = build(*args, **options)
        initial.extend(np.array(v) for v in model.weights)
        return model

    monkeypatch.setattr(beginnings, "build", noted)
    asked = recipe(stages=[{"train": "head", "steps": 2}], keep="last")
    run = fit(read_manifest(phantoms), asked, run=tmp_path / "run", cache="memory")
    changed = {
        v.path.split("/")[0]
        for v, a, b in zip(run.model.weights, initial, weights(run), strict=True)
        if not np.array_equal(a, b)
    }
    assert changed
    assert all(name.startswith(("head_", "logits")) for name in changed), changed


def test_a_run_is_never_overwritten(finished, recipe, phantoms):
    with pytest.raises(UserError, match="holds a run already"):
        fit(read_manifest(phantoms), recipe(), run=finished.folder)


@pytest.mark.parametrize("run", ["", 3, b"run"])
def test_a_run_folder_is_a_path(recipe, phantoms, run):
    with pytest.raises(UserError, match="^run is .*: give a path"):
        fit(read_manifest(phantoms), recipe(), run)


def test_unreadable_photographs_are_named_before_training(recipe, phantoms, tmp_path):
    table = read_manifest(phantoms)
    broken = {}
    for row, (name, content) in enumerate(
        {"empty.jpg": b"", "text.jpg": b"no photograph", "half.jpg": None}.items()
    ):
        whole = (phantoms / table["path"][row]).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2] if content is None else content)
        broken[row] = str(tmp_path / name)
    table["path"] = [broken.get(row, path) for row, path in table["path"].items()]
    with pytest.raises(UserError) as caught:
        fit(table, recipe(), run=tmp_path / "run", cache="memory")
    assert "\n" not in str(caught.value)
    for name in ("empty.jpg", "text.jpg", "half.jpg"):
        assert name in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_patience_ends_a_stage(recipe, phantoms, tmp_path):
    stages = [{"train": "all", "steps": 40, "learning_rate": 1e-9}]
    run = fit(
        read_manifest(phantoms),
        recipe(stages=stages, patience=2, validate_every=1, optimizer={"learning_rate": 1e-9}),
        run=tmp_path / "run",
        cache="memory",
    )
    assert run.history["step"].max() < 40


def test_a_loss_that_is_no_number_names_the_step(recipe, phantoms, tmp_path):
    wild = recipe(optimizer={"learning_rate": 1e30}, stages=[{"train": "all", "steps": 20}])
    with pytest.raises(UserError, match="The loss is .* at step .*learning_rate"):
        fit(read_manifest(phantoms), wild, run=tmp_path / "run", cache="memory")


@pytest.mark.slow
def test_fits_begun_in_the_same_second_have_folders_of_their_own(
    recipe, phantoms, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(claims, "datetime", Mock(now=lambda: datetime(2026, 1, 2, 3, 4, 5)))
    wild = recipe(optimizer={"learning_rate": 1e30}, stages=[{"train": "all", "steps": 20}])
    for _ in range(2):
        with pytest.raises(UserError, match="The loss is"):
            fit(read_manifest(phantoms), wild, cache="memory")
    name = f"{wild.model.name}-20260102-030405"
    assert {folder.name for folder in Path("runs").iterdir()} == {name, f"{name}-2"}


def test_a_run_folder_that_cannot_be_made_is_named(recipe, phantoms, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs").write_text("no folder")
    with pytest.raises(UserError, match=r"runs/.* cannot be made: .*--run"):
        fit(read_manifest(phantoms), recipe(), cache="memory")


@pytest.mark.slow
def test_options_of_a_recipe_train(recipe, phantoms, tmp_path, monkeypatch):
    """A run's steps are those that `Stepper` makes of the recipe, stage after stage."""
    given = []

    class Noted(loop.Stepper):
        def __init__(self, model, view, recipe, stage, class_weights, length, devices):
            assert stage.steps in (None, length)
            given.append((recipe, stage, class_weights))
            super().__init__(model, view, recipe, stage, class_weights, length, devices)

    monkeypatch.setattr(loop, "Stepper", Noted)
    manifest = read_manifest(phantoms)
    uneven = manifest.drop(manifest.index[manifest["label"] == "Type_1"][:6])
    options = {
        "class_weights": "balanced",
        "sampling": "uniform",
        "label_smoothing": 0.1,
        "mixup": 0.2,
        "cutmix": 0.5,
        "optimizer": {"name": "rmsprop", "anneal": {"factor": 0.5, "every": 2}},
        "stages": [
            {"train": "head", "steps": 1},
            {"train": "all", "epochs": 1, "backbone_rate": 0.1, "batch_norm": "frozen"},
        ],
    }
    asked = recipe(**options)
    run = fit(uneven, asked, run=tmp_path / "run", cache="memory")
    assert [(recipe, stage) for recipe, stage, _ in given] == [(asked, s) for s in asked.stages]
    trained = run.manifest[run.manifest["split"] == "train"]
    counts = trained["label"].value_counts().sort_index().to_numpy()
    assert len(set(counts)) > 1
    for _, _, class_weights in given:
        np.testing.assert_allclose(class_weights, len(trained) / (3 * counts), rtol=1e-6)
    steps = run.history["step"].max() - 1  # of the second stage: one pass in batches of 8
    assert steps == np.ceil(len(trained) / 8)
    rates = run.history["learning_rate"].to_numpy()
    assert rates[-1] == pytest.approx(0.001 * 0.5 ** (steps // 2))


def test_a_part_of_the_network_by_its_first_layer(recipe, phantoms, tmp_path):
    with pytest.raises(UserError, match="layer to train from"):
        fit(
            read_manifest(phantoms),
            recipe(stages=[{"train": "all", "steps": 1}, {"train": "nonsense", "steps": 1}]),
            run=tmp_path / "run",
            cache="memory",
        )
    assert not (tmp_path / "run").exists(), "found before the first stage"


@pytest.mark.slow
def test_progress_lines(recipe, phantoms, tmp_path, caplog):
    caplog.set_level(logging.INFO, "cervix_tf")
    fit(
        read_manifest(phantoms),
        recipe(stages=[{"train": "all", "steps": 2}]),
        run=tmp_path / "run",
        cache="memory",
    )
    lines = [
        record.getMessage() for record in caplog.records if record.name.startswith("cervix_tf")
    ]
    assert "training and" in lines[0]
    assert "validation log loss" in lines[1]
    assert "images/s" in lines[-1]


def test_load_refuses_other_folders(tmp_path, finished):
    with pytest.raises(UserError, match="not a run"):
        load(tmp_path)
    assert load(finished) is finished
    assert isinstance(load(finished.folder).manifest, pd.DataFrame)


def test_a_bare_table_of_paths_and_labels_is_a_manifest(phantoms, recipe, tmp_path):
    table = read_manifest(phantoms).dropna(subset="label")[["path", "label"]]
    stages = [{"train": "all", "steps": 1}]
    run = fit(table, recipe(stages=stages), run=tmp_path / "run", cache="memory")
    assert set(run.manifest["split"]) == {"train", "validation"}
    with pytest.raises(UserError, match="no column 'path'"):
        fit(table[["label"]], recipe(), run=tmp_path / "other")


@pytest.mark.slow
def test_a_cache_that_is_cut_during_a_fit_ends_it_with_one_line(phantoms, recipe, tmp_path):
    cache, run = tmp_path / "cache", tmp_path / "run"

    def cut(step, loss):
        for squares in cache.glob("*.npy"):
            os.truncate(squares, squares.stat().st_size // 2)

    short = recipe(stages=[{"train": "all", "steps": 8}])
    with pytest.raises(UserError, match=r"^\S+\.npy was cut while its squares were read: go on"):
        fit(read_manifest(phantoms), short, run, cache, on_validation=cut)
    with pytest.warns(UserWarning, match="damaged"):
        assert resume(run, cache=cache).complete


@pytest.mark.slow
def test_no_side_of_a_cache_is_ever_read_at_once(recipe, photograph, tmp_path, monkeypatch):
    read = []

    fill = StoredSquares._fill

    def watched(self, squares, numbers):
        read.append(len(numbers))
        fill(self, squares, numbers)

    monkeypatch.setattr(StoredSquares, "_fill", watched)
    paths = [str(photograph(tmp_path / f"in/{k}.jpg", k)) for k in range(300)]
    splits = np.where(np.arange(300) % 3 == 0, "validation", "train")
    labels = [f"Type_{k % 5 % 3 + 1}" for k in range(300)]
    manifest = pd.DataFrame({"path": paths, "label": labels, "split": splits})
    stages = [{"train": "probe"}, {"train": "head", "steps": 2}]
    given = {"cache": tmp_path / "cache"}
    model = {"name": "cervixnet2", "widths": [8, 8, 16]}
    run = fit(manifest, recipe(model=model, stages=stages), run=tmp_path / "run", **given)
    fitted = len(read)
    evaluate(run, **given)
    evaluate(run, manifest[manifest["split"] == "train"], per="group", **given)
    assert 0 < fitted < len(read)
    assert max(read) == 64, "a batch"


def test_a_network_whose_logits_are_no_dense_layer_has_no_probe(phantoms, recipe, tmp_path):
    with pytest.raises(UserError, match="cervixnet1 cannot begin as a linear probe"):
        fit(
            read_manifest(phantoms), recipe(stages=[{"train": "probe"}]), tmp_path / "run", "memory"
        )
    assert not (tmp_path / "run").exists()
