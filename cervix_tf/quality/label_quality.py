"""Labels contradicted by networks that were not trained on the photograph."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data.flags import LABEL_ERROR, has_flag, with_flag
from cervix_tf.data.manifests import check_manifest, labels
from cervix_tf.data.names import natural
from cervix_tf.errors import UserError, listed, need_package
from cervix_tf.runs import Ensemble, Run, load
from cervix_tf.runs.ensembles import check_each_once

BESIDE = ("image", "path", "label", "group", "fold")  # columns that are no class
FEWEST = 1  # photographs of a class, up to which cleanlab looks for no label error among them
JUDGED = ["guess", "guess_probability", "label_quality"]  # what a run says of a label
COLUMNS = ["image", "path", "label", *JUDGED, "label_error", "run"]


def label_errors(runs: Run | Path | str | Sequence[Run | Path | str]) -> pd.DataFrame:
    """Look for wrong labels by confident learning on probabilities of photographs not trained on.

    Each run speaks of its own validation photographs only, those of its `predictions.csv`; an ensemble
    of `crossfit` speaks of every photograph. Cleanlab's
    `find_label_issues` decides, with its defaults.

    Args:
        runs: An ensemble, or one or several runs of the same classes, finished.

    Returns:
        A table with one row a photograph, the most doubtful first: `image`, `path`, `label`, `guess`
        (the likeliest class), `guess_probability` and `label_quality` (those of the guess and of the
        label, 0 to 1), `label_error` (bool) and `run`; its `attrs` have the runs' `classes`.

    Raises:
        UserError: Cleanlab is not installed, a run is not finished, the runs have different classes, or
            a photograph was predicted twice or trained on by the run that predicts it.

    Warns:
        UserWarning: A class has too few photographs to find every label error in.

    Following: Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset
    labels", 2021.

    Example:
        >>> label_errors("ensembles/first").query("label_error")
    """
    need_package("cleanlab", "audit")
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    table, classes = _predicted([runs] if isinstance(runs, Run | Path | str) else list(runs))
    targets = labels(table, classes)
    probabilities = table[classes].to_numpy(float)
    probabilities /= probabilities.sum(axis=1, keepdims=True)  # few digits may not sum to 1
    table["guess"] = [classes[k] for k in probabilities.argmax(axis=1)]
    table["guess_probability"] = probabilities.max(axis=1)
    table["label_quality"] = get_label_quality_scores(targets, probabilities)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*has too few examples")  # it knows no names, we do
        table["label_error"] = find_label_issues(
            targets, probabilities, n_jobs=1, min_examples_per_class=FEWEST
        )
    counts = np.bincount(targets, minlength=len(classes))
    if few := [name for name, count in zip(classes, counts, strict=True) if count <= FEWEST]:
        warnings.warn(
            f"{listed(table['run'].unique())}: too few photographs not trained on to find every label "
            f"error in: {listed(few)}.",
            stacklevel=2,
        )
    table = table.sort_values("label_quality", kind="stable")[COLUMNS].reset_index(drop=True)
    table.attrs["classes"] = sorted(classes, key=natural)
    return table


def flag_label_errors(manifest: pd.DataFrame, errors: pd.DataFrame) -> pd.DataFrame:
    """Add the flag `label error` to a manifest, and how far each label is believed.

    Args:
        manifest: A manifest, best an audited one.
        errors: What `label_errors` returned. A photograph that has another label by now than the run
            knew is passed over.

    Returns:
        A copy with `flags` and the columns `guess`, `guess_probability` and `label_quality`, as
        `label_errors` has them; missing where no run speaks of the photograph.

    Example:
        >>> flag_label_errors(audit(read_manifest("data")), label_errors("runs/first"))
    """
    check_manifest(manifest, column="label")
    judged = errors.set_index("path")
    same = (manifest["path"].map(judged["label"]) == manifest["label"]).to_numpy()
    wrong = manifest["path"].map(judged["label_error"]).eq(True).to_numpy()
    said = {column: manifest["path"].map(judged[column]).where(same) for column in JUDGED}
    return with_flag(manifest, same & wrong, LABEL_ERROR).assign(**said)


def not_judged(manifest: pd.DataFrame, errors: pd.DataFrame) -> dict[str, int]:
    """Count the labelled photographs whose labels runs cannot judge, by the reason.

    Args:
        manifest: A manifest.
        errors: What `label_errors` returned.

    Returns:
        Their number for each reason that there is, worded to stand behind it.

    Example:
        >>> not_judged(read_manifest("data"), label_errors("runs/first"))
        {'not among the photographs that a run predicted without training on them': 144}
    """
    labelled = manifest[manifest["label"].notna()]
    known = errors.attrs["classes"]
    before = labelled["path"].map(errors.set_index("path")["label"])
    foreign = ~labelled["label"].isin(known)
    reasons = {
        f"of a class that is not of the run's ({', '.join(known)})": foreign,
        "labelled otherwise since the run": ~foreign
        & before.notna()
        & (before != labelled["label"]),
        "not among the photographs that a run predicted without training on them": ~foreign
        & before.isna(),
    }
    return {reason: int(rows.sum()) for reason, rows in reasons.items() if rows.any()}


def doubted(audited: pd.DataFrame) -> pd.DataFrame:
    """Take the photographs flagged `label error`, those with the least believed label first."""
    flagged = audited[has_flag(audited, LABEL_ERROR)]
    if "label_quality" not in flagged:  # flagged by an earlier audit
        return flagged
    return flagged.sort_values("label_quality", kind="stable")


def _predicted(runs: list) -> tuple[pd.DataFrame, list[str]]:
    """The validation photographs of all runs, each once, and the classes."""
    if not runs:
        raise UserError("Give at least one run folder, such as --run runs/first.")
    check_each_once(runs)
    parts: list[pd.DataFrame] = []
    classes: list[str] = []
    for run in map(load, runs):
        predicted = [c for c in run.predictions if c not in BESIDE and not c.startswith("raw:")]
        classes = classes or predicted
        if sorted(predicted) != sorted(classes):
            raise UserError(
                f"{run.folder} knows the classes {', '.join(predicted)}, {parts[0]['run'].iloc[0]} "
                f"{', '.join(classes)}: give runs of the same classes."
            )
        # What an ensemble says is out of fold.
        trains = (run.manifest["split"] == "train") & (not isinstance(run, Ensemble))
        trained = set(run.manifest["path"][trains])
        seen = run.predictions["path"][run.predictions["path"].isin(trained)]
        if len(seen):
            raise UserError(
                f"{run.path('predictions.csv')}: {seen.iloc[0]} was trained on by this run, so what it "
                "predicts says nothing of the label."
            )
        parts.append(run.predictions.assign(run=str(run.folder)))
    table = pd.concat(parts, ignore_index=True)
    again = table["path"].duplicated()
    if again.any():
        path = table["path"][again].iloc[0]
        both = table["run"][table["path"] == path]
        raise UserError(
            f"{path} is predicted by {' and by '.join(both)}: give runs of different folds."
        )
    return table, classes
