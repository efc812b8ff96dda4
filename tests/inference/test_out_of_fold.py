"""Calibration of photographs by others alone, of planted probabilities."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cervix_tf.inference.out_of_fold import FOLDS, calibrated, fold_calibrations
from cervix_tf.runs import fit_calibration

CLASSES = ["a", "b", "c"]


@pytest.fixture
def planted():
    """A run that is too sure, its validation photographs and what it makes of them."""
    draw = np.random.default_rng(0)
    groups = np.repeat(np.arange(23), 2)
    targets = draw.integers(0, 3, 23)[groups]
    logits = 5 * (np.eye(3)[targets] + draw.normal(size=(46, 3)))
    raw = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    table = pd.DataFrame(
        {
            "image": [f"{k}.jpg" for k in range(46)],
            "label": [CLASSES[k] for k in targets],
            "group": [f"g{k}" for k in groups],
        }
    )
    run = SimpleNamespace(
        class_names=CLASSES,
        recipe=SimpleNamespace(balanced=False, class_weights="none", label_smoothing=0.0),
        shares=lambda: np.array([0.2, 0.3, 0.5]),
        validation=table,
    )
    return run, table, raw[None], targets


def test_a_group_has_no_part_in_its_own_calibration(planted):
    run, table, raw, targets = planted
    whole, probabilities = calibrated(run, table, raw)
    groups = table["group"].to_numpy()
    for group in np.unique(groups)[:3]:
        own = groups == group
        wrong = table.assign(label=table["label"].mask(own, "b" if targets[own][0] != 1 else "c"))
        again = calibrated(run, wrong, raw)[1]
        np.testing.assert_array_equal(again[own], probabilities[own])
        assert (again[~own] != probabilities[~own]).any()
    assert whole == fit_calibration(raw[0], targets, groups, run.shares())


def test_the_folds_are_five_and_those_of_a_part_are_those_of_all(planted):
    run, table, raw, _ = planted
    of_fold = fold_calibrations(run, table, raw)[1]
    assert sorted(of_fold) == list(range(FOLDS))
    assert len({one.slope for one in of_fold.values()}) == FOLDS
    sizes = {one.groups for one in of_fold.values()}
    assert sizes == {18, 19}


def test_one_group_alone_gets_the_class_shares(planted):
    run, table, raw, _ = planted
    run.validation = table = table.assign(group="one")
    _, probabilities = calibrated(run, table, raw)
    np.testing.assert_allclose(probabilities, np.tile(run.shares(), (len(table), 1)))


@pytest.mark.parametrize(
    ("kind", "smoothing"), [("sampling", 0.1), ("weights", 0.0), ("weights", 0.1)]
)
def test_balanced_training_is_undone_exactly(planted, kind, smoothing):
    """As that of a network that knows as much and was trained with the shares as they are."""
    run, table, raw, _ = planted
    shares = np.array([0.05, 0.15, 0.8])
    run.shares = lambda: shares
    # What balanced learning makes of photographs that tell nothing: the weighted mass of each class.
    drawn = np.full(3, 1 / 3) if kind == "sampling" else shares
    targets = (1 - smoothing) * np.eye(3) + smoothing / 3
    mass = drawn @ targets * (1 if kind == "sampling" else 1 / (3 * shares))
    as_they_are, balanced = (raw * prior for prior in (shares, mass / mass.sum()))
    plain = calibrated(run, table, as_they_are / as_they_are.sum(axis=-1, keepdims=True))
    weights = "balanced" if kind == "weights" else "none"
    run.recipe = SimpleNamespace(balanced=True, class_weights=weights, label_smoothing=smoothing)
    undone = calibrated(run, table, balanced / balanced.sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(undone[1], plain[1], atol=1e-6)


def test_balanced_training_is_undone(planted):
    run, table, raw, _ = planted
    run.recipe.balanced, run.shares = True, lambda: np.array([0.05, 0.05, 0.9])
    assert calibrated(run, table, raw)[1].mean(axis=0)[2] > 0.5
