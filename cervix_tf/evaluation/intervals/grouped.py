"""The 95 % interval of every figure of a classifier, over groups (patients)."""

from functools import partial

import numpy as np

from cervix_tf.evaluation.intervals.bootstrap import (
    RESAMPLES,
    draws,
    left_out,
    numbered,
    resample,
    resampled_sums,
)
from cervix_tf.evaluation.intervals.rules import (
    calibration_interval,
    interval_of_mean,
    score_interval,
    studentised_interval,
)
from cervix_tf.evaluation.kaggle_score import CLIP, checked
from cervix_tf.evaluation.metrics import measures, terms

METHODS = {
    "log_loss": "bootstrap-t",
    "ece": "test inversion",
    "balanced_accuracy": "from the intervals of the recalls",
    "gain log_loss": "bootstrap-t",
    "others": "Wilson's with the bootstrap's variance",
}
# Near 1 an area under the curve varies much less than a share does.
_AREA_PSEUDO = 0.02
_WORST = float(-np.log(CLIP))  # log loss


def intervals(
    labels, probabilities, groups, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Give the 95 % interval of each figure of `measures`, by resampling groups.

    Args:
        labels: (N,) class indices.
        probabilities: (N, C), as `measures` takes them.
        groups: (N,) the group (patient) of each photograph, two or more in all.
        seed: Seed of the draws.
        resamples: How many resamples.

    Returns:
        The intervals, of the figure's shape and (lower, upper) as the last axis, NaN where a figure is
        not defined; that of `confusion` is of each cell's share of its true class. And in how many
        resamples a figure, or that of one class, was not defined, a class being absent; those are passed
        over.

    Raises:
        UserError: As `measures`.

    Example:
        >>> intervals(labels, probabilities, groups)[0]["recall"]
    """
    targets, p = checked(labels, probabilities)
    code = numbered(groups)
    drawn = draws(code, seed, resamples)
    figures = _with_shares(measures(targets, p))
    values = resample(code, drawn, lambda weights: _with_shares(measures(targets, p, weights)))
    sums = {name: _by_group(part, code) for name, part in terms(targets, p).items()}
    pairs = sums["pairs"].reshape(len(sums["pairs"]), p.shape[1], p.shape[1])
    actual, predicted = pairs.sum(axis=2), pairs.sum(axis=1)
    count = actual.sum(axis=1)
    hits = np.diagonal(pairs, axis1=1, axis2=2)
    others = count[:, None] - actual
    rarer = np.where((actual > 0).sum(axis=0) <= (others > 0).sum(axis=0), actual, others)
    support = {
        "recall": actual,
        "precision": predicted,
        "f1": actual + predicted - hits,
        "roc_auc": rarer,
        "average_precision": actual,
        "confusion": np.repeat(actual, p.shape[1], axis=1),
        "bin_accuracy": sums["bins"],
    }
    rules = {
        "kappa": partial(score_interval, low=-1),
        "quadratic_kappa": partial(score_interval, low=-1),
        "brier": partial(score_interval, high=2),
        "roc_auc": partial(score_interval, pseudo=_AREA_PSEUDO),
    }
    ends = {
        name: rules.get(name, score_interval)(
            figures[name][0].reshape(-1),
            values[name].reshape(resamples, -1),
            support.get(name, count[:, None]),
        ).reshape(*figures[name].shape[1:], 2)
        for name in (
            "accuracy",
            "kappa",
            "quadratic_kappa",
            "brier",
            "actual",
            "predicted",
            *support,
        )
    }
    ends["balanced_accuracy"] = interval_of_mean(figures["recall"][0], ends["recall"])
    ends["log_loss"] = np.clip(studentised_interval(sums["loss"][:, 0], count, drawn), 0, _WORST)
    gaps = sums["bin_right"] - sums["bin_confidence"]
    ends["ece"] = calibration_interval(gaps, count, drawn)
    return ends, {name: lost for name in ends if (lost := left_out(values[name]))}


def gain_intervals(
    labels, probabilities, prior, groups, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, np.ndarray]:
    """Give the 95 % intervals of what a classifier gains over a prior on the same photographs.

    Args:
        labels: (N,) class indices.
        probabilities: (N, C), as `measures` takes them.
        prior: (N, C), likewise.
        groups: (N,) the group (patient) of each photograph, two or more in all.
        seed: Seed of the draws.
        resamples: How many resamples.

    Returns:
        (2,) lower and upper end of `log_loss`, the prior's minus the classifier's, and of `accuracy`, the
        classifier's minus the prior's.

    Raises:
        UserError: As `measures`.

    Example:
        >>> gain_intervals([0, 1], [[0.8, 0.2], [0.4, 0.6]], [[0.5, 0.5]] * 2, ["a", "b"])["accuracy"]
    """
    code = numbered(groups)
    drawn = draws(code, seed, resamples)
    model, base = (terms(*checked(labels, p)) for p in (probabilities, prior))
    count = np.bincount(code).astype(float)
    loss = _by_group(base["loss"] - model["loss"], code)[:, 0]
    right = _by_group(model["bin_right"] - base["bin_right"], code).sum(axis=1)
    gained = np.array([right.sum() / count.sum()])
    values = (resampled_sums(drawn, right) / resampled_sums(drawn, count))[:, None]
    return {
        "log_loss": np.clip(studentised_interval(loss, count, drawn), -_WORST, _WORST),
        "accuracy": score_interval(gained, values, count[:, None], low=-1)[0],
    }


def _with_shares(figures: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Put the confusion matrix's cells as shares of their true class."""
    counts = figures["confusion"]
    with np.errstate(invalid="ignore"):
        return {**figures, "confusion": counts / counts.sum(axis=2, keepdims=True)}


def _by_group(part: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Sum (N, k) over the photographs of each group: (groups, k)."""
    sums = np.zeros((code.max() + 1, part.shape[1]))
    np.add.at(sums, code, part)
    return sums
