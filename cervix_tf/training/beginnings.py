"""The split that a run begins from."""

import pandas as pd

from cervix_tf.data import split
from cervix_tf.data.splits import check_split
from cervix_tf.recipes import Recipe


def divided(manifest: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """The manifest with a split that parts no group: its own, or one drawn by the recipe's seed."""
    if not (manifest["split"] == "validation").any():
        return split(manifest, recipe.validation, recipe.seed)
    undecided = manifest["split"].isna() & manifest["label"].notna()
    manifest = manifest.assign(split=manifest["split"].where(~undecided, "train"))
    check_split(manifest)
    return manifest
