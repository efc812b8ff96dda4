"""One class, or several, against the rest at a threshold that other photographs chose."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.errors import UserError, unknown
from cervix_tf.evaluation.intervals.grouped import intervals
from cervix_tf.evaluation.metrics import measures
from cervix_tf.inference import Predictions, group_means
from cervix_tf.inference.out_of_fold import folds_of
from cervix_tf.inference.patients import group_table
from cervix_tf.runs import Ensemble, Run

DEFAULT = "threshold=0.5"
KINDS = ("sensitivity", "specificity", "threshold")
# A decision as a classifier of two classes: what its figures are called, and of which class they are.
_DECISION = {
    "sensitivity": ("recall", 1),
    "specificity": ("recall", 0),
    "ppv": ("precision", 1),
    "npv": ("precision", 0),
}
_RANKS = {"roc_auc": ("roc_auc", 1), "average_precision": ("average_precision", 1)}


def check_point(
    positive: Sequence[str] | str | None, at: str | None, classes: list[str]
) -> tuple[list[str], str, float]:
    """Check what an operating point is asked for.

    Args:
        positive: A class, or several, that are found; the others are the rest.
        at: `sensitivity=0.9`, `specificity=0.9` or `threshold=0.5`, which is the default.
        classes: The classes that the run knows.

    Returns:
        The positive classes, what is held, and at which value.

    Raises:
        UserError: A class is unknown, none or all of them are positive, or `at` is none of these.

    Example:
        >>> check_point("Type_3", "sensitivity=0.9", ["Type_1", "Type_2", "Type_3"])
        (['Type_3'], 'sensitivity', 0.9)
    """
    named = [positive] if isinstance(positive, str) else list(positive or ())
    if not named:
        raise UserError(
            f"An operating point ({at}) needs --positive: the class, or classes, found."
        )
    for name in named:
        if name not in classes:
            raise unknown("class", name, classes)
    if set(named) == set(classes):
        raise UserError("Every class is positive: leave one out at least.")
    kind, _, text = (at or DEFAULT).partition("=")
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if kind not in KINDS or not 0 < value <= 1:
        raise UserError(
            f"No operating point: {at!r}; give sensitivity=0.9, specificity=0.9 or threshold=0.5 "
            "(above 0, at most 1)."
        )
    return [name for name in classes if name in named], kind, value


def operating_figures(
    predictions: Predictions,
    split: str,
    positive: Sequence[str] | str,
    at: str | None = None,
    raw: bool = False,
) -> dict[str, Any]:
    """Judge a decision between some classes and the rest.

    A photograph is called positive where the probabilities of the positive classes sum to the threshold
    or more. The threshold is the largest with the sensitivity asked for, or the smallest with the
    specificity, among other photographs than those judged: of an ensemble's own photographs those of the
    other folds; of a run's own validation photographs the other fifths of the groups, which calibrate
    them too; of all others the held-out predictions that the run stores.

    Args:
        predictions: The predictions of labelled photographs, or of groups.
        split: What these are to the run, as `evaluate` says it.
        positive: As `check_point` takes it.
        at: As `check_point` takes it.
        raw: Whether the predictions are not calibrated.

    Returns:
        `positive`, `at`, the `thresholds` (one, or one a fold) and how they were `chosen`; `positives`
        and `negatives`, how many there are; `sensitivity`, `specificity`, `ppv` and `npv` (positive and
        negative predictive value, at the shares of these photographs); `roc_auc` and
        `average_precision`; `confusion`, counts, the rest first, true in the rows; and `intervals` of
        these at the thresholds as they are, 95 % over groups.

    Raises:
        UserError: As `check_point`; or there is nothing to choose the threshold by.

    Example:
        >>> operating_figures(predictions, "out of fold", "Type_3", "sensitivity=0.9")["specificity"]
    """
    run, classes = predictions.run, predictions.class_names
    named, kind, value = check_point(positive, at, classes)
    columns = [classes.index(name) for name in named]
    score, true = _found(predictions.probabilities, predictions.targets, columns)
    groups = predictions.photographs["group"].to_numpy()
    unit = f"{predictions.per}s"
    if kind == "threshold":
        chosen, thresholds = "given beforehand", [value]
        limit = np.full(len(score), value)
    elif split in ("validation", "out of fold"):
        parts = folds_of(run, predictions.photographs)
        several = np.unique(parts)
        if len(several) == 1:
            raise UserError(
                "One group alone has no others to choose a threshold by: give threshold=0.5 or the like."
            )
        by_part = {part: _threshold(score[parts != part], true[parts != part], kind, value, unit)
                   for part in several}  # fmt: skip
        limit = np.array([by_part[part] for part in parts])
        thresholds = [by_part[part] for part in several]
        one, rest = ("fold", "folds") if split == "out of fold" else ("part", "parts of the groups")
        chosen = f"for each {one} by the {unit} of the other {len(several) - 1} {rest}"
    else:
        others = _held_out(run, columns, predictions.per, raw)
        thresholds = [_threshold(*others, kind, value, unit)]
        limit = np.full(len(score), thresholds[0])
        own = "out-of-fold" if isinstance(run, Ensemble) else "validation"
        chosen = f"by the {len(others[0])} {own} {unit} of {run.folder}"
    called = score >= limit
    decided = np.column_stack([~called, called]).astype("float64")
    ranked = np.column_stack([1 - score, score])
    figures: dict[str, Any] = {}
    ends: dict[str, Any] = {}
    for probabilities, wanted in ((decided, _DECISION), (ranked, _RANKS)):
        values = measures(true, probabilities)
        pairs = (
            intervals(true, probabilities, groups, run.recipe.seed)[0]
            if len(set(groups)) > 1
            else {}
        )
        for name, (key, row) in wanted.items():
            figure = values[key][0, row]
            figures[name] = None if np.isnan(figure) else float(figure)
            ends[name] = pairs[key][row].tolist() if pairs and not np.isnan(figure) else None
    return {
        "positive": named,
        "at": f"{kind}={value:g}",
        "thresholds": [float(each) for each in thresholds],
        "chosen": chosen,
        "positives": int(true.sum()),
        "negatives": int((1 - true).sum()),
        **figures,
        "confusion": measures(true, decided)["confusion"][0].astype(int).tolist(),
        "intervals": ends,
    }


def _found(p: np.ndarray, targets: np.ndarray, columns: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The probability of the positive classes together, and whether it is one of them, 0 or 1."""
    return np.clip(p[:, columns].sum(axis=1), 0, 1), np.isin(targets, columns).astype(int)


def _threshold(score: np.ndarray, true: np.ndarray, kind: str, value: float, unit: str) -> float:
    """The threshold, midway between two scores, that holds a sensitivity or a specificity."""
    wanted = score[true == (kind == "sensitivity")]
    if not len(wanted):
        which = "positive" if kind == "sensitivity" else "negative"
        raise UserError(
            f"There are no {which} {unit} to choose a threshold by ({kind}={value:g}): give "
            "threshold=0.5 or the like."
        )
    scores = np.unique(score)
    limits = np.r_[0.0, (scores[:-1] + scores[1:]) / 2, np.nextafter(scores[-1], 2)]
    below = np.searchsorted(np.sort(wanted), limits) / len(wanted)
    if kind == "sensitivity":
        return float(limits[1 - below >= value - 1e-9].max())
    return float(limits[below >= value - 1e-9].min())


def _held_out(run: Run, columns: list[int], per: str, raw: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scores and truth of the held-out photographs, or groups, of which the run stores predictions."""
    table, classes = run.predictions, run.class_names
    probabilities = run.stored_probabilities(raw)
    if per == "group":
        probabilities = group_means(probabilities, table["group"])
        table = group_table(table)
    return _found(probabilities, class_indices(table, classes), columns)
