"""The figures of a run on labelled photographs, beside those of the class prior."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.data.manifests import photographs_or_phantoms, validated
from cervix_tf.errors import UserError
from cervix_tf.evaluation.intervals.bootstrap import RESAMPLES
from cervix_tf.evaluation.intervals.grouped import METHODS, gain_intervals, intervals
from cervix_tf.evaluation.intervals.rules import LEVEL
from cervix_tf.evaluation.metrics import BINS, measures
from cervix_tf.evaluation.outputs import write_evaluation
from cervix_tf.evaluation.seen_photographs import least_seen
from cervix_tf.evaluation.set_coverage import set_figures
from cervix_tf.inference import Predictions, held_out, predictions_of
from cervix_tf.runs import Ensemble, Run, load
from cervix_tf.runs.conformal import SET_LEVEL

SINGLE = ("log_loss", "accuracy", "balanced_accuracy", "kappa", "brier", "ece")
BY_CLASS = ("precision", "recall", "f1", "roc_auc")


def evaluate(
    run: Run | Path | str | Predictions,
    photographs: pd.DataFrame | None = None,
    tta: int = 1,
    out: Path | str | None = None,
    cache: str | Path | None = "memory",
    progress: Callable[[int, int], None] | None = None,
    raw: bool = False,
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
        level: The share of an ensemble's prediction sets that shall hold the true class.

    Returns:
        A dict of figures as `metrics_of` returns it, with `views` and `seen`: whether the run trained on
        these photographs or chose its weights by them.

    Raises:
        UserError: There is no labelled photograph, or one of a class the run does not know, or `out` is
            a run's folder.

    Warns:
        UserWarning: Photographs were left out, or the run trained on those evaluated or on others of
            groups of the same name.

    Example:
        >>> evaluate("runs/first")["intervals"]["log_loss"]
    """
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
    class_indices(labelled, opened.class_names)  # an unknown class ends here, before the work
    if predictions is not None:
        predictions = predictions[labelled.index]
    elif split == "validation":
        predictions = held_out(opened, labelled, tta, cache, progress, raw)
    else:
        predictions = predictions_of(opened, labelled, tta, cache=cache, progress=progress, raw=raw)
    if split == "validation" and isinstance(opened, Ensemble):
        split = "out of fold"
    figures = {
        **metrics_of(predictions, split, level=level),
        "seen": seen,
        "views": predictions.views,
    }
    if out is not None:
        write_evaluation(predictions, figures, Path(out))
    return figures


