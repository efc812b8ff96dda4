import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from cervix_tf.evaluation.intervals.bootstrap import draws
from cervix_tf.evaluation.intervals.rules import (
    calibration_interval,
    interval_of_mean,
    score_interval,
    studentised_interval,
)


def share_of(right, count, resamples=4000):
    """A share, and that of resamples of patients."""
    drawn = draws(np.arange(len(count)), resamples=resamples)
    return np.array([right.sum() / count.sum()]), (drawn @ right / (drawn @ count))[:, None]


def test_independent_photographs_have_wilsons_interval():
    right, count = np.repeat([1.0, 0.0], [300, 100]), np.ones(400)
    ends = score_interval(*share_of(right, count), count[:, None])[0]
    z = t.ppf(0.975, 399)
    middle, half = (0.75 + z**2 / 800), z * np.sqrt(0.75 * 0.25 / 400 + z**2 / 4 / 400**2)
    expected = np.array([middle - half, middle + half]) / (1 + z**2 / 400)
    assert ends == pytest.approx(expected, abs=0.003)


def test_photographs_that_agree_count_as_one():
    right, count = np.repeat([4.0, 0.0], [30, 20]), np.full(50, 4.0)
    fours = score_interval(*share_of(right, count), count[:, None])
    ones = score_interval(*share_of(right / 4, count / 4), count[:, None] / 4)
    assert fours == pytest.approx(ones)


def test_a_share_of_one_keeps_an_interval_that_shrinks_with_the_patients():
    lows = []
    for patients in (2, 5, 20, 100):
        count = np.full(patients, 3.0)
        low, high = score_interval(*share_of(count, count), count[:, None])[0]
        assert high == 1
        lows.append(low)
    assert lows == sorted(lows)
    assert lows[0] < 0.1
    assert 0.9 < lows[-1] < 1


def test_a_single_group_says_nothing_and_an_absent_class_has_no_interval():
    support = np.array([[2.0, 0.0], [0.0, 0.0]])
    ends = score_interval(np.array([0.5, np.nan]), np.full((10, 2), 0.5), support, low=-1)
    assert ends[0].tolist() == [-1, 1]
    assert np.isnan(ends[1]).all()


@given(st.integers(2, 30), st.integers(0, 10**6), st.floats(0, 1))
def test_score_intervals_hold_the_figure_and_keep_the_bounds(patients, seed, chance):
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 5, patients).astype(float)
    value, drawn = share_of(rng.binomial(count.astype(int), chance).astype(float), count, 50)
    low, high = score_interval(2 * value - 1, 2 * drawn - 1, count[:, None], low=-1)[0]
    assert -1 <= low <= 2 * value[0] - 1 + 1e-9
    assert 2 * value[0] - 1 - 1e-9 <= high <= 1


def test_mean_of_recalls():
    ends = interval_of_mean(
        np.array([0.5, np.nan, 0.7]), np.array([[0.2, 0.8], [np.nan, np.nan], [0.3, 0.9]])
    )
    assert ends == pytest.approx([0.6 - 0.5 / 2, 0.6 + np.sqrt(0.3**2 + 0.2**2) / 2])


def test_bootstrap_t_leans_to_the_long_tail():
    losses = np.random.default_rng(0).lognormal(sigma=1.2, size=40)
    drawn = draws(np.arange(40))
    low, high = studentised_interval(losses, np.ones(40), drawn)
    mean, error = losses.mean(), losses.std(ddof=1) / np.sqrt(40)
    assert low == pytest.approx(mean - t.ppf(0.975, 39) * error)
    assert high > mean + 1.2 * t.ppf(0.975, 39) * error
    even = np.repeat([0.4, 0.6], 20)
    low, high = studentised_interval(even, np.ones(40), drawn)
    assert high - 0.5 == pytest.approx(0.5 - low, rel=0.1)
    same = studentised_interval(np.full(5, 0.3), np.ones(5), draws(np.arange(5)))
    assert same == pytest.approx(0.3)


def gaps(rng, patients, off):
    """Calibrated photographs, one a patient, in ten bins, `off` taken from every confidence."""
    confidence = rng.uniform(0.5, 1, patients)
    right = rng.random(patients) < confidence
    table = np.zeros((patients, 10))
    table[np.arange(patients), (10 * confidence).astype(int)] = right - confidence + off
    return table


def test_calibration_error_of_a_calibrated_classifier_may_be_zero():
    drawn, count = draws(np.arange(50), resamples=400), np.ones(50)
    rates = [
        calibration_interval(gaps(np.random.default_rng(k), 50, 0.0), count, drawn)[0] == 0
        for k in range(60)
    ]
    assert np.mean(rates) > 0.9


def test_calibration_error_is_found():
    drawn, count = draws(np.arange(400)), np.ones(400)
    low, high = calibration_interval(gaps(np.random.default_rng(1), 400, 0.25), count, drawn)
    assert 0.15 < low < 0.25 < high < 0.35


@given(st.integers(2, 30), st.integers(0, 10**6))
def test_calibration_interval_holds_the_observed_error(patients, seed):
    table = gaps(np.random.default_rng(seed), patients, 0.0)
    drawn = draws(np.arange(patients), resamples=50)
    low, high = calibration_interval(table, np.ones(patients), drawn)
    observed = np.abs(table.sum(axis=0)).sum() / patients
    assert 0 <= low <= high
    assert observed <= high + 1e-9
