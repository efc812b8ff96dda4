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
# # What the network looks at
#
# The report drew saliency maps of CervixNet-1 (Figure 17), found that nearly all pixels were bright, and saw no
# difference between right and wrong answers. Here are four kinds of maps, and a way to measure what they show: a
# phantom comes with the true mask of its transformation zone.
#
# **To explain your run, change the next cell**: `RUN` is a folder that `fit` wrote. To train one on your photographs,
# set `DATA`: Kaggle's folder, a folder with one subfolder for each class, or a CSV.

# %%
RUN = None  # None trains a small network
DATA = None  # None draws phantoms

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display
from pathlib import Path
from PIL import Image

import cervix_tf as cx
from cervix_tf.recipes import load_recipe

WORK = Path("work/explain")
if RUN is None:
    if DATA is None:
        cx.data.phantom(
            WORK / "phantoms", per_class=110, seed=1, sizes=[(240, 320), (320, 240)]
        )
        settings = [
            "image_size=64",
            "stages.0.steps=300",
            "optimizer.clip_norm=2",
            "validation=0.2",
        ]
    else:
        settings = []
    manifest = cx.data.read_manifest(DATA or WORK / "phantoms")
    RUN = cx.training.fit(
        manifest,
        load_recipe("cervixnet2", settings),
        run=WORK / "run",
        cache="memory",
    ).folder
run = cx.load(RUN)
run

# %% [markdown]
# ## Right and wrong, side by side
#
# Photographs that the run classified correctly and others that it got wrong, each with the pixels that the score of the
# true type depends on. Every map has its own colour scale: compare positions, not strengths.

# %%
sheet = cx.explanation.explain(run, photographs=6, out=WORK / "sheet.png")
picture = Image.open(sheet.path)
picture.reduce(max(1, round(picture.width / 1100)))

# %%
sheet.table.drop(columns="path").round(2)

# %% [markdown]
# ## One photograph
#
# `saliency` takes any model and photographs; `overlay` draws a map over the crop that the network saw.

# %%
first, kinds = sheet.images[:1], ["gradient", "smoothgrad", "integrated", "gradcam"]
target = [run.class_names.index(sheet.table["explained"][0])]
figure, axes = plt.subplots(1, 5, figsize=(10, 2.4))
axes[0].imshow(first[0])
axes[0].set_title("what it saw", fontsize=9)
for axis, kind in zip(axes[1:], kinds):
    (one,) = cx.explanation.saliency(run.model, first, target, kind)
    axis.imshow(cx.explanation.overlay(first[0], one))
    axis.set_title(kind, fontsize=9)
for axis in axes:
    axis.axis("off")

# %% [markdown]
# ## Do the maps point at the transformation zone?
#
# The proportion of each map that lies inside the zone, compared with the zone's proportion of the area, which a uniform
# map would reach. Only phantoms come with masks.

# %%
if "tz_mask" in run.manifest:
    validation = run.manifest[run.manifest["split"] == "validation"]
    margin = (run.square_size - run.image_size) // 2
    inside = slice(margin, margin + run.image_size)
    images, zones = (
        np.stack(
            [
                cx.data.read_square(path, run.square_size)[inside, inside]
                for path in validation[column]
            ]
        )
        for column in ("path", "tz_mask")
    )
    zones = zones[..., 0] / 255
    shown = zones.mean(axis=(1, 2)) > 0.005  # a Type 3 zone can be out of sight
    true = [run.class_names.index(label) for label in validation["label"][shown]]
    rows = []
    for kind in kinds:
        maps = cx.explanation.saliency(run.model, images[shown], true, kind)
        mass, area = (
            cx.explanation.mass_inside(maps, zones[shown]).mean(),
            zones[shown].mean(),
        )
        rows.append(
            {
                "method": kind,
                "inside the zone": mass,
                "area of the zone": area,
                "ratio": mass / area,
            }
        )
    print(f"{int(shown.sum())} validation phantoms whose zone can be seen")
    display(pd.DataFrame(rows).round(3))

# %% [markdown]
# A ratio above 1 says that the maps prefer the zone. It does not prove that the network uses it: the zone lies near the
# middle, and maps that prefer the middle reach a higher ratio by that alone. The project's page on explanation measures
# this too, by comparing each map with the zones of other patients.
