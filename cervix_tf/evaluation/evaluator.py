"""The figures of a run on labelled photographs, beside those of the class prior."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.data.manifests import photographs_or_phantoms, validated
from cervix_tf.errors import UserError
from cervix_tf.evaluation.agreement import agreement_of
from cervix_tf.evaluation.intervals.bootstrap import RESAMPLES
from cervix_tf.evaluation.intervals.grouped import METHODS, gain_intervals, intervals
from cervix_tf.evaluation.intervals.rules import LEVEL
from cervix_tf.evaluation.metrics import BINS, measures
from cervix_tf.evaluation.operating_points import check_point, operating_figures
from cervix_tf.evaluation.outputs import write_evaluation
from cervix_tf.evaluation.seen_photographs import least_seen
from cervix_tf.evaluation.set_coverage import set_figures
from cervix_tf.evaluation.strata import check_column, figures_by
from cervix_tf.inference import Predictions, held_out, predictions_of
from cervix_tf.inference.out_of_fold import by_others
from cervix_tf.inference.patients import check_unit, group_table
from cervix_tf.runs import Ensemble, Run, load
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


def evaluate(
    run: Run | Path | str | Predictions,
    photographs: pd.DataFrame | None = None,
    tta: int = 1,
    out: Path | str | None = None,
    cache: str | Path | None = "memory",
    progress: Callable[[int, int], None] | None = None,
    raw: bool = False,
    per: str = "photograph",
    by: str | None = None,
    positive: Sequence[str] | str | None = None,
    operating_point: str | None = None,
    level: float = SET_LEVEL,
) -> dict:
    """Evaluate a run on labelled photographs.

    Args:
        run: A run or an ensemble, or its folder; or predictions, whose photographs are evaluated as
            `photographs` are.
        photographs: A manifest, of which those with a label are used; by default the run's own
            validation photographs, of an ensemble all that were in its folds, each as the runs see it
            that did not train on it. Photographs that the run trained on are left out, those that chose
            its weights (validation) too where there are others; a photograph is known by its path or
            by its content. Where no other photographs are given, they are evaluated, and `split` says so.
        tta: Views a photograph, as `inference.predict` takes it.
        out: A folder to write `metrics.json`, `predictions.csv` and `plots/` into; nothing is written by
            default. `RUN/test` is where `report` looks for the figures of test photographs.
        cache: Where the prepared squares are kept, as `data.prepare` takes it.
        progress: Called with the photographs decoded and their number.
        raw: Whether to evaluate the networks' probabilities as they are, not calibrated.
        per: `photograph`, or `group`: each group (patient) once, by the mean over its photographs.
        by: A column of the manifest, such as `source`, `device` or `site`, for each value of which
            figures are given too.
        positive: A class, or several, that are to be told from the rest.
        operating_point: Where: `sensitivity=0.9`, `specificity=0.9`, for which other photographs than
            those judged choose the threshold, or `threshold=0.5`, the default.
        level: The share of an ensemble's prediction sets that shall hold the true class.

    Returns:
        A dict of figures as `metrics_of` returns it, with `views` and `seen`: whether the run trained on
        these photographs or chose its weights by them. Where asked for, `by` as `strata.figures_by`, and
        `operating_point` as `operating_points.operating_figures` returns it.

    Raises:
        UserError: There is no labelled photograph, or one of a class the run does not know, or `out` is
            a run's folder; the photographs of one group have different labels (`per="group"`); there is
            no such column, class or operating point, or nothing to choose the threshold by.

    Warns:
        UserWarning: Photographs were left out, or the run trained on those evaluated or on others of
            groups of the same name.

    Example:
        >>> evaluate("runs/first")["intervals"]["log_loss"]
        >>> evaluate("runs/first", per="group", by="source", positive="Type_3")["operating_point"]
    """
    check_unit(per)
    if out is not None and (Path(out) / "recipe.yaml").exists():
        raise UserError(f"{out} is a run's folder, with figures of its own: give another folder.")
    predictions = run if isinstance(run, Predictions) else None
    opened = run.run if isinstance(run, Predictions) else load(run)
    if predictions is not None:
        labelled, others = predictions.photographs, True
    elif photographs is not None:
        labelled, others = validated(photographs, "the manifest"), True
    else:
        labelled, others = opened.validation, False
    labelled = labelled.dropna(subset="label")
    if labelled.empty:
        raise UserError("There is no labelled photograph to evaluate on.")
    split, seen = "validation", True
    if others:
        labelled, split, seen = least_seen(opened, labelled)
    # What cannot be done ends here, before the work.
    class_indices(labelled, opened.class_names)
    if per == "group":
        group_table(labelled)
    if by is not None:
        check_column(labelled, by)
    if positive or operating_point:
        check_point(positive, operating_point, opened.class_names)
    if predictions is not None:
        predictions = predictions[labelled.index]
        predictions = by_others(predictions) if split == "validation" else predictions
    elif split == "validation":
        predictions = held_out(opened, labelled, tta, cache, progress, raw)
    else:
        predictions = predictions_of(opened, labelled, tta, cache=cache, progress=progress, raw=raw)
    if split == "validation" and isinstance(opened, Ensemble):
        split = "out of fold"
    judged = predictions.per_group() if per == "group" else predictions
    figures = {
        **metrics_of(judged, split, level=level),
        "seen": seen,
        "views": predictions.views,
    }
    if per == "group":
        figures |= _agreement(predictions)
    if positive:
        found = operating_figures(judged, split, positive, operating_point, raw)
        figures["operating_point"] = found
    if by is not None:
        figures["by"] = figures_by(predictions, by, per)
    if out is not None:
        write_evaluation(judged, figures, Path(out))
    return figures


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
        **_agreement(predictions),
    }


def _agreement(predictions: Predictions) -> dict[str, dict]:
    """How photographs of one group agree; nothing where none has several."""
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
    intervals = figures["intervals"]
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
