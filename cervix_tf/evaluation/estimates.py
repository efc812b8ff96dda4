"""The figures of predictions, with their intervals, beside those of the class prior."""

from typing import Any

import numpy as np

from cervix_tf.data.manifests import photographs_or_phantoms
from cervix_tf.evaluation.agreement import agreement_of
from cervix_tf.evaluation.intervals.bootstrap import RESAMPLES
from cervix_tf.evaluation.intervals.grouped import METHODS, gain_intervals, intervals
from cervix_tf.evaluation.intervals.rules import LEVEL
from cervix_tf.evaluation.metrics import BINS, measures
from cervix_tf.evaluation.set_coverage import set_figures
from cervix_tf.inference import Predictions
from cervix_tf.runs import Ensemble
from cervix_tf.runs.conformal import SET_LEVEL

SINGLE = (
    "log_loss",
    "accuracy",
    "balanced_accuracy",
    "kappa",
    "quadratic_kappa",
    "brier",
    "ece",
)
BY_CLASS = ("precision", "recall", "f1", "roc_auc", "average_precision")
SHOWN = (*SINGLE, *BY_CLASS, "actual", "predicted")


def metrics_of(
    predictions: Predictions,
    split: str,
    probe: np.ndarray | None = None,
    level: float = SET_LEVEL,
) -> dict:
    """Compute the figures of predictions of labelled photographs, with their intervals.

    Args:
        predictions: The predictions, of photographs or of groups; the class prior is that of the run's
            training photographs, or groups.
        split: What the photographs are to the run, such as `validation`.
        probe: (N, classes), what a linear probe makes of the same photographs, if there is one.
        level: As `set_figures` takes it.

    Returns:
        A dict that JSON can hold; `measures` defines the figures, None is one that is not defined. Lists
        are in the order of `classes`.

        - `log_loss`, `accuracy`, `balanced_accuracy`, `kappa`, `quadratic_kappa`, `brier`,
          `ece`;
        - `precision`, `recall`, `f1`, `roc_auc`, `average_precision`: a list each;
        - `confusion`: counts, true classes in the rows;
        - `prevalence`: `actual` and mean `predicted` share of each class (Table 3 of the report);
        - `reliability`: for each of 10 bins of the top label's confidence that holds a photograph `from`,
          `to`, `photographs`, mean `confidence`, `accuracy` and its `interval`;
        - `raw`: all of these but confusion and reliability for the probabilities before calibration,
          where there is one; `probe`, where there is one, for those of the linear probe;
        - `sets`: of an ensemble, coverage and size of its prediction sets, as `set_figures` gives them;
        - `prior`: the first seven for the class shares of the training photographs, and those `shares`;
        - `agreement`, where a group has several photographs: as `agreement.agreement_of` returns it;
        - `gain`: the prior's log loss minus the model's, and the model's accuracy minus the prior's;
        - `intervals`: for all of these, in the same form, `[low, high]`: 95 % by bootstrap over groups,
          seeded by the run's seed; None with fewer than two groups; that of `confusion` is of the cell's
          share of its true class;
        - `bootstrap`: `level`, `resamples`, `unit`, `methods` by figure, and `left_out`, in how many
          resamples a figure (or that of one class) was not defined, a class being absent; its interval
          passes over them;
        - where they come from: `data`, `split`, `photographs`, `groups`, `per` (`photograph` or `group`,
          what is counted once), `seed`, `model`, `classes`.

    Example:
        >>> metrics_of(predictions, "validation")["prior"]["log_loss"]
    """
    run, targets, probabilities = predictions.run, predictions.targets, predictions.probabilities
    groups = predictions.photographs["group"]
    classes, seed = run.class_names, run.recipe.seed
    per_group = predictions.per == "group"
    shares = run.shares(per_group)
    prior = np.tile(shares, (len(targets), 1))

    model, base = measures(targets, probabilities), measures(targets, prior)
    values = {name: rows[0] for name, rows in model.items()}
    values |= {f"prior {name}": base[name][0] for name in SINGLE}
    beside = {"raw": predictions.raw, "probe": probe}
    beside = {kind: other for kind, other in beside.items() if other is not None}
    for kind, other in beside.items():
        figures = measures(targets, other)
        values |= {f"{kind} {name}": figures[name][0] for name in SHOWN}
    values["gain log_loss"] = base["log_loss"][0] - values["log_loss"]
    values["gain accuracy"] = values["accuracy"] - base["accuracy"][0]
    ends: dict[str, np.ndarray] = {}
    absent: dict[str, int] = {}
    if groups.nunique() > 1:
        ends, absent = intervals(targets, probabilities, groups, seed)
        of_prior, _ = intervals(targets, prior, groups, seed)
        # These no choice of photographs changes, for the prior gives all one class.
        fixed = ("balanced_accuracy", "kappa", "quadratic_kappa")
        of_prior |= {name: np.full(2, base[name][0]) for name in fixed}
        of_gain = gain_intervals(targets, probabilities, prior, groups, seed)
        ends |= {f"prior {name}": of_prior[name] for name in SINGLE}
        for kind, other in beside.items():
            of_kind, _ = intervals(targets, other, groups, seed)
            ends |= {f"{kind} {name}": of_kind[name] for name in SHOWN}
        ends |= {f"gain {name}": pair for name, pair in of_gain.items()}
    pairs = {
        name: _pairs(ends.get(name, np.full((*np.shape(value), 2), np.nan)))
        for name, value in values.items()
        if name not in ("bin_weight", "bin_confidence")
    }
    sets: dict[str, dict] = {}
    set_intervals: dict[str, dict] = {}
    if isinstance(run, Ensemble) and len(predictions.runs) == 1 and predictions.per == "photograph":
        sets["sets"], set_intervals["sets"] = set_figures(predictions, split, level)
    plain = {name: _plain(value) for name, value in values.items()}
    return {
        "data": photographs_or_phantoms(predictions.photographs),
        "split": split,
        "photographs": int(predictions.photographs["photographs"].sum())
        if per_group
        else len(predictions),
        "groups": int(groups.nunique()),
        "per": predictions.per,
        "model": run.recipe.model.name,
        "seed": seed,
        "classes": classes,
        **_arranged(plain),
        "gain": {k: plain[f"gain {k}"] for k in ("log_loss", "accuracy")},
        "confusion": values["confusion"].astype(int).tolist(),
        **{kind: _arranged(plain, f"{kind} ") for kind in beside},
        **sets,
        "prior": {
            **{k: plain[f"prior {k}"] for k in SINGLE},
            "shares": shares.tolist(),
        },
        "reliability": _reliability(values, pairs["bin_accuracy"]),
        "intervals": {
            **_arranged(pairs),
            "gain": {k: pairs[f"gain {k}"] for k in ("log_loss", "accuracy")},
            "confusion": pairs["confusion"],
            **{kind: _arranged(pairs, f"{kind} ") for kind in beside},
            **set_intervals,
            "prior": {k: pairs[f"prior {k}"] for k in SINGLE},
        },
        "bootstrap": {
            "level": LEVEL,
            "resamples": RESAMPLES,
            "unit": "groups",
            "methods": METHODS,
            "left_out": {k: absent[k] for k in (*SINGLE, *BY_CLASS) if k in absent},
        },
        **agreement_figures(predictions),
    }


