"""How often prediction sets hold the true class, and how large they are; patients count once."""

import numpy as np
import pandas as pd

from cervix_tf.evaluation.intervals.bootstrap import draws, numbered, resampled_sums
from cervix_tf.evaluation.intervals.rules import score_interval
from cervix_tf.inference import Predictions
from cervix_tf.inference.set_column import set_threshold
from cervix_tf.runs import cross_fitted_sets, prediction_sets

FIGURES = ("coverage", "size", "single")


def set_figures(predictions: Predictions, split: str, level: float) -> tuple[dict, dict]:
    """Compute the figures of an ensemble's prediction sets.

    Args:
        predictions: An ensemble's predictions of labelled photographs.
        split: `out of fold` for the photographs of its folds: the sets of a fold then come from the
            others; else from all out-of-fold scores.
        level: The share of photographs whose set shall hold the true class.

    Returns:
        `level`; `coverage`, the share of sets with the true class; `size`, their mean number of
        classes; `single`, the share of those of one class; and `by_class`, a list of each. All are
        means over groups, of the mean over each group's photographs; None for a class that is absent.
        And the 95 % intervals in the same form, None with fewer than two groups.

    Example:
        >>> set_figures(held_out(load("ensembles/first")), "out of fold", 0.9)[0]["coverage"]
    """
    probabilities, targets = predictions.probabilities, predictions.targets
    groups = predictions.photographs["group"].to_numpy()
    if split == "out of fold":
        folds = predictions.photographs["fold"].to_numpy()
        sets = cross_fitted_sets(probabilities, targets, groups, folds, level)
    else:
        raw = predictions.raw is None
        sets = prediction_sets(probabilities, set_threshold(predictions.runs, level, raw))
    classes = probabilities.shape[1]
    size = sets.sum(axis=1)
    of_photograph = np.stack([sets[np.arange(len(sets)), targets], size, size == 1], axis=1)
    highest = dict(zip(FIGURES, (1, classes, 1), strict=True))
    lowest = dict(zip(FIGURES, (0, 1, 0), strict=True))
    parts = [_by_group(of_photograph, groups, np.ones(len(targets), bool))]
    parts += [_by_group(of_photograph, groups, targets == k) for k in range(classes)]
    means = np.stack(parts, axis=-1)  # groups, figures, all and each class
    there = ~np.isnan(means)
    summed, counted = np.nan_to_num(means), there.astype(float)
    with np.errstate(invalid="ignore"):
        values = summed.sum(axis=0) / counted.sum(axis=0)
        ends = np.full((*values.shape, 2), np.nan)
        if len(means) > 1:
            drawn = draws(numbered(groups), predictions.run.recipe.seed)
            resampled = resampled_sums(drawn, summed) / resampled_sums(drawn, counted)
            for k, name in enumerate(FIGURES):
                ends[k] = score_interval(
                    values[k], resampled[:, k], counted[:, k], lowest[name], highest[name]
                )
    return {"level": level, **_arranged(values)}, _arranged(ends)


def _by_group(values: np.ndarray, groups: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Means over the chosen photographs of each group, NaN where it has none: (groups, figures)."""
    code = numbered(groups)
    chosen = pd.DataFrame(values[rows].astype(float)).groupby(code[rows]).mean()
    return chosen.reindex(range(code.max() + 1)).to_numpy()


def _arranged(values: np.ndarray) -> dict:
    """Figures, or their intervals, as JSON holds them: of all, then by class."""
    plain = [[None if np.isnan(one).any() else one.tolist() for one in part] for part in values]
    return {
        **{name: part[0] for name, part in zip(FIGURES, plain, strict=True)},
        "by_class": {name: part[1:] for name, part in zip(FIGURES, plain, strict=True)},
    }
