"""The figures of a run on labelled photographs, beside those of the class prior."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.errors import UserError
from cervix_tf.evaluation.scores import log_loss
from cervix_tf.inference import predict
from cervix_tf.runs import Run, load


def evaluate(run: Run | Path | str, manifest: pd.DataFrame | None = None, tta: int = 1) -> dict:
    """Evaluate a run on labelled photographs.

    Args:
        run: A run or its folder.
        manifest: Photographs of which all those with a label are used; by default the run's own
            validation photographs.
        tta: Views a photograph, as `inference.predict` takes it.

    Returns:
        A dict of figures as `figures_of` returns it.

    Raises:
        UserError: There is no labelled photograph, or one of a class the run does not know.

    Example:
        >>> evaluate("runs/first")["log_loss"]
    """
    run = load(run)
    own = run.manifest
    if manifest is None:
        chosen, split = own[own["split"] == "validation"], "validation"
    else:
        chosen, split = manifest[manifest["label"].notna()], "all labelled photographs given"
    if chosen.empty:
        raise UserError("There is no labelled photograph to evaluate on.")
    chosen = chosen.reset_index(drop=True)
    true = class_indices(chosen, run.class_names)  # before the work of predicting
    table = predict(run, chosen, tta=tta)
    return figures_of(run, chosen, true, table[run.class_names].to_numpy(), split)


def figures_of(
    run: Run, chosen: pd.DataFrame, true: np.ndarray, probabilities: np.ndarray, split: str
) -> dict:
    """Compute the figures of known probabilities.

    Args:
        run: The run they come from; the class prior is that of its training photographs.
        chosen: The photographs, in the order of the rows of `probabilities`.
        true: (N,) class indices.
        probabilities: (N, classes).
        split: What the photographs are to the run, such as `validation`.

    Returns:
        A dict with `log_loss`, `accuracy`, `balanced_accuracy`, `confusion` (rows are the true
        classes), `prevalence` (actual and mean predicted, Table 3 of the report), `prior` (log loss
        and accuracy of the training photographs' class shares), and where they come from: `data`,
        `split`, `photographs`, `groups`, `seed`, `model`.

    Example:
        >>> figures_of(run, chosen, true, probabilities, "validation")["prior"]["log_loss"]
    """
    classes = run.class_names
    training = run.manifest[run.manifest["split"] == "train"]
    shares = (
        training["label"].value_counts(normalize=True).reindex(classes, fill_value=0).to_numpy()
    )
    guess = probabilities.argmax(axis=1)
    return {
        "data": "phantoms (drawn photographs)" if is_phantom(chosen) else "photographs",
        "split": split,
        "photographs": len(chosen),
        "groups": int(chosen["group"].nunique()),
        "model": run.recipe.model.name,
        "seed": run.recipe.seed,
        "classes": classes,
        "log_loss": log_loss(true, probabilities),
        "accuracy": float((guess == true).mean()),
        "balanced_accuracy": float(balanced_accuracy_score(true, guess)),
        "confusion": confusion_matrix(true, guess, labels=range(len(classes))).tolist(),
        "prevalence": {
            "actual": (np.bincount(true, minlength=len(classes)) / len(true)).tolist(),
            "predicted": probabilities.mean(axis=0).tolist(),
        },
        "prior": {
            "log_loss": log_loss(true, np.tile(shares, (len(true), 1))),
            "accuracy": float((true == shares.argmax()).mean()),
            "shares": shares.tolist(),
        },
    }


def is_phantom(manifest: pd.DataFrame) -> bool:
    """Whether any of the photographs are drawn: figures on them are called so."""
    return "phantom" in manifest and bool(manifest["phantom"].fillna(False).astype(bool).any())
