"""An ensemble that nobody trained: one network in all runs, and out-of-fold predictions by hand."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

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
    table = labelled_table(predictions)
    ensemble.write_table("oof.csv", table)
    for fold in (1, 2):
        _as_trained(ensemble, fold, table[table["fold"] == fold].drop(columns="fold"))
    (folder / "report.html").touch()
    return ensemble


def _as_trained(ensemble: Ensemble, fold: int, table: pd.DataFrame) -> None:
    """Give a member the seed and the photographs that it would have from a crossfit."""
    member = Run(ensemble.folder / f"runs/1-{fold}")
    recipe = ensemble.recipe.model_copy(update={"seed": ensemble.recipe.seed + fold - 1})
    photographs = ensemble.manifest.drop(columns="fold")
    photographs.loc[ensemble.manifest["fold"] == fold, "split"] = "validation"
    member.write_inputs(recipe, photographs, ensemble.environment)
    member.write_table("predictions.csv", table)
    with np.load(member.path("references.npz")) as kept:
        references, held_out = kept["references"], np.resize(kept["held_out"], len(table))
    np.savez(member.anew("references.npz"), references=references, held_out=held_out)
