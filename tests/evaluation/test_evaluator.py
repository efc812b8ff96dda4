import json
import shutil
import warnings

import numpy as np
import pandas as pd
import pytest

from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.evaluation import evaluate, log_loss, metrics_of
from cervix_tf.evaluation.report.wording import BY_CLASS, NAMES
from cervix_tf.inference import Predictions, predictions_of


def predicted(run, photographs, targets, probabilities):
    """Predictions by hand, of photographs with other labels; no figure looks at their squares."""
    labelled = photographs.assign(label=[run.class_names[k] for k in targets])
    return Predictions(
        (run,), labelled, np.zeros((len(targets), 36, 36, 3), "uint8"), probabilities
    )


def test_own_validation_photographs(finished):
    figures = evaluate(finished)
    for key in ("log_loss", "accuracy", "balanced_accuracy", "photographs"):
        assert figures[key] == pytest.approx(finished.metrics[key], abs=1e-6), key


def test_own_photographs_elsewhere_and_without_patients(finished, tmp_path):
    """Each is calibrated by the others of the run's patients, whatever the table given knows of them."""
    own = finished.validation
    copies = [shutil.copy(path, tmp_path / f"{k}.jpg") for k, path in enumerate(own["path"])]
    bare = pd.DataFrame({"path": copies, "label": own["label"].tolist()})
    other = bare.assign(group="one")
    for table in (bare, other):
        figures = evaluate(finished, table, level=0.8)
        assert figures["split"] == "validation"
        assert figures["log_loss"] == pytest.approx(finished.metrics["log_loss"], abs=1e-6)
    predictions = predictions_of(finished, bare)
    assert evaluate(predictions)["log_loss"] == pytest.approx(
        finished.metrics["log_loss"], abs=1e-6
    )
    found = evaluate(
        finished, bare, positive=["Type_1", "Type_3"], operating_point="sensitivity=0.8"
    )
    assert len(found["operating_point"]["thresholds"]) > 1


