import numpy as np
import pytest

from cervix_tf.runs import conformal_threshold, cross_fitted_sets, prediction_sets
from cervix_tf.runs.conformal import SET_LEVEL


def patients(draw, count, hard_have_many=True):
    """Probabilities, targets and groups; a patient whose class shows badly has ten photographs."""
    hard = draw.random(count) < 0.4
    groups = np.repeat(np.arange(count), np.where(hard & hard_have_many, 10, 1))
    targets = draw.integers(0, 3, count)[groups]
    signal = np.where(hard, 0.3, 3.0)[groups, None]
    logits = signal * np.eye(3)[targets] + 0.7 * draw.normal(size=(count, 3))[groups]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), targets, groups


def coverage(sets, targets, groups):
    held = sets[np.arange(len(targets)), targets]
    return np.mean(np.bincount(groups, held) / np.bincount(groups))


def scores(probabilities, targets):
    return 1 - probabilities[np.arange(len(targets)), targets]


def of_new_patients(threshold_of, draws=150):
    """Mean coverage of new patients, by scores of 40 others."""
    found = []
    for seed in range(draws):
        draw = np.random.default_rng(seed)
        probabilities, targets, groups = patients(draw, 40)
        others, known, of_known = patients(draw, 150)
        threshold = threshold_of(scores(probabilities, targets), groups)
        found.append(coverage(prediction_sets(others, threshold), known, of_known))
    return np.mean(found)


def test_sets_hold_the_class_of_new_patients_as_often_as_the_level_says():
    assert 0.895 < of_new_patients(lambda s, g: conformal_threshold(s, g)) < 0.935


def test_photographs_as_the_unit_would_miss_the_level():
    assert of_new_patients(lambda s, g: conformal_threshold(s, np.arange(len(g)))) > 0.945


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_another_level_is_kept_too(level):
    kept = of_new_patients(lambda s, g: conformal_threshold(s, g, level))
    assert level - 0.01 < kept < level + 0.045


def test_each_fold_has_its_sets_by_the_others():
    draw, covered = np.random.default_rng(0), []
    for _ in range(100):
        probabilities, targets, groups = patients(draw, 60)
        folds = groups % 5
        sets = cross_fitted_sets(probabilities, targets, groups, folds)
        covered.append(coverage(sets, targets, groups))
    assert 0.89 < np.mean(covered) < 0.935
    one = folds == 0
    by_hand = conformal_threshold(scores(probabilities, targets)[~one], groups[~one], SET_LEVEL)
    assert (sets[one] == prediction_sets(probabilities[one], by_hand)).all()


def test_a_patient_weighs_the_same_however_many_photographs():
    many = np.r_[[0.9] * 50, 0.1, 0.2, 0.3], np.r_[[0] * 50, 1, 2, 3]
    one = np.array([0.9, 0.1, 0.2, 0.3]), np.arange(4)
    for level in (0.15, 0.3, 0.55, 0.8):
        assert conformal_threshold(*many, level) == conformal_threshold(*one, level)
    assert conformal_threshold(*many, 0.55) == 0.3  # half of the photographs lie at 0.9


@pytest.mark.parametrize(("groups", "known"), [(8, False), (9, True)])
def test_nine_patients_are_the_fewest_for_nine_tenths(groups, known):
    threshold = conformal_threshold(np.linspace(0, 1, groups), np.arange(groups), 0.9)
    assert np.isfinite(threshold) == known
    assert prediction_sets(np.array([[0.99, 0.01, 0.0]]), np.inf).all()


def test_a_set_is_never_empty():
    share = np.array([[0.4, 0.35, 0.25], [0.05, 0.05, 0.9]])
    assert prediction_sets(share, 0.2).tolist() == [[True, False, False], [False, False, True]]
