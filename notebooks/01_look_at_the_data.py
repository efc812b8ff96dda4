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
# # A look at the data
#
# Before any network is trained: how many photographs of each type there are, what they look like, whether the types
# form clusters, and what is wrong with the files. These are Table 1 and Figures 2 to 4 of the report, and then what
# the report's authors wished they had done: an audit for duplicates and leaks.
#
# The photographs here are phantoms (drawn), so that the notebook runs anywhere. **To look at your photographs, change
# `DATA` in the next cell**: Kaggle's folder, a folder with one subfolder for each class, or a CSV with the columns
# `path` and `label`.

# %%
DATA = None  # None draws phantoms

# %%
import matplotlib.pyplot as plt
import pandas as pd
from pathlib import Path
from PIL import Image

import cervix_tf as cx

WORK = Path("work/look")
if DATA is None:
    sizes = [(240, 320), (320, 240)]
    cx.data.phantom(
        WORK / "phantoms",
        per_class={"Type_1": 40, "Type_2": 120, "Type_3": 70},
        test=30,
        sizes=sizes,
    )
manifest = cx.data.read_manifest(DATA or WORK / "phantoms")

# %% [markdown]
# ## Table 1: how many of each type
#
# A manifest is a pandas table with one row a photograph. In Kaggle's set more than half of the photographs are of
# Type 2 and a sixth of Type 1; the phantoms are drawn in about these proportions.

# %%
cx.data.summary(manifest)

# %% [markdown]
# ## What the photographs look like
#
# `explore` draws everything at once and writes it as PNGs and one page. Here are the samples of each type (Figure 2).

# %%
found = cx.exploration.explore(manifest, WORK / "explore")
Image.open(found["files"]["samples.png"]).reduce(2)

# %% [markdown]
# ## Do the types form clusters?
#
# The report projected the raw pixels on their first two principal components (Figure 3) and the first four by
# t-SNE (Figure 4), and saw no clusters.

# %%
Image.open(found["files"]["pixels_pca.png"])

# %%
Image.open(found["files"]["pixels_tsne.png"])

# %% [markdown]
# A picture can deceive, so here is a number: how often a photograph's nearest neighbour among other patients has the
# same type, compared with how often the commonest type would be right.

# %%
neighbour = found["embeddings"]["pixels"]["neighbour"]
share, low, high = (
    f"{100 * value:.1f}" for value in (neighbour["accuracy"], *neighbour["interval"])
)
print(f"nearest neighbour of another patient: {share} % of the same type")
print(f"95 % interval over patients: {low} to {high} %")
print(f"commonest type: {100 * neighbour['prior']:.1f} %")

# %% [markdown]
# ## What is wrong with the files?
#
# Kaggle's set has empty and truncated files, the same photograph twice with different labels, and test photographs
# that are in the training set too. The phantoms have none of this, so three faults are planted: a mirrored, smaller
# copy of a Type 1 photograph labelled Type 2, a compressed copy of a test photograph among the training ones, and an
# empty file. Nothing in your folders is changed.

# %%
if DATA is None:
    one = Image.open(manifest.loc[manifest["label"] == "Type_1", "path"].iloc[0])
    test = Image.open(manifest.loc[manifest["split"] == "test", "path"].iloc[0])
    mirrored = one.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    mirrored.resize((one.width * 3 // 5, one.height * 3 // 5)).save(
        WORK / "mirrored.jpg"
    )
    test.save(WORK / "leaked.jpg", quality=60)
    (WORK / "empty.jpg").touch()
    names, labels = ["mirrored", "leaked", "empty"], ["Type_2", "Type_3", "Type_1"]
    planted = pd.DataFrame(
        {"path": [f"{name}.jpg" for name in names], "label": labels}
    )
    planted = pd.concat([manifest.drop(columns=["mask", "tz_mask"]), planted])
    planted.to_csv(WORK / "planted.csv", index=False)
    manifest = cx.data.read_manifest(WORK / "planted.csv")

audited = cx.quality.audit(manifest, cache="memory")
pd.options.display.max_colwidth = 100
cx.data.flag_counts(audited)

# %% [markdown]
# `cluster` says which photographs belong together. Below, side by side, are clusters whose labels disagree, and
# clusters that have photographs in both the training set and the test set:


# %%
def side_by_side(table, title, most=6):
    count = min(len(table), most)
    figure, axes = plt.subplots(1, count, figsize=(2.2 * count, 2.9), squeeze=False)
    for axis, row in zip(axes[0], table.to_dict("records")):
        axis.imshow(cx.data.read_square(row["path"], 200))
        label = row["label"] if pd.notna(row["label"]) else "test, no label"
        axis.set_title(f"{row['image']}\n{label}", fontsize=9)
    for axis in axes[0]:
        axis.axis("off")
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()


for flag in ("label conflict", "leak"):
    flagged = audited[audited["flags"].str.contains(flag, na=False)]
    for cluster, members in list(flagged.groupby("cluster"))[:2]:
        side_by_side(members, flag)

# %% [markdown]
# `write_audit_report` makes a page of all findings, on which a person decides what to keep, drop or relabel. It saves
# the decisions as a CSV: `cervix-tf audit --decisions audit.csv` takes them over.

# %%
page = cx.quality.write_audit_report(audited, WORK / "audit.html")
print(f"{page}: {page.stat().st_size / 1e3:.0f} kB, needs no other file")

# %% [markdown]
# ## A split that keeps each patient on one side
#
# Photographs of one patient, and near-duplicates, have the same `group` and stay on one side. Otherwise a network
# could memorise the validation photographs, and its figures would be too good.

# %%
usable = cx.quality.drop_flagged(audited, ["zero bytes", "leak", "label conflict"])
parts = cx.data.split(usable, validation=0.2, seed=1)
pd.crosstab(parts["label"].fillna("no label"), parts["split"])

# %%
sides = parts.groupby("group")["split"].nunique()
print(f"{len(sides)} groups, {(sides > 1).sum()} of them on both sides of the split")
assert sides.max() == 1