def test_figures_by_hand(finished):
    true = [0, 0, 1, 2]
    share = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2]])
    figures = metrics_of(predicted(finished, finished.manifest.iloc[:4], true, share), "by hand")
    assert figures["confusion"] == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert figures["accuracy"] == 0.5
    assert figures["balanced_accuracy"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert figures["log_loss"] == pytest.approx(-np.log([0.8, 0.2, 0.8, 0.2]).mean())
    assert figures["prevalence"]["predicted"] == pytest.approx(share.mean(0))
    shares = figures["prior"]["shares"]
    assert sum(shares) == pytest.approx(1)
    assert figures["prior"]["log_loss"] == pytest.approx(log_loss(true, [shares] * 4))


def test_phantoms_are_called_so(finished):
    assert "phantom" in finished.metrics["data"]


def test_intervals_hold_every_figure_and_the_prior_beside_it(finished):
    figures, intervals = finished.metrics, finished.metrics["intervals"]
    for key in NAMES:
        low, high = intervals[key]
        assert low <= figures[key] <= high, key
        assert low < high, key
        assert key in figures["prior"], key
        assert len(intervals["prior"][key]) == 2, key
    for key in BY_CLASS:
        assert len(figures[key]) == len(intervals[key]) == 3, key
    assert intervals["prior"]["kappa"] == [0, 0]
    assert intervals["prior"]["balanced_accuracy"] == [figures["prior"]["balanced_accuracy"]] * 2
    assert figures["bootstrap"]["methods"]["ece"] == "test inversion"
    low, high = intervals["gain"]["log_loss"]
    assert low <= figures["gain"]["log_loss"] <= high
    gain = figures["prior"]["log_loss"] - figures["log_loss"]
    assert figures["gain"]["log_loss"] == pytest.approx(gain)
    assert figures["training"]["photographs"] == 29
    assert np.shape(intervals["confusion"]) == (3, 3, 2)
    assert sum(part["photographs"] for part in figures["reliability"]) == figures["photographs"]


def test_intervals_are_those_of_the_seed(finished):
    chosen = finished.manifest.iloc[::4].reset_index(drop=True)
    share = np.random.default_rng(0).dirichlet([1, 1, 1], len(chosen))
    true = np.arange(len(chosen)) % 3
    once, again = (metrics_of(predicted(finished, chosen, true, share), "x") for _ in range(2))
    assert once == again
    assert json.loads(json.dumps(once, allow_nan=False)) == once


def test_one_group_has_no_interval_and_what_is_undefined_is_none(finished):
    chosen = finished.manifest.iloc[:2].assign(group="one patient")
    figures = metrics_of(predicted(finished, chosen, [0, 1], np.eye(3)[[0, 0]]), "x")
    assert figures["intervals"]["log_loss"] is None
    assert figures["precision"] == [0.5, None, None]
    assert figures["recall"] == [1.0, 0.0, None]
    assert figures["roc_auc"] == [0.5, 0.5, None]
    assert figures["balanced_accuracy"] == 0.5
    json.dumps(figures, allow_nan=False)


def test_resamples_without_a_class_are_counted(finished):
    chosen = finished.manifest.iloc[:3].assign(group=["a", "b", "c"])
    figures = metrics_of(predicted(finished, chosen, [0, 1, 2], np.eye(3)), "x")
    left_out = figures["bootstrap"]["left_out"]
    # Three groups, each drawn in 1 - 3!/3^3 of the resamples not all together.
    assert left_out["recall"] == pytest.approx(1000 * (1 - 6 / 27), abs=60)
    assert "log_loss" not in left_out
    assert figures["intervals"]["recall"] == [[0.0, 1.0]] * 3, "one patient a class says nothing"


def test_photographs_trained_on_are_left_out(finished, phantoms):
    everything = read_manifest(phantoms)
    with pytest.warns(UserWarning, match="Left out of the evaluation: 29 that the run trained on"):
        figures = evaluate(finished, everything)
    assert figures["photographs"] == 7, "36 have a label, of which 29 trained"
    assert figures["split"] == "validation"
    assert figures["log_loss"] == pytest.approx(finished.metrics["log_loss"], abs=1e-6)


def test_predictions_are_evaluated_as_their_photographs_are(finished, phantoms):
    predictions = predictions_of(finished, read_manifest(phantoms), tta=2)
    with pytest.warns(UserWarning, match="29 that the run trained on"):
        figures = evaluate(predictions)
    own = finished.manifest[finished.manifest["split"] == "validation"]
    again = evaluate(finished, own, tta=2)
    assert figures["log_loss"] == pytest.approx(again["log_loss"], abs=1e-6)
    for key in ("confusion", "split", "seen", "views", "photographs"):
        assert figures[key] == again[key], key


def test_new_photographs_and_where_they_go(finished, photograph, tmp_path):
    paths = [photograph(tmp_path / f"{k}.jpg", seed=k) for k in range(6)]
    table = pd.DataFrame({"path": map(str, paths), "label": ["Type_1", "Type_2", "Type_3"] * 2})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = evaluate(finished, table, tta=2, out=tmp_path / "test")
    assert figures["split"] == "photographs the run has not seen"
    assert (figures["seen"], figures["views"]) == (False, 2)
    assert json.loads((tmp_path / "test/metrics.json").read_text()) == figures
    written = pd.read_csv(tmp_path / "test/predictions.csv")
    assert written["image"].tolist() == [p.name for p in paths]
    assert written[finished.class_names].sum(axis=1).to_numpy() == pytest.approx(1)
    plots = {p.name for p in (tmp_path / "test/plots").iterdir()}
    assert plots >= {"confusion.png", "reliability.png", "prevalence.png", "predictions.png"}
    with pytest.raises(UserError, match="is a run's folder"):
        evaluate(finished, table, out=finished.folder)
    again = evaluate(finished, table, out=tmp_path / "test")
    assert json.loads((tmp_path / "test/metrics.json").read_text()) == again
    for name in ("metrics.json", "predictions.csv"):
        mine = tmp_path / f"mine {name}" / name
        mine.parent.mkdir()
        mine.write_text("{}")
        with pytest.raises(UserError, match=f"holds a {name} that no evaluation wrote"):
            evaluate(finished, table, out=mine.parent)
        assert mine.read_text() == "{}"


def test_per_group_by_column_and_at_a_point(finished, photograph, tmp_path):
    paths = [photograph(tmp_path / f"{k}.jpg", seed=k) for k in range(18)]
    label = np.repeat(["Type_1", "Type_2", "Type_3"], 6)
    table = pd.DataFrame({
        "path": map(str, paths), "label": label, "group": np.repeat([f"g{k}" for k in range(9)], 2),
        "device": ["phone", "colposcope"] * 9,
    })  # fmt: skip
    plain = evaluate(finished, table)
    asked = dict(by="device", positive="Type_3", operating_point="sensitivity=0.9")
    found = evaluate(finished, table, out=tmp_path / "out", per="group", **asked)
    assert (found["photographs"], found["groups"], found["per"]) == (18, 9, "group")
    assert np.sum(found["confusion"]) == 9
    assert found["agreement"] == plain["agreement"]
    assert found["agreement"]["groups"] == 9
    assert [row["groups"] for row in found["by"]["values"]] == [9, 9]
    assert "by the 3 validation groups of" in found["operating_point"]["chosen"]
    assert json.loads((tmp_path / "out/metrics.json").read_text()) == found
    written = pd.read_csv(tmp_path / "out/predictions.csv")
    columns = ["group", "photographs", "label", *finished.class_names]
    assert list(written.columns)[: len(columns)] == columns
    assert log_loss(np.repeat([0, 1, 2], 3), written[finished.class_names]) == pytest.approx(
        found["log_loss"]
    )
    plots = {path.stem for path in (tmp_path / "out/plots").iterdir()}
    assert plots == {"confusion", "reliability", "prevalence", "roc", "precision_recall"}


def test_the_prior_of_groups_is_their_share(finished):
    own = finished.manifest[finished.manifest["split"] == "train"]
    grouped = evaluate(finished, per="group")["prior"]["shares"]
    groups = own.drop_duplicates("group")["label"].value_counts(normalize=True)
    assert grouped == pytest.approx(groups[finished.class_names].tolist())


def test_mistakes(finished, phantoms):
    everything = read_manifest(phantoms)
    with pytest.raises(UserError, match="no labelled photograph"):
        evaluate(finished, everything[everything["label"].isna()])
    validation = finished.manifest[finished.manifest["split"] == "validation"]
    with pytest.raises(UserError, match="Unknown class 'low'"):
        evaluate(finished, validation.assign(label="low"))
    with pytest.raises(UserError, match="Unknown column 'sauce': did you mean 'source'"):
        evaluate(finished, by="sauce")
    with pytest.raises(UserError, match="needs --positive"):
        evaluate(finished, operating_point="sensitivity=0.9")
    with pytest.raises(UserError, match="Unknown unit 'patient'"):
        evaluate(finished, per="patient")
    with pytest.raises(UserError, match="different labels"):
        evaluate(finished, validation.assign(group="one"), per="group")


def test_validation_photographs_under_other_names_have_the_same_figures(finished, tmp_path):
    moved = finished.validation.copy()
    for number, path in zip(moved.index, moved["path"], strict=True):
        moved.loc[number, "path"] = str(shutil.copy(path, tmp_path / f"renamed {number}.jpg"))
    figures = evaluate(finished, moved[["path", "label", "group"]], cache="memory")
    assert figures["split"] == "validation"
    assert figures["log_loss"] == pytest.approx(finished.metrics["log_loss"])
