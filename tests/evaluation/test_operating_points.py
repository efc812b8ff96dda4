from dataclasses import replace

import numpy as np
import pytest

from cervix_tf.errors import UserError
from cervix_tf.evaluation.operating_points import check_point, operating_figures
from cervix_tf.evaluation.outputs import labelled_table
from cervix_tf.runs import Run
from tests.planted.predicted import CLASSES, predicted


def test_a_given_threshold_by_hand():
    predictions = predicted()
    found = operating_figures(predictions, "out of fold", ["Type_3", "Type_2"], "threshold=0.6")
    called = predictions.probabilities[:, 1:].sum(axis=1) >= 0.6
    true = predictions.targets > 0
    assert found["positive"] == ["Type_2", "Type_3"]
    assert found["thresholds"] == [0.6]
    assert found["sensitivity"] == pytest.approx(called[true].mean())
    assert found["specificity"] == pytest.approx((~called)[~true].mean())
    assert found["ppv"] == pytest.approx(true[called].mean())
    assert found["npv"] == pytest.approx((~true)[~called].mean())
    assert (found["positives"], found["negatives"]) == (true.sum(), (~true).sum())
    assert np.sum(found["confusion"]) == len(predictions)
    for name in ("sensitivity", "specificity", "ppv", "npv", "roc_auc", "average_precision"):
        low, high = found["intervals"][name]
        assert low < found[name] < high, name


@pytest.mark.parametrize("kind", ["sensitivity", "specificity"])
def test_a_fold_has_no_part_in_its_own_threshold(kind):
    predictions = predicted()
    folds = predictions.photographs["fold"].to_numpy()
    found = operating_figures(predictions, "out of fold", "Type_3", f"{kind}=0.9")
    assert len(found["thresholds"]) == 5
    assert "for each fold by the photographs of the other 4 folds" in found["chosen"]
    for fold, threshold in enumerate(found["thresholds"], 1):
        others = predictions[folds != fold]
        score, true = others.probabilities[:, 2], others.targets == 2
        if kind == "sensitivity":
            reached = (score[true] >= threshold).mean()
            higher = score[score >= threshold].min() + 1e-9
            beyond = (score[true] >= higher).mean()
        else:
            reached = (score[~true] < threshold).mean()
            lower = score[score < threshold].max()
            beyond = (score[~true] < lower).mean()
        assert reached >= 0.9 - 1e-9 > beyond, "the threshold is the last that holds it"
    swapped = predictions.probabilities.copy()
    swapped[folds == 1] = swapped[folds == 1][:, ::-1]
    other = operating_figures(
        replace(predictions, probabilities=swapped), "out of fold", "Type_3", f"{kind}=0.9"
    )
    assert other["thresholds"][0] == found["thresholds"][0]
    assert other["thresholds"][1] != found["thresholds"][1]


def test_new_photographs_take_the_threshold_of_the_held_out_ones():
    own, new = predicted(seed=1), predicted(seed=2, patients=20)
    own.run.predictions = labelled_table(own)
    new = replace(new, runs=own.runs)
    found = operating_figures(new, "photographs the run has not seen", "Type_3", "sensitivity=0.8")
    score = own.probabilities[own.targets == 2, 2]
    assert (score >= found["thresholds"][0]).mean() == pytest.approx(0.8, abs=1 / len(score))
    assert "out-of-fold photographs of runs/untrained" in found["chosen"]
    called = new.probabilities[:, 2] >= found["thresholds"][0]
    assert found["sensitivity"] == pytest.approx(called[new.targets == 2].mean())
    groups = operating_figures(
        new.per_group(), "photographs the run has not seen", "Type_3", "sensitivity=0.8"
    )
    assert "by the 40 out-of-fold groups" in groups["chosen"]


def test_the_own_validation_photographs_of_a_run_without_folds():
    predictions = predicted(kind=Run)
    found = operating_figures(predictions, "validation", "Type_3", "sensitivity=0.9")
    assert len(found["thresholds"]) == 5
    assert "other 4 parts of the groups" in found["chosen"]
    assert found == operating_figures(predictions, "validation", "Type_3", "sensitivity=0.9")
    one = predictions[predictions.photographs["group"] == "patient 2"]
    with pytest.raises(UserError, match="One group alone"):
        operating_figures(one, "validation", "Type_3", "sensitivity=0.9")
    none = predictions[predictions.targets != 2]
    with pytest.raises(UserError, match="no positive photographs to choose"):
        operating_figures(none, "validation", "Type_3", "sensitivity=0.9")


@pytest.mark.parametrize(
    ("positive", "at", "message"),
    [
        (None, "threshold=0.5", "needs --positive"),
        (["Type_4"], None, "Unknown class 'Type_4'"),
        (CLASSES, None, "leave one out"),
        (["Type_3"], "recall=0.9", "give sensitivity=0.9"),
        (["Type_3"], "sensitivity", "give sensitivity=0.9"),
        (["Type_3"], "sensitivity=90", "at most 1"),
        (["Type_3"], "threshold=nan", "at most 1"),
    ],
)
def test_mistakes(positive, at, message):
    with pytest.raises(UserError, match=message):
        check_point(positive, at, CLASSES)
