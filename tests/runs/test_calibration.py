"""Calibration on evidence that is simulated: how much it says, and how sure the network is, are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from cervix_tf.evaluation import log_loss
from cervix_tf.runs import fit_calibration, geometric_mean

SHARES = np.array([0.6, 0.23, 0.17])


@pytest.fixture
def simulated():
    """Maker of probabilities, targets and groups of patients, by a network `sure` times too sure.

    The evidence for the true class has the mean `signal`, 0 for a network that has learned nothing.
    """

    def make(seed: int, patients: int, signal: float, sure: float = 3.0, shift=(0, 0, 0)):
        draw = np.random.default_rng(seed)
        groups = np.repeat(np.arange(patients), 1 + draw.poisson(1.5, patients))
        targets = draw.choice(3, patients, p=SHARES)[groups]
        noise = 0.8 * draw.normal(size=(patients, 3))[groups]
        evidence = signal * np.eye(3)[targets] + noise + 0.6 * draw.normal(size=(len(groups), 3))
        logits = sure * (signal or 1) * evidence + np.log(SHARES) + np.array(shift)
        return softmax(logits, axis=1), targets, groups

    return make


def losses(simulated, patients: int, signal: float, **options) -> tuple[float, float, float]:
    """Mean log loss of many other patients, over 15 draws: calibrated, raw, class shares."""
    rows = []
    for seed in range(15):
        probabilities, targets, groups = simulated(seed, patients, signal, **options)
        others, known, _ = simulated(1000 + seed, 400, signal, **options)
        fitted = fit_calibration(probabilities, targets, groups)
        shares = np.bincount(targets, minlength=3) / len(targets)
        shares = np.maximum(shares, 1e-3)
        rows.append(
            [log_loss(known, p) for p in (fitted(others), others, np.tile(shares, (len(known), 1)))]
        )
    return tuple(np.mean(rows, axis=0))


@pytest.mark.parametrize("patients", [25, 60])
def test_a_network_that_has_learned_nothing_says_the_class_shares(simulated, patients):
    calibrated, raw, shares = losses(simulated, patients, signal=0)
    assert raw > 2
    assert calibrated < shares + 0.01


def test_what_a_network_has_learned_is_kept(simulated):
    calibrated, raw, shares = losses(simulated, 60, signal=1.5)
    assert calibrated < 0.7 * raw
    assert calibrated < 0.6 * shares
    almost_certain, _, _ = losses(simulated, 25, signal=5)
    assert almost_certain < 0.02


def test_a_class_said_too_often_is_mended_where_there_are_patients_enough(simulated):
    few, many = (
        fit_calibration(*simulated(0, n, 0.7, sure=1, shift=(2, -2, 0))) for n in (10, 300)
    )
    assert not few.shifted
    assert many.shifted
    straight = fit_calibration(*simulated(0, 300, 0.7, sure=1))
    assert not straight.shifted
    # Its own offsets undo the shift.
    undone = np.array(many.offsets) - np.array(straight.offsets)
    assert undone[0] < -0.5 < 0.5 < undone[1]


def test_shares_of_a_balanced_training_are_undone(simulated):
    probabilities, targets, groups = simulated(0, 300, 1.5, sure=1)
    balanced = softmax(np.log(probabilities) - np.log(SHARES), axis=1)
    third = np.full(3, 1 / 3)
    plain = fit_calibration(probabilities, targets, groups, SHARES)
    undone = fit_calibration(balanced, targets, groups, SHARES, third)
    np.testing.assert_allclose(undone(balanced), plain(probabilities), atol=1e-4)


def test_fewer_patients_hold_it_nearer_to_the_class_shares(simulated):
    probabilities, targets, _ = simulated(0, 40, 1.5)
    each = np.arange(len(targets))
    slopes = [
        fit_calibration(probabilities, targets, each // size).slope for size in (1, 4, len(each))
    ]
    assert slopes == sorted(slopes, reverse=True)
    assert slopes[2] < 0.8 * slopes[0]


def test_what_two_networks_are_wrong_by_is_not_taken_for_what_all_are(simulated):
    probabilities, targets, groups = simulated(0, 200, 1.5)
    biased = probabilities * [50, 1, 1]
    biased /= biased.sum(axis=1, keepdims=True)
    two, five = (
        fit_calibration(biased, targets, groups, folds=groups % number) for number in (2, 5)
    )
    assert not two.shifted
    assert five.shifted
    assert five.offsets[0] < two.offsets[0]


def test_a_network_that_knows_nothing_gives_the_class_shares_and_keeps_its_order(simulated):
    probabilities, targets, groups = simulated(0, 60, 0.0)
    turned = np.random.default_rng(1).permutation(targets)
    fitted = fit_calibration(probabilities, turned, groups)
    shares = np.bincount(turned, minlength=3) / len(turned)
    given = fitted(probabilities)
    assert abs(given - shares).max() < 0.02
    assert len(np.unique(given[:, 0])) == len(np.unique(probabilities[:, 0])), "none is tied"


def test_without_photographs_the_class_shares_are_left():
    nothing = np.empty((0, 3)), np.empty(0, int), np.empty(0, int)
    fitted = fit_calibration(*nothing, shares=np.array([0.5, 0.3, 0.2]))
    np.testing.assert_allclose(fitted(np.array([[0.98, 0.01, 0.01]])), [[0.5, 0.3, 0.2]])


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 30))
def test_any_probabilities_give_probabilities(seed, classes, count):
    draw = np.random.default_rng(seed)
    probabilities = draw.dirichlet(np.full(classes, 0.05), count)  # many of them are 0 or 1
    targets, groups = draw.integers(0, classes, count), draw.integers(0, 5, count)
    fitted = fit_calibration(probabilities, targets, groups)
    assert fitted.slope >= 0
    calibrated = fitted(probabilities)
    assert np.isfinite(calibrated).all()
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)


def test_the_mean_of_networks_is_no_worse_than_they_and_calibrated_before_or_after(simulated):
    parts = [simulated(0, 40, 1.5, sure=sure) for sure in (1.0, 3.0, 5.0)]
    (_, targets, _), each = parts[0], np.array([part[0] for part in parts])
    mean, calibrate = geometric_mean(each), fit_calibration(*parts[1])
    np.testing.assert_allclose(mean.sum(axis=1), 1)
    assert log_loss(targets, mean) < np.mean([log_loss(targets, p) for p in each])
    before = geometric_mean(np.array([calibrate(p) for p in each]))
    np.testing.assert_allclose(before, calibrate(mean), atol=1e-9)
    np.testing.assert_array_equal(geometric_mean(each[:1]), each[0])
