import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from cervix_tf.errors import UserError
from cervix_tf.evaluation import log_loss, measures


def drawn(seed, count, classes=3):
    """Labels, of which every class occurs, and probabilities with ties among them."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, count)])
    # Tenths need not sum to exactly 1: what is rounding is not rescaled, which would part ties.
    share = 1 + rng.multinomial(10 - classes, rng.dirichlet(np.ones(classes)), len(labels))
    return labels, share / 10


@pytest.mark.slow
@settings(deadline=None, max_examples=12)
@given(st.integers(0, 10**6), st.integers(3, 40), st.integers(2, 5))
def test_equals_scikit_learn(seed, count, classes):
    """Every weighting gives what scikit-learn makes of photographs with these weights."""
    labels, share = drawn(seed, count, classes)
    weights = np.random.default_rng(seed).integers(1, 5, (2, len(labels)))
    found = measures(labels, share, weights)
    guess = share.argmax(axis=1)
    every = range(classes)
    for row, weight in enumerate(weights):
        by_class = dict(labels=every, average=None, zero_division=np.nan, sample_weight=weight)
        expected = {
            "log_loss": sk.log_loss(labels, share, sample_weight=weight),
            "accuracy": sk.accuracy_score(labels, guess, sample_weight=weight),
            "balanced_accuracy": sk.balanced_accuracy_score(labels, guess, sample_weight=weight),
            "kappa": sk.cohen_kappa_score(labels, guess, sample_weight=weight),
            "quadratic_kappa": sk.cohen_kappa_score(
                labels, guess, weights="quadratic", sample_weight=weight
            ),
            "average_precision": [
                sk.average_precision_score(labels == k, share[:, k], sample_weight=weight)
                for k in every
            ],
            "brier": sk.brier_score_loss(
                labels, share, sample_weight=weight, scale_by_half=False
            ) if classes > 2 else 2 * sk.brier_score_loss(labels, share[:, 1], sample_weight=weight),
            "precision": sk.precision_score(labels, guess, **by_class),
            "recall": sk.recall_score(labels, guess, **by_class),
            "f1": sk.f1_score(labels, guess, **by_class),
            "roc_auc": [
                sk.roc_auc_score(labels == k, share[:, k], sample_weight=weight) for k in every
            ],
            "confusion": sk.confusion_matrix(labels, guess, sample_weight=weight),
            "predicted": np.average(share, axis=0, weights=weight),
        }  # fmt: skip
        for name, value in expected.items():
            assert found[name][row] == pytest.approx(value, nan_ok=True, abs=1e-9), name


def test_a_weight_is_a_repetition():
    labels, share = drawn(5, 20)
    weights = np.random.default_rng(0).integers(0, 3, (1, len(labels)))
    repeated = measures(np.repeat(labels, weights[0]), np.repeat(share, weights[0], axis=0))
    for name, value in measures(labels, share, weights).items():
        assert value == pytest.approx(repeated[name], nan_ok=True), name


def test_calibration_error_by_hand():
    share = [[0.95, 0.05], [0.91, 0.09], [0.4, 0.6], [0.65, 0.35]]
    found = measures([0, 1, 1, 0], share)
    # Confidences 0.95 and 0.91, one of them right; 0.6, right; 0.65, right.
    gaps = 2 * abs(0.5 - 0.93) + abs(1 - (0.6 + 0.65) / 2) * 2
    assert found["ece"][0] == pytest.approx(gaps / 4)
    assert found["bin_weight"][0].tolist() == [0, 0, 0, 0, 0, 0, 2, 0, 0, 2]


def test_a_sure_network_and_an_absent_class():
    found = measures([0, 0, 1], np.eye(3)[[0, 0, 1]])
    assert found["log_loss"][0] == pytest.approx(log_loss([0], [[1, 0, 0]]))
    for name in ("accuracy", "balanced_accuracy", "kappa", "quadratic_kappa"):
        assert found[name][0] == pytest.approx(1), name
    assert found["ece"][0] == found["brier"][0] == 0
    for name in ("recall", "precision", "f1", "roc_auc"):
        assert found[name][0].tolist()[:2] == [1, 1], name
        assert np.isnan(found[name][0][2]), name


def test_rows_that_are_no_probabilities():
    with pytest.raises(UserError, match="Row 1 holds no probabilities"):
        measures([0, 1], [[0.5, 0.5], [np.nan, 1]])