def metrics_of(
    predictions: Predictions,
    split: str,
    probe: np.ndarray | None = None,
    level: float = SET_LEVEL,
) -> dict:
    """Compute the figures of predictions of labelled photographs, with their intervals.

    Args:
        predictions: The predictions; the class prior is that of the run's training photographs.
        split: What the photographs are to the run, such as `validation`.
        probe: (N, classes), what a linear probe makes of the same photographs, if there is one.
        level: As `set_figures` takes it.

    Returns:
        A dict that JSON can hold; `measures` defines the figures, None is one that is not defined. Lists
        are in the order of `classes`.

        - `log_loss`, `accuracy`, `balanced_accuracy`, `kappa`, `brier`, `ece`;
        - `precision`, `recall`, `f1`, `roc_auc`: a list each;
        - `confusion`: counts, true classes in the rows;
        - `prevalence`: `actual` and mean `predicted` share of each class (Table 3 of the report);
        - `reliability`: for each of 10 bins of the top label's confidence that holds a photograph `from`,
          `to`, `photographs`, mean `confidence`, `accuracy` and its `interval`;
        - `raw`: the first six for the probabilities before calibration, where there is one; `probe`,
          where there is one, for those of the linear probe;
        - `sets`: of an ensemble, coverage and size of its prediction sets, as `set_figures` gives them;
        - `prior`: the first six for the class shares of the training photographs, and those `shares`;
        - `gain`: the prior's log loss minus the model's, and the model's accuracy minus the prior's;
        - `intervals`: for all of these, in the same form, `[low, high]`: 95 % by bootstrap over groups,
          seeded by the run's seed; None with fewer than two groups; that of `confusion` is of the cell's
          share of its true class;
        - `bootstrap`: `level`, `resamples`, `unit`, `methods` by figure, and `left_out`, in how many
          resamples a figure (or that of one class) was not defined, a class being absent; its interval
          passes over them;
        - where they come from: `data`, `split`, `photographs`, `groups`, `seed`, `model`, `classes`.

    Example:
        >>> metrics_of(predictions, "validation")["prior"]["log_loss"]
    """
    run, targets, probabilities = predictions.run, predictions.targets, predictions.probabilities
    groups = predictions.photographs["group"]
    classes, seed = run.class_names, run.recipe.seed
    training = run.manifest[run.manifest["split"] == "train"]
    counted = training["label"].value_counts(normalize=True)
    shares = counted.reindex(classes, fill_value=0).to_numpy()
    prior = np.tile(shares, (len(targets), 1))

    model, base = measures(targets, probabilities), measures(targets, prior)
    values = {name: rows[0] for name, rows in model.items()}
    values |= {f"prior {name}": base[name][0] for name in SINGLE}
    beside = {"raw": predictions.raw, "probe": probe}
    beside = {kind: other for kind, other in beside.items() if other is not None}
    for kind, other in beside.items():
        figures = measures(targets, other)
        values |= {f"{kind} {name}": figures[name][0] for name in SINGLE}
    values["gain log_loss"] = base["log_loss"][0] - values["log_loss"]
    values["gain accuracy"] = values["accuracy"] - base["accuracy"][0]
    ends: dict[str, np.ndarray] = {}
    absent: dict[str, int] = {}
    if groups.nunique() > 1:
        ends, absent = intervals(targets, probabilities, groups, seed)
        of_prior, _ = intervals(targets, prior, groups, seed)
        # These two no choice of photographs changes, for the prior gives all one class.
        of_prior |= {name: np.full(2, base[name][0]) for name in ("balanced_accuracy", "kappa")}
        of_gain = gain_intervals(targets, probabilities, prior, groups, seed)
        ends |= {f"prior {name}": of_prior[name] for name in SINGLE}
        for kind, other in beside.items():
            of_kind, _ = intervals(targets, other, groups, seed)
            ends |= {f"{kind} {name}": of_kind[name] for name in SINGLE}
        ends |= {f"gain {name}": pair for name, pair in of_gain.items()}
    pairs = {
        name: _pairs(ends.get(name, np.full((*np.shape(value), 2), np.nan)))
        for name, value in values.items()
        if name not in ("bin_weight", "bin_confidence")
    }
    sets: dict[str, dict] = {}
    set_intervals: dict[str, dict] = {}
    if isinstance(run, Ensemble) and len(predictions.runs) == 1:
        sets["sets"], set_intervals["sets"] = set_figures(predictions, split, level)
    return {
        "data": photographs_or_phantoms(predictions.photographs),
        "split": split,
        "photographs": len(predictions),
        "groups": int(groups.nunique()),
        "model": run.recipe.model.name,
        "seed": seed,
        "classes": classes,
        **_arranged({k: _plain(v) for k, v in values.items()}),
        "confusion": values["confusion"].astype(int).tolist(),
        **{kind: {k: _plain(values[f"{kind} {k}"]) for k in SINGLE} for kind in beside},
        **sets,
        "prior": {
            **{k: _plain(values[f"prior {k}"]) for k in SINGLE},
            "shares": shares.tolist(),
        },
        "reliability": _reliability(values, pairs["bin_accuracy"]),
        "intervals": {
            **_arranged(pairs),
            "confusion": pairs["confusion"],
            **{kind: {k: pairs[f"{kind} {k}"] for k in SINGLE} for kind in beside},
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
    }


def _arranged(values: dict[str, Any]) -> dict[str, Any]:
    """Put figures, or their intervals, in the form in which they are returned."""
    return {
        **{k: values[k] for k in (*SINGLE, *BY_CLASS)},
        "prevalence": {k: values[k] for k in ("actual", "predicted")},
        "gain": {k: values[f"gain {k}"] for k in ("log_loss", "accuracy")},
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
