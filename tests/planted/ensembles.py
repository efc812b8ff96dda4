"""An ensemble that nobody trained: copies of one run, and out-of-fold predictions by hand."""

import shutil
from pathlib import Path

import numpy as np

from cervix_tf.evaluation.outputs import labelled_table
from cervix_tf.inference import Predictions
from cervix_tf.runs import Calibration, Ensemble, Run


def ensemble_of(run: Run, folder: Path, groups: int = 12, seed: int = 0) -> Ensemble:
    """Plant an ensemble of two folds; its labelled photographs are dealt to so many groups."""
    labelled = run.manifest.dropna(subset="label").reset_index(drop=True)
    number = np.arange(len(labelled)) % groups
    photographs = labelled.assign(
        group=[f"patient {k}" for k in number], fold=number % 2 + 1, split="train"
    )
    ensemble = Ensemble(folder)
    for name in ("1-1", "1-2"):
        shutil.copytree(run.folder, folder / "runs" / name)
    ensemble.write_inputs(run.recipe, photographs, run.environment)
    ensemble.write_json("crossfit.json", {"folds": 2, "repeats": 1})
    ensemble.write_json("calibration.json", Calibration(0.5, (0.0, 0.0, 0.0), 36, groups).as_dict())
    made, raw = np.random.default_rng(seed).dirichlet([1, 1, 1], (2, len(photographs)))
    squares = np.zeros((len(photographs), 36, 36, 3), "uint8")
    predictions = Predictions((ensemble,), photographs, squares, made, raw=raw)
    ensemble.write_table("oof.csv", labelled_table(predictions))
    (folder / "report.html").touch()
    return ensemble
