"""The photographs that a run did not train on, as it sees them, with calibration by others alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data import prepare
from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.inference.predictions import Predictions, probabilities
from cervix_tf.runs import Calibration, Ensemble, Run, cross_fitted, fit_calibration


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
        The predictions, an ensemble's calibrated as `calibrated` says.

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
    mean, table = plain.mean(axis=0), photographs.reset_index(drop=True)
    if raw or not isinstance(run, Ensemble):
        return Predictions((run,), table, squares, mean, tta)
    return Predictions((run,), table, squares, calibrated(run, table, plain)[1], tta, mean)


def calibrated(
    ensemble: Ensemble, photographs: pd.DataFrame, raw: np.ndarray
) -> tuple[Calibration, np.ndarray]:
    """Fit an ensemble's calibration, and calibrate each fold's photographs by the other folds.

    The figures of the latter are honest: no photograph, and no group, had a part in its own calibration.

    Args:
        ensemble: The ensemble, whose runs are complete.
        photographs: N rows of `ensemble.validation`.
        raw: (repeats, N, classes), what the runs make of photographs they did not train on.

    Returns:
        The calibration for other photographs, and (N, classes) probabilities, the mean over repeats.

    Example:
        >>> calibration, probabilities = calibrated(ensemble, ensemble.validation, raw[None])
    """
    repeats, _, classes = raw.shape
    targets, groups, folds = (
        np.tile(part, repeats)
        for part in (
            class_indices(photographs, ensemble.class_names),
            photographs["group"].to_numpy(),
            photographs["fold"].to_numpy(),
        )
    )
    trained = np.full(classes, 1 / classes) if ensemble.recipe.balanced else None
    stacked = raw.reshape(-1, classes)
    each = cross_fitted(stacked, targets, groups, folds, trained_shares=trained)
    fitted = fit_calibration(stacked, targets, groups, trained_shares=trained)
    return fitted, each.reshape(raw.shape).mean(axis=0)
