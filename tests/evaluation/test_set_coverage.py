import json

import numpy as np
import pytest

from cervix_tf.evaluation import metrics_of
from cervix_tf.evaluation.report.set_wording import set_remark, set_rows
from cervix_tf.inference import Predictions
from cervix_tf.runs import cross_fitted_sets
from tests.planted.ensembles import ensemble_of


@pytest.fixture(scope="module")
def ensemble(finished, tmp_path_factory):
    return ensemble_of(finished, tmp_path_factory.mktemp("ensembles") / "planted")


def predicted(ensemble, photographs):
    share = np.random.default_rng(1).dirichlet([1, 1, 1], len(photographs))
    squares = np.zeros((len(photographs), 36, 36, 3), "uint8")
    return Predictions((ensemble,), photographs.reset_index(drop=True), squares, share, raw=share)


def test_out_of_fold_by_hand(ensemble):
    predictions = predicted(ensemble, ensemble.validation)
    figures = metrics_of(predictions, "out of fold", level=0.6)
    photographs, targets = predictions.photographs, predictions.targets
    groups, folds = photographs["group"].to_numpy(), photographs["fold"].to_numpy()
    sets = cross_fitted_sets(predictions.probabilities, targets, groups, folds, 0.6)
    table = photographs.assign(held=[row[k] for row, k in zip(sets, targets, strict=True)])
    table["size"], table["single"] = sets.sum(axis=1), sets.sum(axis=1) == 1
    of_sets = figures["sets"]
    assert of_sets["level"] == 0.6
    for column, name in (("held", "coverage"), ("size", "size"), ("single", "single")):
        assert of_sets[name] == pytest.approx(table.groupby("group")[column].mean().mean())
        for k, label in enumerate(ensemble.class_names):
            of_class = table[table["label"] == label].groupby("group")[column].mean().mean()
            assert of_sets["by_class"][name][k] == pytest.approx(of_class)
            low, high = figures["intervals"]["sets"]["by_class"][name][k]
            assert low <= of_class <= high
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_photographs_of_others_have_sets_by_all_scores(ensemble):
    predictions = predicted(ensemble, ensemble.validation.assign(fold=-1))
    figures = metrics_of(predictions, "test", level=0.6)
    table = ensemble.predictions
    scores = [1 - row[row["label"]] for _, row in table.iterrows()]
    assert table["group"].value_counts().nunique() == 1, "a plain quantile is that over patients"
    threshold = np.sort(scores)[int(np.ceil(0.6 * 13 / 12 * len(scores))) - 1]
    likeliest = np.eye(3, dtype=bool)[predictions.probabilities.argmax(axis=1)]
    sets = (1 - predictions.probabilities <= threshold) | likeliest
    assert figures["sets"]["size"] == pytest.approx(sets.sum(axis=1).mean())


def test_a_class_that_is_absent_has_no_figure_and_a_single_run_no_sets(ensemble, finished):
    some = ensemble.validation
    predictions = predicted(ensemble, some[some["label"] != "Type_3"])
    figures = metrics_of(predictions, "out of fold")
    assert figures["sets"]["by_class"]["coverage"][2] is None
    assert figures["intervals"]["sets"]["by_class"]["coverage"][2] is None
    (name, cells), *_ = set_rows(figures)
    assert name == "coverage"
    assert cells[3] == ("–", "–")
    assert cells[0][0] == f"{100 * figures['sets']['coverage']:.1f} %"
    assert "level of 90 %" in set_remark(figures)
    assert "sets" not in finished.metrics
    assert set_rows(finished.metrics) == []
