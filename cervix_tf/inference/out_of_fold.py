"""The photographs that a run did not train on, as it sees them, with calibration by others alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data import SquareRows, prepare
from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.errors import UserError
from cervix_tf.inference.predictions import Predictions, check_views, probabilities
from cervix_tf.runs import Calibration, Ensemble, Run, fit_calibration, geometric_mean
from cervix_tf.runs.file_shapes import reading

FOLD = "calibrated without"  # a column: the number of the fold whose others calibrate a photograph
FOLDS = 5  # of groups, into which the validation photographs of a single run are divided


def held_out(
    run: Run,
    photographs: pd.DataFrame | None = None,
    tta: int = 1,
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    raw: bool = False,
) -> Predictions:
    """Predict photographs that a run validated on; of an ensemble, each by the runs it is new to.

    Args:
        run: A run or an ensemble.
        photographs: Rows of `run.validation`, or a table that has `FOLD`; by default all.
        tta: As `predict` takes it.
        cache: Where the prepared squares are kept, as `data.prepare` takes it.
        progress: As `predict` takes it.
        raw: As `predict` takes it.

    Returns:
        The predictions, calibrated as `calibrated` says.

    Raises:
        UserError: A photograph cannot be read.

    Example:
        >>> held_out(load("runs/first")).probabilities.shape
    """
    check_views(tta)
    photographs = run.validation if photographs is None else photographs
    # What is damaged in the run ends here, before the work.
    plainly = raw or run.calibration is None
    of_fold = {} if plainly else fold_calibrations(run, *stored(run))[1]
    squares = prepare(photographs, run.square_size, cache, progress, run.crop).array
    repeats = run.plan["repeats"] if isinstance(run, Ensemble) else 1
    plain = np.full((repeats, len(photographs), len(run.class_names)), np.nan)
    for number, member in enumerate(run.members):
        if isinstance(run, Ensemble):
            new = photographs["path"].isin(member.validation["path"]).to_numpy()
        else:  # all are; their files may lie elsewhere now
            new = np.ones(len(photographs), bool)
        repeat = number * repeats // len(run.members)
        plain[repeat, new] = probabilities(member.model, SquareRows(squares, new), tta)
    mean, table = geometric_mean(plain), photographs.reset_index(drop=True)
    if plainly:
        return Predictions((run,), table, squares, mean, tta)
    return Predictions((run,), table, squares, _applied(of_fold, run, table, plain), tta, mean)


def by_others(predictions: Predictions) -> Predictions:
    """Calibrate predictions of photographs that a run validated on by other groups alone.

    Args:
        predictions: Of rows of `run.validation`, as `predictions_of` returns them, or with `FOLD`; not of
            an ensemble.

    Returns:
        The same as `held_out` returns, of which the figures are made.

    Example:
        >>> by_others(predictions_of("runs/first", validation))
    """
    run, table, raw = predictions.run, predictions.photographs, predictions.raw
    if raw is None or len(predictions.runs) > 1:  # a mean of runs has no calibration of its own
        return predictions
    of_fold = fold_calibrations(run, *stored(run))[1]
    return replace(predictions, probabilities=_applied(of_fold, run, table, raw[None]))


def calibrated(
    run: Run, photographs: pd.DataFrame, raw: np.ndarray
) -> tuple[Calibration, np.ndarray]:
    """Fit a run's or ensemble's calibration, and calibrate each fold's photographs by the other folds.

    The figures of the latter are honest: no photograph, and no group, had a part in its own calibration.
    The groups that a single run validated on are divided into five folds for it.

    Args:
        run: The run, or an ensemble whose runs are complete.
        photographs: All N labelled rows of `run.validation`.
        raw: (repeats, N, classes), what the networks make of photographs they did not train on.

    Returns:
        The calibration for other photographs, and (N, classes) probabilities, the mean over repeats.

    Example:
        >>> from cervix_tf.inference.out_of_fold import stored
        >>> calibration, probabilities = calibrated(ensemble, *stored(ensemble))
    """
    whole, of_fold = fold_calibrations(run, photographs, raw)
    return whole, _applied(of_fold, run, photographs, raw)


def fold_calibrations(
    run: Run, photographs: pd.DataFrame, raw: np.ndarray
) -> tuple[Calibration, dict[int, Calibration]]:
    """Fit the calibration for other photographs, and for each fold the one by the other folds alone.

    Args:
        run: As `calibrated` takes it.
        photographs: As `calibrated` takes them.
        raw: As `calibrated` takes it.

    Returns:
        The calibration, and one by each fold's number.

    Example:
        >>> whole, of_fold = fold_calibrations(ensemble, *stored(ensemble))
    """
    repeats, _, classes = raw.shape
    targets, groups, folds = (
        np.tile(part, repeats)
        for part in (
            class_indices(photographs, run.class_names),
            photographs["group"].to_numpy(),
            folds_of(run, photographs),
        )
    )
    trained = _learned_shares(run) if run.recipe.balanced else None
    stacked = raw.reshape(-1, classes)
    shares = None if isinstance(run, Ensemble) else run.shares()  # those of the other folds

    def fitted(rows: np.ndarray) -> Calibration:
        given = stacked[rows], targets[rows], groups[rows]
        return fit_calibration(*given, shares, trained, folds[rows])

    return fitted(folds >= 0), {k: fitted(folds != k) for k in np.unique(folds).tolist()}


def _learned_shares(run: Run) -> np.ndarray:
    """The class shares that a network learns of balanced classes when the photographs tell it nothing."""
    even, smoothing = (
        np.full(len(run.class_names), 1 / len(run.class_names)),
        run.recipe.label_smoothing,
    )
    if run.recipe.class_weights != "balanced" or not smoothing:
        return even
    shares = run.shares()
    # Smoothing gives each photograph a little of every class, and weights count that of rare ones more.
    learned = ((1 - smoothing) * shares + smoothing * even) / shares
    return learned / learned.sum()


def stored(run: Run) -> tuple[pd.DataFrame, np.ndarray]:
    """Read what the networks of a run or ensemble made of photographs they did not train on.

    Args:
        run: The run, or an ensemble whose runs are complete.

    Returns:
        The labelled rows of `run.validation`, and (repeats, N, classes), not calibrated.

    Raises:
        UserError: Manifest and predictions do not belong together.

    Example:
        >>> photographs, raw = stored(load("ensembles/first"))
    """
    photographs = run.validation.dropna(subset="label").reset_index(drop=True)
    columns = [f"raw:{name}" for name in run.class_names]
    parts, predicted = [], set()
    for member in run.members:
        with reading(member.path(member.table)):
            table = member.predictions.set_index("path")
            parts.append(table[columns].reindex(photographs["path"]).to_numpy())
            predicted |= set(table.index)
    if predicted != set(photographs["path"]):
        raise UserError(
            f"{run.path('manifest.csv')} and the predictions name other photographs: bring back what was "
            "written, or train again."
        )
    repeats = run.plan["repeats"] if isinstance(run, Ensemble) else 1
    raw = np.array(parts).reshape(repeats, -1, len(photographs), len(columns))
    return photographs, np.nansum(raw, axis=1)  # of each repeat, one run has the photograph


def folds_of(run: Run, photographs: pd.DataFrame) -> np.ndarray:
    """Tell the fold by whose others each photograph is calibrated.

    Args:
        run: The run or ensemble.
        photographs: N rows of `run.validation`, or of their groups, or a table that has `FOLD`.

    Returns:
        (N,) numbers; the groups of a single run are dealt out by their names.

    Example:
        >>> folds_of(run, run.validation).max() < 5
        True
    """
    if FOLD in photographs:
        return photographs[FOLD].to_numpy(int)
    if isinstance(run, Ensemble):
        return photographs["fold"].to_numpy(int)
    names = np.unique(run.validation["group"].to_numpy(str))
    return np.searchsorted(names, photographs["group"].to_numpy(str)) % FOLDS


def _applied(
    of_fold: dict[int, Calibration], run: Run, photographs: pd.DataFrame, raw: np.ndarray
) -> np.ndarray:
    """Take the mean of (repeats, N, classes), and calibrate each photograph by its fold's."""
    folds, result = folds_of(run, photographs), geometric_mean(raw)
    for fold in np.unique(folds).tolist():
        result[folds == fold] = of_fold[fold](result[folds == fold])
    return result
