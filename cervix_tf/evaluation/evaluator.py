"""The figures of a run on labelled photographs, beside those of the class prior."""

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
from cervix_tf.inference import predict
from cervix_tf.runs import Run, load

SINGLE = ("log_loss", "accuracy", "balanced_accuracy", "kappa", "brier", "ece")
BY_CLASS = ("precision", "recall", "f1", "roc_auc")


def evaluate(
    run: Run | Path | str,
    manifest: pd.DataFrame | None = None,
    tta: int = 1,
    out: Path | str | None = None,
) -> dict:
    """Evaluate a run on labelled photographs.

    Args:
        run: A run or its folder.
        manifest: Photographs, of which those with a label are used; by default the run's own
            validation photographs. Photographs that the run trained on are left out, those that chose
            its weights (validation) too where there are others; a photograph is known by its path or
            by its content. Where no other photographs are given, they are evaluated, and `split` says so.
        tta: Views a photograph, as `inference.predict` takes it.
        out: A folder to write `metrics.json`, `predictions.csv` and `plots/` into; nothing is written by
            default. `RUN/test` is where `report` looks for the figures of test photographs.

    Returns:
        A dict of figures as `figures_of` returns it, with `views` and `seen`: whether the run trained on
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
    run = load(run)
    if out is not None and (Path(out) / "recipe.yaml").exists():
        raise UserError(f"{out} is a run's folder, with figures of its own: give another folder.")
    own = run.manifest
    if manifest is None:
        chosen, split, seen = own[own["split"] == "validation"], "validation", True
    else:
        chosen = validated(manifest, "the manifest").dropna(subset="label")
    if chosen.empty:
        raise UserError("There is no labelled photograph to evaluate on.")
    if manifest is not None:
        chosen, split, seen = least_seen(run, chosen)
    chosen = chosen.reset_index(drop=True)
    true = class_indices(chosen, run.class_names)  # before the work of predicting
    share = predict(run, chosen, tta=tta)[run.class_names].to_numpy()
    figures = {**figures_of(run, chosen, true, share, split), "seen": seen, "views": tta}
    if out is not None:
        write_evaluation(run, Path(out), chosen, share, figures)
    return figures


def figures_of(
    run: Run, chosen: pd.DataFrame, true: np.ndarray, probabilities: np.ndarray, split: str
) -> dict:
    """Compute the figures of known probabilities, with their intervals.

    Args:
        run: The run they come from; the class prior is that of its training photographs.
        chosen: The photographs, in the order of the rows of `probabilities`.
        true: (N,) class indices.
        probabilities: (N, classes).
        split: What the photographs are to the run, such as `validation`.

    Returns:
        A dict that JSON can hold; `measures` defines the figures, None is one that is not defined. Lists
        are in the order of `classes`.

        - `log_loss`, `accuracy`, `balanced_accuracy`, `kappa`, `brier`, `ece`;
        - `precision`, `recall`, `f1`, `roc_auc`: a list each;
        - `confusion`: counts, true classes in the rows;
        - `prevalence`: `actual` and mean `predicted` share of each class (Table 3 of the report);
        - `reliability`: for each of 10 bins of the top label's confidence that holds a photograph `from`,
          `to`, `photographs`, mean `confidence`, `accuracy` and its `interval`;
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
        >>> figures_of(run, chosen, true, probabilities, "validation")["prior"]["log_loss"]
    """
    classes, seed = run.class_names, run.recipe.seed
    training = run.manifest[run.manifest["split"] == "train"]
    counted = training["label"].value_counts(normalize=True)
    shares = counted.reindex(classes, fill_value=0).to_numpy()
    prior = np.tile(shares, (len(true), 1))

    model, base = measures(true, probabilities), measures(true, prior)
    found = {name: values[0] for name, values in model.items()}
    found |= {f"prior {name}": base[name][0] for name in SINGLE}
    found["gain log_loss"] = base["log_loss"][0] - found["log_loss"]
    found["gain accuracy"] = found["accuracy"] - base["accuracy"][0]
    groups = int(chosen["group"].nunique())
    ends: dict[str, np.ndarray] = {}
    absent: dict[str, int] = {}
    if groups > 1:
        ends, absent = intervals(true, probabilities, chosen["group"], seed)
        of_prior, _ = intervals(true, prior, chosen["group"], seed)
        # These two no choice of photographs changes, for the prior gives all one class.
        of_prior |= {name: np.full(2, base[name][0]) for name in ("balanced_accuracy", "kappa")}
        of_gain = gain_intervals(true, probabilities, prior, chosen["group"], seed)
        ends |= {f"prior {name}": of_prior[name] for name in SINGLE}
        ends |= {f"gain {name}": pair for name, pair in of_gain.items()}
    pairs = {
        name: _pairs(ends.get(name, np.full((*np.shape(value), 2), np.nan)))
        for name, value in found.items()
        if name not in ("bin_weight", "bin_confidence")
    }
    return {
        "data": photographs_or_phantoms(chosen),
        "split": split,
        "photographs": len(chosen),
        "groups": groups,
        "model": run.recipe.model.name,
        "seed": seed,
        "classes": classes,
        **_arranged({k: _plain(v) for k, v in found.items()}),
        "confusion": found["confusion"].astype(int).tolist(),
        "prior": {
            **{k: _plain(found[f"prior {k}"]) for k in SINGLE},
            "shares": shares.tolist(),
        },
        "reliability": _reliability(found, pairs["bin_accuracy"]),
        "intervals": {
            **_arranged(pairs),
            "confusion": pairs["confusion"],
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


def _reliability(found: dict[str, np.ndarray], intervals: list) -> list[dict]:
    return [
        {
            "from": k / BINS,
            "to": (k + 1) / BINS,
            "photographs": int(found["bin_weight"][k]),
            "confidence": float(found["bin_confidence"][k]),
            "accuracy": float(found["bin_accuracy"][k]),
            "interval": intervals[k],
        }
        for k in range(BINS)
        if found["bin_weight"][k]
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
