"""The sets of classes that an ensemble gives, by the scores of its out-of-fold predictions."""

import math
import warnings
from collections.abc import Sequence
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.errors import UserError
from cervix_tf.runs import Ensemble, Run, conformal_threshold, load, prediction_sets

JOINED = "|"


def set_threshold(
    runs: Run | Path | str | Sequence[Run | Path | str], level: float, raw: bool = False
) -> float:
    """Give the threshold of an ensemble's sets, by all of its out-of-fold scores.

    Args:
        runs: The ensemble or its folder, alone or as a sequence of one.
        level: The share of patients' photographs whose set shall hold the true class, between 0 and 1.
        raw: Whether the sets will be made of probabilities that are not calibrated.

    Returns:
        The threshold of 1 less a class's probability; infinity where the patients are too few.

    Raises:
        UserError: It is no ensemble, or there are several, or the level is out of range.

    Warns:
        UserWarning: The ensemble has too few groups for the level, so that a set holds every class.

    Example:
        >>> set_threshold("ensembles/first", 0.8)
    """
    if not isinstance(level, Real) or not 0 < level < 1:
        raise UserError(f"A level of {level}: give one between 0 and 1, such as 0.9.")
    opened = [load(run) for run in (runs if isinstance(runs, list | tuple) else [runs])]
    for run in opened:
        if not isinstance(run, Ensemble):
            raise UserError(
                f"{run.folder} is a single run, without out-of-fold predictions: sets need an ensemble, "
                "which cervix-tf crossfit makes."
            )
    if len(opened) != 1:
        raise UserError(
            f"Sets are those of one ensemble, by its out-of-fold predictions: {len(opened)} are given."
        )
    run = opened[0]
    if parted := [name for name in run.class_names if JOINED in name]:
        raise UserError(f"Sets join class names by {JOINED}, which {parted[0]!r} holds: rename it.")
    table = run.predictions
    labels = class_indices(table, run.class_names)
    scores = 1 - run.stored_probabilities(raw)[np.arange(len(table)), labels]
    threshold = conformal_threshold(scores, table["group"].to_numpy(), level)
    if np.isinf(threshold):
        needed = math.ceil(level / (1 - level) - 1e-9)
        warnings.warn(
            f"{run.folder} knows {table['group'].nunique()} groups (patients), and a level of "
            f"{100 * level:g} % needs {needed}: every set holds all classes.",
            stacklevel=2,
        )
    return threshold


def with_sets(table: pd.DataFrame, class_names: list[str], threshold: float) -> pd.DataFrame:
    """Add to a table of predictions the column `set`: the classes that may be the true one.

    Args:
        table: A row a photograph, with one column a class.
        class_names: The classes.
        threshold: As `set_threshold` gives it.

    Returns:
        A copy with `set`, class names joined by `|`, in the order of the classes.

    Example:
        >>> with_sets(predictions.table(), predictions.class_names, 0.7)["set"].iloc[0]
    """
    sets = prediction_sets(table[class_names].to_numpy("float64"), threshold)
    names = np.array(class_names, "object")
    return table.assign(set=[JOINED.join(names[row]) for row in sets])
