"""Figures of the photographs of each device, site or source, and how far these lie apart."""

import warnings

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from cervix_tf.errors import UserError, unknown
from cervix_tf.evaluation.intervals.bootstrap import draws, numbered, resampled_sums
from cervix_tf.evaluation.intervals.rules import LEVEL, score_interval, studentised_interval
from cervix_tf.evaluation.kaggle_score import CLIP, row_losses
from cervix_tf.inference import Predictions

LEAST = 5  # groups of a value that has a part in the spread
_TAIL = (1 - LEVEL) / 2
_WORST = float(-np.log(CLIP))


def check_column(photographs: pd.DataFrame, column: str) -> None:
    """Refuse a column that a table of photographs lacks, or in which every cell is empty."""
    if column not in photographs:
        raise unknown("column", column, list(photographs.columns))
    if photographs[column].isna().all():
        raise UserError(f"The column {column!r} is empty for all {len(photographs)} photographs.")


def figures_by(predictions: Predictions, column: str, per: str = "photograph") -> dict:
    """Give log loss and accuracy for each value of a column, and the spread of the log loss between.

    Args:
        predictions: The predictions of labelled photographs.
        column: A column of their table, such as `source` or `device`; photographs without a value are
            counted and left out.
        per: `group` where the mean over the photographs of a group is judged, of a group with several
            values one for each.

    Returns:
        - `column`, and `missing`, how many photographs have no value;
        - `values`: for each `value`, those of most photographs first, `photographs`, `groups`,
          `log_loss`, `accuracy` and their `intervals` (None with fewer than two groups);
        - `spread`: the log loss of the value with the largest minus that with the smallest, which are
          `highest` and `lowest`, among values of at least 5 groups, and its `interval`; None with fewer
          than two such values. The interval is made of those of all differences between two values
          that hold together in 95 % of studies, by bootstrap over groups, so that it allows for the
          choice of the extreme ones; it reaches to 0 where chance may be all.

    Raises:
        UserError: There is no such column, or it is empty.

    Example:
        >>> figures_by(predictions, "source")["spread"]
    """
    check_column(predictions.photographs, column)
    cells = predictions.photographs[column]
    seed = predictions.run.recipe.seed
    counts = cells.dropna().astype(str).value_counts()
    named = cells.astype(str).where(cells.notna())
    parts, rows = {}, []
    for value in sorted(counts.index, key=lambda each: (-counts[each], each)):
        part = predictions[(named == value).to_numpy()]
        if per == "group":
            with warnings.catch_warnings():  # that no group has several: of all, it was said
                warnings.simplefilter("ignore")
                part = part.per_group()
        right = (part.predicted == part.targets).astype("float64")
        loss = row_losses(part.targets, part.probabilities)
        groups = part.photographs["group"].to_numpy()
        parts[value] = pd.DataFrame({"group": groups, "loss": loss, "right": right})
        rows.append({
            "value": value,
            "photographs": int(counts[value]),
            "groups": len(set(groups)),
            "log_loss": float(loss.mean()),
            "accuracy": float(right.mean()),
            "intervals": _intervals(parts[value], seed),
        })  # fmt: skip
    enough = {row["value"]: parts[row["value"]] for row in rows if row["groups"] >= LEAST}
    return {
        "column": column,
        "missing": int(cells.isna().sum()),
        "values": rows,
        "spread": _spread(enough, seed) if len(enough) > 1 else None,
    }


def _intervals(part: pd.DataFrame, seed: int) -> dict[str, list[float] | None]:
    code = numbered(part["group"])
    counts = np.bincount(code).astype(float)
    if len(counts) < 2:
        return {"log_loss": None, "accuracy": None}
    drawn = draws(code, seed)
    loss, right = (np.bincount(code, part[name]) for name in ("loss", "right"))
    shares = (resampled_sums(drawn, right) / resampled_sums(drawn, counts))[:, None]
    return {
        "log_loss": np.clip(studentised_interval(loss, counts, drawn), 0, _WORST).tolist(),
        "accuracy": score_interval(
            np.array([right.sum() / counts.sum()]), shares, counts[:, None]
        )[0].tolist(),
    }  # fmt: skip


def _spread(parts: dict[str, pd.DataFrame], seed: int) -> dict:
    """The largest difference of log loss between two values, with an interval that allows for choice.

    The differences of all pairs are held at once by their standard errors times the quantile of the
    largest of them among the resamples (the bootstrap's version of Tukey's range test), widened for few
    groups as Student's t is.
    """
    table = pd.concat(parts.values(), keys=range(len(parts)), names=["value"]).reset_index("value")
    code, value = numbered(table["group"]), table["value"].to_numpy()
    sums, counts = np.zeros((2, code.max() + 1, len(parts)))
    np.add.at(sums, (code, value), table["loss"])
    np.add.at(counts, (code, value), 1)
    groups = (counts > 0).sum(axis=0)
    means = sums.sum(axis=0) / counts.sum(axis=0)
    drawn = draws(code, seed)
    with np.errstate(invalid="ignore"):
        moved = (
            resampled_sums(drawn, sums) / resampled_sums(drawn, counts) - means
        )  # NaN where a resample lacks a value
    worst = np.zeros(len(drawn))
    errors = np.zeros((len(parts), len(parts)))
    for k in range(len(parts) - 1):
        away = moved[:, k : k + 1] - moved[:, k + 1 :]
        errors[k, k + 1 :] = error = np.nanstd(away, axis=0)
        ratio = np.abs(away) / np.where(error > 0, error, np.inf)
        worst = np.maximum(worst, np.nan_to_num(ratio).max(axis=1))
    fewest = np.minimum(groups[:, None], groups)
    wider = np.sqrt(fewest / (fewest - 1)) * t.ppf(1 - _TAIL, fewest - 1) / norm.ppf(1 - _TAIL)
    half = np.quantile(worst, LEVEL) * errors * wider
    apart = np.abs(means[:, None] - means)
    pairs = np.triu_indices(len(parts), 1)
    names = list(parts)
    return {
        "log_loss": float(means.max() - means.min()),
        "interval": [
            float(max(0.0, (apart - half)[pairs].max())),
            float((apart + half)[pairs].max()),
        ],
        "highest": names[int(means.argmax())],
        "lowest": names[int(means.argmin())],
        "values": len(parts),
    }
