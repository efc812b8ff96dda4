"""Predictions made up for runs that were never trained."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from scipy.special import softmax

from cervix_tf.inference import Predictions
from cervix_tf.runs import Ensemble, Run

CLASSES = ["Type_1", "Type_2", "Type_3"]


def run_of(table: pd.DataFrame, kind: type[Run] = Ensemble) -> Run:
    """A run, or an ensemble, that trained on a table and stores nothing."""

    class Untrained(kind):
        class_names = CLASSES
        manifest = table
        predictions = None
        recipe = SimpleNamespace(seed=0, model=SimpleNamespace(name="untrained"))

    return Untrained(Path("runs/untrained"))


def predicted(
    patients: int = 40, seed: int = 0, signal: float = 1.5, kind: type[Run] = Ensemble
) -> Predictions:
    """Predictions of patients of one to four photographs, of two devices, in five folds."""
    draw = np.random.default_rng(seed)
    group = np.repeat(np.arange(patients), draw.integers(1, 5, patients))
    target = (np.arange(patients) % 3)[group]
    logits = signal * np.eye(3)[target] + draw.normal(size=(len(group), 3))
    names = [f"{k}.jpg" for k in range(len(group))]
    table = pd.DataFrame({
        "image": names, "path": [f"/photographs/{name}" for name in names],
        "label": np.array(CLASSES, object)[target], "group": [f"patient {g}" for g in group],
        "source": "train", "split": "train", "fold": group % 5 + 1,
        "device": np.array([None, "phone", "colposcope"], object)[
            np.where(group == 0, 0, 1 + group % 2)],
    })  # fmt: skip
    squares = np.zeros((len(table), 4, 4, 3), "uint8")
    return Predictions((run_of(table, kind),), table, squares, softmax(logits, axis=1))
