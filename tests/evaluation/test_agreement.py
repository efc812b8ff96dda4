import numpy as np
import pytest

from cervix_tf.evaluation.agreement import agreement_of


def test_by_hand():
    share = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.6, 0.4], [0.2, 0.8]])
    found = agreement_of(share, ["a", "a", "b", "b", "c"])
    assert (found["groups"], found["photographs"]) == (2, 4), "c has one photograph"
    assert found["differ"] == 0.5
    assert found["difference"] == pytest.approx((0.5 + 0.1) / 2)
    assert (found["largest"], found["group"]) == (pytest.approx(0.5), "a")
    for name in ("differ", "difference"):
        low, high = found["intervals"][name]
        assert 0 <= low < found[name] < high <= 1, name


def test_one_group_alone_has_no_interval_and_single_photographs_no_agreement():
    share = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    found = agreement_of(share, ["a", "a", "b"])
    assert found["differ"] == 0
    assert found["intervals"] == {"differ": None, "difference": None}
    assert agreement_of(share, ["a", "b", "c"]) is None
