"""How often a 95 % interval holds the true figure, in simulated studies of patients.

    python -m benchmarks.intervals [--write docs/appendix/intervals.md]

The studies are those of `tests/planted/studies.py`, the truth what 400,000 patients give. It takes about
six minutes on two cores.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.tables import write
from tests.planted.studies import SHOWN, WORLDS, study

NUMBERS = (25, 60, 150)  # patients
NAIVE = 60  # of these, photographs are resampled too


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--studies", type=int, default=400)
    arguments.add_argument("--resamples", type=int, default=400)
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--write", type=Path, help="a page with the markers of this table")
    arguments = arguments.parse_args()
    found = {}
    with ProcessPoolExecutor(arguments.processes) as pool:
        for name, world in WORLDS.items():
            true = world.truth()
            cases = [(number, False) for number in NUMBERS]
            cases += [(NAIVE, True)] if name == next(iter(WORLDS)) else []
            for number, naive in cases:
                work = partial(study, world, true, number, naive, arguments.resamples)
                studies = list(pool.map(work, range(arguments.studies), chunksize=10))
                column = f"{name}, photographs resampled" if naive else name
                for key in SHOWN:
                    found.setdefault((key, column), []).append(summary([s[key] for s in studies]))
    numbers = {
        "Percentage of studies whose interval contains the true value": lambda held, _: (
            f"{100 * held[0]:.0f}"
        ),
        "The same for percentile intervals": lambda held, _: f"{100 * held[1]:.0f}",
        "Mean width": lambda _, width: f"{width[0]:.2f}",
        "Mean width of percentile intervals": lambda _, width: f"{width[1]:.2f}",
    }
    text = "\n\n".join(f"{head}:\n\n{table(found, each)}" for head, each in numbers.items())
    print(text)
    if arguments.write:
        write(arguments.write, "intervals", text)


def summary(studies):
    """How often the intervals of the two kinds hold the truth, of the worst part; how wide they are."""
    held = [np.nanmin(np.nanmean([each[k][0] for each in studies], axis=0)) for k in range(2)]
    return held, [np.nanmean([each[k][1] for each in studies]) for k in range(2)]


def table(found, number):
    """Rows of figures, columns of worlds, in each cell a number for 25, 60 and 150 patients."""
    columns = list(dict.fromkeys(column for _, column in found))
    lines = [f"| figure | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for key, words in SHOWN.items():
        cells = (" / ".join(number(*case) for case in found[key, c]) for c in columns)
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
