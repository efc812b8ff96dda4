"""The mean of a patient's log probabilities against the mean of the probabilities, paired over patients.

    python -m benchmarks.patients [ensembles/first ensembles/second ...]

Reads the out-of-fold predictions of ensembles; without any it simulates some: patients of one to six
photographs, a network whose logits are three times too large, five folds, calibrated by the others.
Patients whose photographs have different labels are left out, and counted. Intervals are of 95 %, over
patients.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

from benchmarks.calibration import cross_fitted
from cervix_tf.data.manifests import TEXT, class_names, labels, read_table
from cervix_tf.evaluation.intervals.bootstrap import draws
from cervix_tf.evaluation.intervals.rules import studentised_interval
from cervix_tf.evaluation.kaggle_score import row_losses
from cervix_tf.inference import group_means

HEAD = "| data | patients | photographs each | log loss a photograph | mean probability | "
HEAD += "mean log probability | the first less the second |"
SIGNALS = {"little": 0.7, "much": 1.5}
SHARED = {
    "photographs of a patient differ": (0.3, 1.0),
    "photographs of a patient are alike": (1.0, 0.3),
}
Sample = tuple[np.ndarray, np.ndarray, np.ndarray]  # probabilities, targets, groups


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ensembles", type=Path, nargs="*", help="folders that crossfit wrote")
    parser.add_argument("--draws", type=int, default=20, help="of each simulation")
    chosen = parser.parse_args()
    print(HEAD, "|---" * 7 + "|", sep="\n")
    for folder in chosen.ensembles:
        print(row(str(folder), [out_of_fold(folder)]), flush=True)
    if not chosen.ensembles:
        for words, deviations in SHARED.items():
            for much, signal in SIGNALS.items():
                for patients in (25, 100):
                    samples = [
                        simulated(k, patients, signal, *deviations) for k in range(chosen.draws)
                    ]
                    print(row(f"simulated, knows {much}, {words}", samples), flush=True)


def row(name: str, samples: list[Sample]) -> str:
    """Log losses a patient by both means, and their difference with its interval over patients."""
    alone, plain, logs = [], [], []
    for probabilities, targets, groups in samples:
        first = np.unique(groups, return_index=True)[1]
        of_group = targets[np.sort(first)]
        alone.append(row_losses(targets, probabilities).mean())
        plain.append(row_losses(of_group, group_means(probabilities, groups, "probability")))
        logs.append(row_losses(of_group, group_means(probabilities, groups, "log probability")))
    less = np.concatenate(plain) - np.concatenate(logs)
    low, high = studentised_interval(less, np.ones(len(less)), draws(np.arange(len(less))))
    patients, photographs = (
        len(plain[0]),
        np.mean([len(s[1]) / len(p) for s, p in zip(samples, plain, strict=True)]),
    )
    losses = [f"{np.mean(np.concatenate(part)):.4f}" for part in (plain, logs)]
    return (
        f"| {name} | {patients} | {photographs:.1f} | {np.mean(alone):.4f} | {losses[0]} | {losses[1]} | "
        f"{less.mean():+.4f} ({low:+.4f} to {high:+.4f}) |"
    )


def out_of_fold(folder: Path) -> Sample:
    """The calibrated out-of-fold predictions of an ensemble, without patients of several labels."""
    table = read_table(folder / "oof.csv", TEXT)
    classes = class_names(table)
    mixed = table.groupby("group")["label"].transform("nunique") > 1
    if mixed.any():
        print(
            f"{folder}: {table['group'][mixed].nunique()} patients of several labels are left out."
        )
    table = table[~mixed]
    groups = pd.factorize(table["group"])[0]
    return table[classes].to_numpy("float64"), labels(table, classes), groups


def simulated(seed: int, patients: int, signal: float, shared: float, own: float) -> Sample:
    """Out-of-fold predictions of a network that is too sure, calibrated by the other folds."""
    draw = np.random.default_rng(seed)
    shares = np.array([0.6, 0.23, 0.17])
    groups = np.repeat(np.arange(patients), draw.integers(1, 7, patients))
    targets = draw.choice(3, patients, p=shares)[groups]
    noise = shared * draw.normal(size=(patients, 3))[groups]
    noise = noise + own * draw.normal(size=(len(groups), 3))
    logits = 3 * signal * (signal * np.eye(3)[targets] + noise) + np.log(shares)
    raw, folds = softmax(logits, axis=1), groups % 5
    return cross_fitted(raw, targets, groups, folds), targets, groups


if __name__ == "__main__":
    main()
