import numpy as np

from cervix_tf.evaluation import measures
from cervix_tf.evaluation.intervals.bootstrap import (
    draws,
    left_out,
    numbered,
    resample,
    resampled_sums,
)


def test_groups_stay_together():
    groups = np.array(["b", "a", "b", "c", "a", "b"])
    code = numbered(groups)
    weights = resample(code, draws(code, seed=2, resamples=50), lambda w: {"w": w})["w"]
    for name in "abc":
        assert len(np.unique(weights[:, groups == name], axis=1).T) == 1, name
    drawn = weights[:, [0, 1, 3]]
    assert (drawn.sum(axis=1) == 3).all(), "as many groups as there are"
    assert len(np.unique(drawn, axis=0)) > 5


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    code = np.repeat(np.arange(20), 3)
    label, share = rng.integers(0, 3, 60), rng.dirichlet([1, 1, 1], 60)
    drawn = draws(code, seed=4, resamples=40)
    assert (drawn == np.random.default_rng(4).multinomial(20, np.full(20, 1 / 20), 40)).all()
    whole = resample(code, drawn, lambda w: measures(label, share, w))
    monkeypatch.setattr("cervix_tf.evaluation.intervals.bootstrap._CELLS", 7 * len(code))
    assert (draws(code, seed=4, resamples=40) == drawn).all()
    parts = resample(code, drawn, lambda w: measures(label, share, w))
    for name, values in whole.items():
        assert np.allclose(values, parts[name], equal_nan=True), name
    values = rng.normal(size=(20, 2))
    assert np.allclose(resampled_sums(drawn, values), drawn.astype(int) @ values)


def test_resamples_without_a_figure_are_counted():
    values = np.array([np.nan, *np.arange(1001.0)])
    pair = np.stack([values, np.full(1002, np.nan)], axis=1)
    assert (left_out(values), left_out(pair), left_out(values[1:])) == (1, 1002, 0)


def test_a_count_of_many_photographs_is_right():
    """As bytes, in a product with truth values, it would begin anew at 256."""
    code = np.repeat(np.arange(3), 200)
    of_all = resample(code, draws(code, 0, 5), lambda w: {"count": w @ np.ones(600, bool)})
    assert of_all["count"].tolist() == [600.0] * 5