def agreement_figures(predictions: Predictions) -> dict[str, dict]:
    """Tell how photographs of one group agree: `agreement`, or nothing where no group has several."""
    groups, seed = predictions.photographs["group"], predictions.run.recipe.seed
    found = agreement_of(predictions.probabilities, groups, seed)
    return {"agreement": found} if found else {}


def uncalibrated(figures: dict) -> dict:
    """Take the figures before calibration, where there is one, in the place of the others.

    Args:
        figures: As `metrics_of` returns them.

    Returns:
        The same with what `raw` holds, and its intervals, at the top.

    Example:
        >>> uncalibrated(load("runs/first").metrics)["log_loss"]
    """
    intervals = figures.get("intervals", {})
    intervals = {**intervals, **intervals.get("raw", {})}
    return {**figures, **figures.get("raw", {}), "intervals": intervals}


def _arranged(values: dict[str, Any], kind: str = "") -> dict[str, Any]:
    """Put figures, or their intervals, in the form in which they are returned."""
    return {
        **{k: values[f"{kind}{k}"] for k in (*SINGLE, *BY_CLASS)},
        "prevalence": {k: values[f"{kind}{k}"] for k in ("actual", "predicted")},
    }


def _reliability(values: dict[str, np.ndarray], intervals: list) -> list[dict]:
    return [
        {
            "from": k / BINS,
            "to": (k + 1) / BINS,
            "photographs": int(values["bin_weight"][k]),
            "confidence": float(values["bin_confidence"][k]),
            "accuracy": float(values["bin_accuracy"][k]),
            "interval": intervals[k],
        }
        for k in range(BINS)
        if values["bin_weight"][k]
    ]


def _pairs(ends: np.ndarray) -> Any:
    """Intervals as lists, with None for one that is not defined."""
    if ends.ndim > 1:
        return [_pairs(part) for part in ends]
    return None if np.isnan(ends).any() else ends.tolist()


def _plain(values: np.ndarray) -> Any:
    """Python numbers, with None for NaN, which JSON does not know."""
    plain = values.astype(object)
    return np.where(np.isnan(values), np.array(None), plain).tolist()
