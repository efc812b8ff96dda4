import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import log_loss as sklearn_log_loss

from cervix_tf.errors import UserError
from cervix_tf.evaluation import log_loss


@given(
    hnp.arrays("float64", st.tuples(st.integers(1, 20), st.just(3)), elements=st.floats(1e-9, 1)),
    st.integers(0, 10**6),
)
def test_equals_scikit_learn(probabilities, seed):
    labels = np.random.default_rng(seed).integers(0, 3, len(probabilities))
    rows = probabilities / probabilities.sum(axis=1, keepdims=True)
    expected = sklearn_log_loss(labels, rows, labels=[0, 1, 2])
    assert log_loss(labels, probabilities) == pytest.approx(expected, rel=1e-6)


HARD = {
    "zeros": [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
    "tiny numbers": [[1e-300, 1, 0], [1e-20, 1e-20, 1], [1, 1e-16, 1e-15]],
    "rows that sum to 3 and to a thousandth": [[1, 1, 1], [1e-3, 2e-3, 0], [5e-4, 0, 5e-4]],
    "huge rows": [[1e200, 1e200, 0], [1e300, 1, 1], [3, 1e5, 7]],
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("labels", [[0, 1, 2], [2, 2, 1], [1, 0, 0]])
def test_equals_scikit_learn_on_what_kaggles_rule_makes_of_hard_cases(name, labels):
    rows = np.array(HARD[name], dtype="float64")
    clipped = np.clip(rows / rows.sum(axis=1, keepdims=True), 1e-15, 1 - 1e-15)
    expected = sklearn_log_loss(labels, clipped, labels=[0, 1, 2])
    assert log_loss(labels, rows) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_kaggles_rule_by_hand():
    assert log_loss([0], [[0, 1, 0]]) == pytest.approx(-np.log(1e-15))
    assert log_loss([1], [[0, 1, 0]]) == pytest.approx(-np.log(1 - 1e-15))
    assert log_loss([0], [[1, 1, 2]]) == pytest.approx(np.log(4)), "rows are rescaled to sum 1"
    assert log_loss([0, 2], [[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]) == pytest.approx(
        -(np.log(0.5) + np.log(0.6)) / 2
    )


def test_prior_of_stage_1():
    """The class shares of the training set score 1.00575 on the 512 test photographs."""
    labels = np.repeat([0, 1, 2], [87, 265, 160])
    shares = np.tile(np.array([250, 781, 450]) / 1481, (512, 1))
    assert log_loss(labels, shares) == pytest.approx(1.00575, abs=5e-5)


@pytest.mark.parametrize("row", [[np.nan, 0.5, 0.5], [np.inf, 0, 0], [-0.1, 0.6, 0.5], [0, 0, 0]])
def test_broken_rows_are_named(row):
    with pytest.raises(UserError, match="Row 1 "):
        log_loss([0, 1], [[0.2, 0.3, 0.5], row])


def test_labels_and_shapes():
    with pytest.raises(UserError, match="Label 3 in row 0"):
        log_loss([3], [[0.2, 0.3, 0.5]])
    with pytest.raises(UserError, match="shapes"):
        log_loss([0, 1], [[0.2, 0.3, 0.5]])
