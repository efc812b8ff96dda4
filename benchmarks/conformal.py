"""How often prediction sets hold the true class, in simulation: the table of docs/sets.md.

The patients, networks and calibration are those of `benchmarks.calibration`. Five folds are calibrated
and their sets made by the other folds, as `crossfit` does; then 400 new patients get sets by all scores.

    python -m benchmarks.conformal
"""

import argparse

import numpy as np

from benchmarks.calibration import SIGNALS, cross_fitted, simulated
from cervix_tf.runs import (
    conformal_threshold,
    cross_fitted_sets,
    fit_calibration,
    prediction_sets,
)

FOLDS = 5


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--level", type=float, default=0.9)
    chosen = parser.parse_args()
    for patients in (25, 60, 150):
        for words, signal in SIGNALS.items():
            rows = [coverages(seed, patients, signal, chosen.level) for seed in range(chosen.draws)]
            of_fold, new, size, likely, of_likely = np.mean(rows, axis=0)
            low, high = np.percentile([row[0] for row in rows], [5, 95])
            print(
                f"| {patients} | {words} | {100 * of_fold:.1f} % | {100 * low:.0f} to {100 * high:.0f} % "
                f"| {100 * new:.1f} % | {size:.2f} | {100 * likely:.1f} % | {of_likely:.2f} |",
                flush=True,
            )


def coverages(seed: int, patients: int, signal: float, level: float) -> tuple[float, ...]:
    """Coverage out of fold; coverage and size on new patients; both of the likeliest classes instead.

    The latter are the fewest classes whose calibrated probabilities sum to the level.
    """
    draw = np.random.default_rng(seed)
    probabilities, targets, groups = simulated(draw, patients, signal)
    others, known, of_known = simulated(draw, 400, signal)
    folds = groups % FOLDS
    calibrated = cross_fitted(probabilities, targets, groups, folds)
    sets = cross_fitted_sets(calibrated, targets, groups, folds, level)
    threshold = conformal_threshold(1 - calibrated[np.arange(len(targets)), targets], groups, level)
    fresh = fit_calibration(probabilities, targets, groups)(others)
    conformal = prediction_sets(fresh, threshold)
    order = np.argsort(-fresh, axis=1)
    before = np.cumsum(np.take_along_axis(fresh, order, 1), axis=1)
    before = np.hstack([np.zeros((len(fresh), 1)), before[:, :-1]])
    likely = np.empty(fresh.shape, bool)
    np.put_along_axis(likely, order, before < level, axis=1)
    return (
        coverage(sets, targets, groups),
        coverage(conformal, known, of_known),
        conformal.sum(axis=1).mean(),
        coverage(likely, known, of_known),
        likely.sum(axis=1).mean(),
    )


def coverage(sets: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> float:
    """Share of photographs whose set holds the class, each patient counting once."""
    held = sets[np.arange(len(targets)), targets]
    return float(np.mean(np.bincount(groups, held) / np.bincount(groups)))


if __name__ == "__main__":
    main()
