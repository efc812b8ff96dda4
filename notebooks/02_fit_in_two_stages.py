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
# # Fine-tuning in two stages
#
# A pretrained network is fitted to new photographs in two stages: first its head, the layers that classify, while the
# backbone is frozen; then the whole network. If all were trained at once, the large gradients of the random head would
# first damage what the backbone has learned.
#
# On real photographs the backbone comes from ImageNet. Here a CervixNet-2 trained on other phantoms replaces it, so
# that nothing has to be downloaded. **To fit your photographs, change the next cell**: `DATA` is Kaggle's
# folder, a folder with one subfolder for each class, or a CSV with the columns `path` and `label`.

# %%
DATA = None  # None draws phantoms
REAL = {
    "recipe": "inception",
    "settings": [],
}  # what `fit` is given where DATA is not None

# %%
import pandas as pd
from IPython.display import display
from pathlib import Path
from PIL import Image

import cervix_tf as cx
from cervix_tf.recipes import load_recipe

WORK = Path("work/two-stages")
SIZES = [(240, 320), (320, 240)]
SMALL = ["image_size=64", "optimizer.clip_norm=2"]  # quick on two cores

# %% [markdown]
# ## The pretrained network
#
# A CervixNet-2 from random weights, on 330 phantoms. A recipe holds every setting of a run; `load_recipe` reads one and
# changes some, as `--set` does on the command line.

# %%
if DATA is None:
    plenty = cx.data.phantom(WORK / "plenty", per_class=110, seed=1, sizes=SIZES)
    recipe = load_recipe(
        "cervixnet2", [*SMALL, "stages.0.steps=300", "validation=0.2"]
    )
    pretrained = cx.training.fit(
        plenty, recipe, run=WORK / "pretrained", cache="memory"
    )
    display(pretrained)

# %% [markdown]
# ## The photographs to fine-tune on
#
# Few, and of other patients: 40 of each type, the cervix smaller and off-centre, so that the network has something new
# to learn. A third is used for validation.

# %%
if DATA is None:
    cx.data.phantom(
        WORK / "few",
        per_class=40,
        seed=2,
        sizes=SIZES,
        off_centre=0.15,
        distance=(1.1, 1.8),
    )
manifest = cx.data.read_manifest(DATA or WORK / "few")
cx.data.summary(manifest)

# %% [markdown]
# ## Head first, then all
#
# `stages` is a list: what to train, for how many steps, at what learning rate. The curves mark where training of the
# whole network begins. With ImageNet's weights the head would start at random; here the pretrained network has the same
# three classes, so its head is kept, and the training loss starts below the prior's.

# %%
if DATA is None:
    head = "{train: head, steps: 50, learning_rate: 0.001}"
    whole = "{train: all, steps: 150, learning_rate: 0.0005}"
    two = [
        f"stages=[{head}, {whole}]",
        f"model.weights={WORK / 'pretrained' / 'model.keras'}",
        "validation=0.34",
        "validate_every=25",
    ]
    recipe = load_recipe("cervixnet2", [*SMALL, *two])
else:
    recipe = load_recipe(REAL["recipe"], REAL["settings"])
run = cx.training.fit(manifest, recipe, run=WORK / "fine-tuned", cache="memory")
run

# %%
run.history[
    [
        "step",
        "stage",
        "train",
        "learning_rate",
        "train_loss",
        "validation_loss",
        "validation_accuracy",
    ]
].dropna().round(4)

# %% [markdown]
# ## The same from random weights
#
# As many steps on the same photographs, without the pretrained backbone. Training is solid, validation is dashed.

# %%
if DATA is None:
    scratch = [
        "stages=[{train: all, steps: 200}]",
        "validation=0.34",
        "validate_every=25",
    ]
    random = cx.training.fit(
        manifest,
        load_recipe("cervixnet2", [*SMALL, *scratch]),
        run=WORK / "random",
        cache="memory",
    )
    cx.evaluation.plot_curves([run, random], WORK / "both.png")
    display(Image.open(WORK / "both.png"))

# %%
if DATA is None:
    rows = {"fine-tuned": run, "from random weights": random}
    figures = {name: each.metrics for name, each in rows.items()}
    table = pd.DataFrame(
        {
            "validation log loss": {
                name: f["log_loss"] for name, f in figures.items()
            },
            "95 % interval": {
                name: "{:.3f} to {:.3f}".format(*f["intervals"]["log_loss"])
                for name, f in figures.items()
            },
            "class prior": {
                name: f["prior"]["log_loss"] for name, f in figures.items()
            },
        }
    )
    display(table.round(3))

# %% [markdown]
# These are figures on phantoms: they show how the two stages work and say nothing of patients. The validation
# photographs chose the best weights of each run, and both runs have one seed.
#
# ## Where is it wrong?
#
# Every run draws its most confident mistakes, and its confusion matrix.

# %%
Image.open(run.path("plots/mistakes.png"))

# %%
Image.open(run.path("plots/confusion.png"))

# %% [markdown]
# ## Three lines to use it
#
# A run predicts a folder, a CSV, paths, arrays or PIL images.

# %%
run = cx.load(WORK / "fine-tuned")
cx.predict(run, run.manifest["path"].head(5)).drop(columns="path").round(3)
