"""What calibration does to a network that is too sure, in simulation: the table of docs/crossfit.md.

Patients have a class and two photographs or three; the evidence for the class is Gaussian, common to a
patient's photographs in part, and the network's logits are three times too large.

    python -m benchmarks.calibration
"""

import argparse

import numpy as np
from scipy.special import softmax

from cervix_tf.evaluation import log_loss
from cervix_tf.runs import fit_calibration

SHARES = np.array([0.6, 0.23, 0.17])
SIGNALS = {"nothing": 0.0, "little": 0.7, "much": 1.5, "all": 5.0}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=40)
    chosen = parser.parse_args()
    for patients in (25, 60, 150):
        for words, signal in SIGNALS.items():
            rows = [losses(seed, patients, signal) for seed in range(chosen.draws)]
            figures = " | ".join(f"{loss:.3f}" for loss in np.mean(rows, axis=0))
            print(f"| {patients} | {words} | {figures} |", flush=True)


def losses(seed: int, patients: int, signal: float) -> list[float]:
    """Log losses on 400 other patients: class shares, raw, calibrated, calibrated by these themselves."""
    draw = np.random.default_rng(seed)
    probabilities, targets, groups = simulated(draw, patients, signal)
    others, known, of_known = simulated(draw, 400, signal)
    shares = np.maximum(np.bincount(targets, minlength=3) / len(targets), 1e-3)
    fitted = fit_calibration(probabilities, targets, groups)
    best = fit_calibration(others, known, of_known)
    tried = (np.tile(shares, (len(known), 1)), others, fitted(others), best(others))
    return [log_loss(known, one) for one in tried]


def simulated(draw: np.random.Generator, patients: int, signal: float) -> tuple[np.ndarray, ...]:
    """Probabilities, targets and groups."""
    groups = np.repeat(np.arange(patients), 1 + draw.poisson(1.5, patients))
    targets = draw.choice(3, patients, p=SHARES)[groups]
    noise = 0.8 * draw.normal(size=(patients, 3))[groups]
    noise = noise + 0.6 * draw.normal(size=(len(groups), 3))
    logits = 3 * (signal or 1) * (signal * np.eye(3)[targets] + noise) + np.log(SHARES)
    return softmax(logits, axis=1), targets, groups


def cross_fitted(
    probabilities: np.ndarray, targets: np.ndarray, groups: np.ndarray, folds: np.ndarray
) -> np.ndarray:
    """Calibrate each fold by what is fitted on the others."""
    calibrated = np.empty_like(probabilities)
    for fold in np.unique(folds):
        out = folds == fold
        fitted = fit_calibration(probabilities[~out], targets[~out], groups[~out])
        calibrated[out] = fitted(probabilities[out])
    return calibrated


if __name__ == "__main__":
    main()
