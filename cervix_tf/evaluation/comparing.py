"""Whether runs can be compared, and their curves on one plot."""

import base64
import tempfile
from pathlib import Path

import pandas as pd

from cervix_tf.evaluation.curves import plot_curves
from cervix_tf.runs import Run


def differences(runs: list[Run]) -> list[str]:
    """Say what keeps the figures of runs from being compared.

    Args:
        runs: Finished runs.

    Returns:
        A sentence for each reason; empty where there is none.

    Example:
        >>> differences([load("runs/first"), load("runs/second")])
        []
    """
    found = []
    for name, folder in (("validation", "."), ("test", "test")):
        sets = [
            _evaluated(run.path(f"{folder}/predictions.csv"))
            for run in runs
            if run.path(f"{folder}/predictions.csv").is_file()
        ]
        if len({frozenset(s) for s in sets}) > 1:
            common = len(set.intersection(*sets))
            counts = ", ".join(str(len(s)) for s in sets)
            found.append(
                f"The {name} figures cannot be compared: the runs were evaluated on different "
                f"photographs ({counts}; {common} are common to all)."
            )
    classes = {tuple(run.metrics["classes"]) for run in runs}
    if len(classes) > 1:
        found.append("The runs know different classes.")
    return found


def picture_of_curves(runs: list[Run]) -> str:
    """Plot the runs' curves together, as a PNG in base64."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "curves.png"
        plot_curves(runs, path)
        return base64.b64encode(path.read_bytes()).decode()


def _evaluated(path: Path) -> set[tuple[str, str, str]]:
    """The photographs in a table of predictions, wherever they lie."""
    table = pd.read_csv(path, dtype={"image": str, "label": str, "group": str})
    return set(zip(table["image"], table["label"], table["group"], strict=True))
