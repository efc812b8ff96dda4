"""How often a 95 % interval holds the true figure, in simulated studies of patients.

    python benchmarks/intervals.py [--write docs/evaluation.md]

A patient has one class, 1 to 6 photographs, and a deviation that these share. The truth is what 400,000
patients give. It takes about two minutes on two cores.
"""

import argparse
from pathlib import Path

import numpy as np
from tables import write

from cervix_tf.evaluation import measures
from cervix_tf.evaluation.resampling import percentile_interval, resample
from cervix_tf.evaluation.wording import BY_CLASS, NAMES

NUMBERS = (25, 60, 150)  # patients
NAIVE = 60  # of these, photographs are resampled too


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--studies", type=int, default=300)
    arguments.add_argument("--resamples", type=int, default=500)
    arguments.add_argument("--write", type=Path, help="a page with the markers of this table")
    arguments = arguments.parse_args()
    names = {**NAMES, **BY_CLASS}
    _, label, share = patients(np.random.default_rng(10**6), 400_000)
    true = {name: values[0] for name, values in measures(label, share).items() if name in names}
    columns = {f"{n} patients": (n, False) for n in NUMBERS}
    columns[f"{NAIVE} patients, photographs resampled"] = (NAIVE, True)
    rates = {
        column: covered(true, number, naive, arguments.studies, arguments.resamples)
        for column, (number, naive) in columns.items()
    }
    lines = [f"| figure | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for name, words in names.items():
        words += " (lowest of three classes)" if name in BY_CLASS else ""
        cells = " | ".join(f"{100 * rates[column][name]:.0f} %" for column in columns)
        lines.append(f"| {words} | {cells} |")
    text = "\n".join(lines)
    print(text)
    if arguments.write:
        write(arguments.write, "intervals", text)


def patients(rng, number):
    """Patients who differ in class and in how plainly it shows: groups, labels and probabilities."""
    group = np.repeat(np.arange(number), rng.integers(1, 7, number))
    label = rng.choice(3, number, p=[0.2, 0.5, 0.3])[group]
    logits = 1.2 * np.eye(3)[label] + 0.8 * rng.normal(size=(number, 3))[group]
    share = np.exp(logits + 0.5 * rng.normal(size=(len(group), 3)))
    return group, label, share


def covered(true, number, naive, studies, resamples):
    """In what share of the studies each figure's interval, or that of its worst class, holds it."""
    hits = {name: np.zeros(np.shape(value)) for name, value in true.items()}
    for seed in range(studies):
        group, label, share = patients(np.random.default_rng(seed), number)
        units = np.arange(len(group)) if naive else group
        drawn = resample(units, lambda w, y=label, p=share: measures(y, p, w), seed, resamples)
        for name, value in true.items():
            found = percentile_interval(drawn[name])
            pairs = found if np.ndim(value) else [found]
            # No interval, where a class is absent from the study, does not hold it.
            low, high = np.array([pair or (np.nan, np.nan) for pair in pairs]).T
            hits[name] += ((low <= value) & (value <= high)).reshape(np.shape(value))
    return {name: float(np.min(count)) / studies for name, count in hits.items()}


if __name__ == "__main__":
    main()
