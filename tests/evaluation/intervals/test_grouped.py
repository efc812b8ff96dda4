from functools import partial

import numpy as np
import pytest

from cervix_tf.evaluation import measures
from cervix_tf.evaluation.intervals.grouped import gain_intervals, intervals
from tests.planted import studies


def photographs(seed=0, patients=30):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
    label = rng.choice(3, patients, p=[0.2, 0.5, 0.3])[group]
    share = np.exp(1.5 * np.eye(3)[label] + rng.normal(size=(len(group), 3)))
    return label, share, group


@pytest.mark.slow
def test_intervals_cover_at_the_nominal_rate():
    """95 % intervals hold the true figure in about 95 of 100 studies, of every kind of model."""
    held = {name: [] for name in studies.SHOWN}
    plain = {name: [] for name in studies.SHOWN}
    for world in studies.WORLDS.values():
        study = partial(studies.study, world, world.truth(20_000), 40, False, 200)
        for seed in range(24):
            for name, (ours, percentiles) in study(seed).items():
                held[name].append(np.nanmean(ours[0]))
                plain[name].append(np.nanmean(percentiles[0]))
    # Of 120 studies at a rate of 0.95, fewer than 0.91 hold it 4 times in 100.
    rates = {name: np.nanmean(each) for name, each in held.items()}
    assert all(rate >= 0.91 for rate in rates.values()), rates
    assert np.mean(list(rates.values())) < 0.985, "nor are they needlessly wide"
    old = {name: np.nanmean(plain[name]) for name in ("ece", "recall", "roc_auc", "bin_accuracy")}
    assert all(rate < 0.9 for rate in old.values()), "percentiles do not do as well"


@pytest.mark.slow
def test_photographs_drawn_singly_make_them_too_narrow():
    world = studies.WORLDS["usual"]
    study = partial(studies.study, world, world.truth(20_000), 60, True, 200)
    judged = [study(seed) for seed in range(30)]
    for name in ("log_loss", "accuracy", "balanced_accuracy", "kappa", "brier", "actual"):
        assert np.mean([each[name][0][0] for each in judged]) < 0.85, name


def test_every_figure_lies_in_its_interval():
    label, share, group = photographs()
    found, (ends, lost) = measures(label, share), intervals(label, share, group, resamples=300)
    assert set(found) - set(ends) == {"bin_weight", "bin_confidence"}
    for name, pairs in ends.items():
        value = found[name][0]
        if name == "confusion":
            value = value / value.sum(axis=1, keepdims=True)
        assert pairs.shape == (*value.shape, 2), name
        defined = ~np.isnan(value)
        assert (~np.isnan(pairs[..., 0]) == defined).all(), name
        assert (pairs[..., 0] <= value + 1e-9)[defined].all(), name
        assert (value <= pairs[..., 1] + 1e-9)[defined].all(), name
        assert (pairs[..., 0] < pairs[..., 1])[defined].all(), name
    assert "log_loss" not in lost


def test_the_diagonal_of_the_confusion_matrix_is_the_recall():
    label, share, group = photographs(1)
    ends, _ = intervals(label, share, group, resamples=100)
    assert pytest.approx(ends["recall"]) == np.diagonal(ends["confusion"]).T


def test_intervals_are_those_of_the_seed_and_names_of_groups_do_not_matter():
    label, share, group = photographs(2)
    one, _ = intervals(label, share, group, seed=3, resamples=100)
    same, _ = intervals(label, share, [f"patient {k}" for k in group], seed=3, resamples=100)
    other, _ = intervals(label, share, group, seed=4, resamples=100)
    for name, ends in one.items():
        assert np.array_equal(ends, same[name], equal_nan=True), name
    assert not np.array_equal(one["log_loss"], other["log_loss"])


def test_gain_over_itself_is_nothing():
    label, share, group = photographs(3)
    ends = gain_intervals(label, share, share, group, resamples=100)
    assert ends["log_loss"].tolist() == [0, 0]
    low, high = ends["accuracy"]
    assert low < 0 < high
    uniform = np.ones_like(share)
    ends = gain_intervals(label, share, uniform, group, resamples=100)
    assert ends["log_loss"][0] > 0
    assert ends["accuracy"][0] > 0
