"""The photographs that a run did not train on, as it sees them, with calibration by others alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from cervix_tf.data import prepare
from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.inference.predictions import Predictions, probabilities
from cervix_tf.runs import Calibration, Ensemble, Run, cross_fitted, fit_calibration

FOLDS = 5  # parts of a run's validation photographs, for the figures of its calibration


def held_out(
    run: Run,
    photographs: pd.DataFrame | None = None,
    tta: int = 1,
    cache: str | Path | None = "memory",
    progress: Callable[[int, int], None] | None = None,
    raw: bool = False,
) -> Predictions:
    """Predict photographs that a run validated on; of an ensemble, each by the runs it is new to.

    Args:
        run: A run or an ensemble.
        photographs: Rows of `run.validation`; by default all.
        tta: As `predict` takes it.
        cache: As `predict` takes it.
        progress: As `predict` takes it.
        raw: As `predict` takes it.

    Returns:
        The predictions, calibrated as `calibrated` says.

    Raises:
        UserError: A photograph cannot be read.

    Example:
        >>> held_out(load("runs/first")).probabilities.shape
    """
    photographs = run.validation if photographs is None else photographs
    squares = prepare(photographs, run.square_size, cache, progress, run.crop).array
    if not isinstance(run, Ensemble):
        plain = probabilities(run.model, squares, tta)[None]
    else:
        folds, repeats = run.plan["folds"], run.plan["repeats"]
        plain = np.empty((repeats, len(photographs), len(run.class_names)))
        for number, member in enumerate(run.members):
            new = photographs["path"].isin(member.validation["path"]).to_numpy()
            plain[number // folds, new] = probabilities(member.model, squares[new], tta)
    mean = plain.mean(axis=0)
    shown = mean if raw else calibrated(run, photographs, plain)[1]
    table = photographs.reset_index(drop=True)
    return Predictions((run,), table, squares, shown, mean, tta)


def calibrated(
    run: Run, photographs: pd.DataFrame, raw: np.ndarray
) -> tuple[Calibration | None, np.ndarray]:
    """Fit a calibration on held-out photographs, and calibrate each of these by the others.

    The figures of the latter are honest: no photograph, and no group, had a part in its own calibration.
    The parts that are left out in turn are an ensemble's folds, and five of a run's validation
    photographs.

    Args:
        run: The run or ensemble.
        photographs: N labelled rows of `run.validation`.
        raw: (repeats, N, classes), what networks make of photographs they did not train on; one repeat
            for a run.

    Returns:
        The calibration for other photographs, None where these are of one group, and
        (N, classes) probabilities, the mean over repeats.

    Example:
        >>> calibration, probabilities = calibrated(run, run.validation, raw[None])
    """
    groups, targets = photographs["group"].to_numpy(), class_indices(photographs, run.class_names)
    number = len(np.unique(groups))
    if number < 2:
        return None, raw.mean(axis=0)
    if isinstance(run, Ensemble):
        folds, shares = photographs["fold"].to_numpy(), None
    else:
        folds = np.empty(len(groups), int)
        parts = GroupKFold(min(FOLDS, number)).split(groups, groups=groups)
        for fold, (_, rows) in enumerate(parts):
            folds[rows] = fold
        training = run.manifest[run.manifest["split"] == "train"]["label"]
        shares = training.value_counts(normalize=True).reindex(run.class_names).to_numpy()
    classes = len(run.class_names)
    balanced = run.recipe.class_weights == "balanced"
    trained = np.full(classes, 1 / classes) if balanced else None
    repeats = len(raw)
    targets, groups, folds = (np.tile(part, repeats) for part in (targets, groups, folds))
    stacked = raw.reshape(-1, classes)
    each = cross_fitted(stacked, targets, groups, folds, shares, trained)
    fitted = fit_calibration(stacked, targets, groups, shares, trained)
    return fitted, each.reshape(raw.shape).mean(axis=0)
