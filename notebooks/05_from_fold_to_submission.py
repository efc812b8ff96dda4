# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From folds to a submission
#
# The strongest entries of the competition averaged networks trained on different folds. `crossfit` does this with one
# call: three folds here, a run each, calibrated by the photographs that each run did not train on. Their predictions of
# the test photographs are averaged and written as Kaggle expects them.
#
# The photographs here are phantoms (drawn). **For the competition, change the next cell**: `DATA` is Kaggle's folder
# with `train` and `test`, `RECIPE` a network such as `inception`, `FOLDS` 5, `SETTINGS` is empty.

# %%
DATA = None  # None draws phantoms
RECIPE, FOLDS, SEED = "cervixnet2", 3, 0
SETTINGS = [
    "image_size=64",
    "stages.0.steps=240",
    "optimizer.clip_norm=2",
    "validate_every=40",
]

# %%
import numpy as np
import pandas as pd
from pathlib import Path
from PIL import Image

import cervix_tf as cx
from cervix_tf.recipes import load_recipe

WORK = Path("work/submission")
if DATA is None:
    cx.data.phantom(
        WORK / "phantoms",
        per_class=90,
        test=48,
        seed=5,
        sizes=[(240, 320), (320, 240)],
    )
manifest = cx.data.read_manifest(DATA or WORK / "phantoms")
cx.data.summary(manifest)

# %% [markdown]
# ## One run for each fold
#
# Folds are stratified by type, and a patient's photographs are all in one fold. The same call goes on where it was
# stopped.

# %%
ensemble = cx.crossfit(
    manifest,
    load_recipe(RECIPE, [*SETTINGS, f"seed={SEED}"]),
    WORK / "ensemble",
    folds=FOLDS,
    cache="memory",
)
ensemble

# %% [markdown]
# Every labelled photograph was predicted by the run that had trained neither on it nor on others of its patient. These
# predictions give figures for the whole set, with the calibration of each fold fitted on the others.

# %%
figures = ensemble.metrics
what = "phantoms" if DATA is None else "photographs"
print(f"out-of-fold log loss on {figures['photographs']} {what}, seed {SEED}:")
print(f"  calibrated  {figures['log_loss']:.4f}")
print(f"  raw         {figures['raw']['log_loss']:.4f}")
print(f"  class prior {figures['prior']['log_loss']:.4f}")

# %%
Image.open(WORK / "ensemble/plots/reliability.png")

# %%
Image.open(WORK / "ensemble/plots/curves.png")

# %% [markdown]
# ## The test photographs
#
# Each run predicts eight views of each photograph, turned and mirrored, and is calibrated; the runs are averaged.

# %%
test = manifest[manifest["split"] == "test"].reset_index(drop=True)
predictions = cx.predict(ensemble, test, tta=8)
predictions.drop(columns="path").head().round(3)

# %% [markdown]
# ## The CSV
#
# `sample` is Kaggle's `sample_submission.csv`: exactly its names are written, in its order. `floor` is the smallest
# probability written, which limits the cost of a mistake: Kaggle scores 34.5 for a true class at 1e-15.

# %%
sample = None if DATA is None else Path(DATA) / "sample_submission.csv"
sample = sample if sample and sample.is_file() else None
path = cx.inference.write_submission(
    predictions, WORK / "submission.csv", sample=sample, floor=0.01
)
print(*path.read_text().splitlines()[:4], sep="\n")

# %% [markdown]
# The types of the test phantoms are known, so this submission can be scored as Kaggle would score it.

# %%
if DATA is None:
    solution = pd.read_csv(WORK / "phantoms/solution.csv").set_index("image_name")
    submitted = pd.read_csv(path).set_index("image_name")
    classes = ensemble.class_names
    kinds = solution.loc[submitted.index, classes].to_numpy().argmax(axis=1)
    single = [cx.predict(run, test)[classes] for run in ensemble.members]
    losses = [
        cx.evaluation.log_loss(kinds, each) for each in (submitted[classes], *single)
    ]
    print(f"log loss on {len(submitted)} test phantoms: {losses[0]:.4f}")
    print("one run, one view:", ", ".join(f"{loss:.4f}" for loss in losses[1:]))
    uniform = np.ones((len(kinds), len(classes)))
    print(f"uniform: {cx.evaluation.log_loss(kinds, uniform):.4f}")

# %% [markdown]
# Upload it with `kaggle competitions submit intel-mobileodt-cervical-cancer-screening -f FILE -m MESSAGE`; a kernel
# without internet is in `kaggle_submission/`.
