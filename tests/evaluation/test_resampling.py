import numpy as np
import pytest

from cervix_tf.evaluation import measures
from cervix_tf.evaluation.resampling import left_out, percentile_interval, resample

SINGLE = ("log_loss", "accuracy", "balanced_accuracy", "kappa", "brier")


def patients(rng, number):
    """Patients who differ in class and in how plainly it shows: groups, labels and probabilities."""
    group = np.repeat(np.arange(number), rng.integers(1, 7, number))
    label = rng.choice(3, number, p=[0.2, 0.5, 0.3])[group]
    logits = 1.2 * np.eye(3)[label] + 0.8 * rng.normal(size=(number, 3))[group]
    share = np.exp(logits + 0.5 * rng.normal(size=(len(group), 3)))
    return group, label, share


@pytest.mark.slow
def test_intervals_cover_at_the_nominal_rate_where_patients_are_resampled():
    """95 % intervals hold the true figure in about 95 of 100 studies; not if photographs are drawn."""
    _, label, share = patients(np.random.default_rng(99), 200_000)
    true = {name: measures(label, share)[name][0] for name in SINGLE}
    studies, hits = 150, {"patients": dict.fromkeys(true, 0), "photographs": dict.fromkeys(true, 0)}
    for seed in range(studies):
        group, label, share = patients(np.random.default_rng(seed), 60)
        units = {"patients": group, "photographs": np.arange(len(group))}
        for unit, groups in units.items():
            drawn = resample(
                groups, lambda w, y=label, p=share: measures(y, p, w), seed=seed, resamples=300
            )
            for name in true:
                low, high = percentile_interval(drawn[name])
                hits[unit][name] += low <= true[name] <= high
    # Of 150 studies at a rate of 0.95, fewer than 0.9 hold it once in 100 times.
    rates = {name: count / studies for name, count in hits["patients"].items()}
    assert all(0.9 <= rate <= 0.99 for rate in rates.values()), rates
    naive = {name: count / studies for name, count in hits["photographs"].items()}
    assert all(rate < 0.85 for rate in naive.values()), naive


def test_groups_stay_together():
    groups = np.array(["b", "a", "b", "c", "a", "b"])
    weights = resample(groups, lambda w: {"w": w}, seed=2, resamples=50)["w"]
    for name in "abc":
        assert len(np.unique(weights[:, groups == name], axis=1).T) == 1, name
    drawn = weights[:, [0, 1, 3]]
    assert (drawn.sum(axis=1) == 3).all(), "as many groups as there are"
    assert len(np.unique(drawn, axis=0)) > 5


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    group, label, share = patients(rng, 20)
    whole = resample(group, lambda w: measures(label, share, w), seed=4, resamples=40)
    monkeypatch.setattr("cervix_tf.evaluation.resampling._CELLS", 7 * len(group))
    parts = resample(group, lambda w: measures(label, share, w), seed=4, resamples=40)
    for name, values in whole.items():
        assert np.allclose(values, parts[name], equal_nan=True), name


def test_percentiles_pass_over_what_is_not_defined():
    values = np.array([np.nan, *np.arange(1001.0)])
    assert percentile_interval(values) == pytest.approx([25, 975])
    assert percentile_interval(values, level=0.5) == pytest.approx([250, 750])
    pair = np.stack([values, np.full(1002, np.nan)], axis=1)
    assert percentile_interval(pair)[1] is None
    assert (left_out(values), left_out(pair), left_out(values[1:])) == (1, 1002, 0)
