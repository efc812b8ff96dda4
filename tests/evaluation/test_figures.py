import numpy as np
import pytest

from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.evaluation import evaluate, figures_of, log_loss


def test_own_validation_photographs(finished):
    figures = evaluate(finished)
    for key in ("log_loss", "accuracy", "balanced_accuracy", "photographs"):
        assert figures[key] == pytest.approx(finished.metrics[key], abs=1e-6), key


def test_figures_by_hand(finished):
    chosen = finished.manifest.iloc[:4]
    true = np.array([0, 0, 1, 2])
    share = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2]])
    figures = figures_of(finished, chosen, true, share, "by hand")
    assert figures["confusion"] == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert figures["accuracy"] == 0.5
    assert figures["balanced_accuracy"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert figures["log_loss"] == pytest.approx(-np.log([0.8, 0.2, 0.8, 0.2]).mean())
    assert figures["prevalence"]["predicted"] == pytest.approx(share.mean(0))
    shares = figures["prior"]["shares"]
    assert sum(shares) == pytest.approx(1)
    assert figures["prior"]["log_loss"] == pytest.approx(log_loss(true, [shares] * 4))


def test_phantoms_are_called_so(finished):
    assert "phantom" in finished.metrics["data"]


def test_other_photographs(finished, phantoms):
    everything = read_manifest(phantoms)
    figures = evaluate(finished, everything)
    assert figures["photographs"] == 36, "test photographs have no label and are left out"
    with pytest.raises(UserError, match="no labelled photograph"):
        evaluate(finished, everything[everything["label"].isna()])
    with pytest.raises(UserError, match="Unknown class 'low'"):
        evaluate(finished, everything.assign(label="low"))
