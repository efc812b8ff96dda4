"""What a run begins from: a split, and an untrained network."""

import keras
import pandas as pd

from cervix_tf.data import split
from cervix_tf.data.splits import check_split
from cervix_tf.models import build
from cervix_tf.recipes import Recipe


def divided(manifest: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """The manifest with a split that parts no group: its own, or one drawn by the recipe's seed."""
    if not (manifest["split"] == "validation").any():
        return split(manifest, recipe.validation, recipe.seed)
    undecided = manifest["split"].isna() & manifest["label"].notna()
    manifest = manifest.assign(split=manifest["split"].where(~undecided, "train"))
    check_split(manifest)
    return manifest


def untrained(recipe: Recipe, classes: int) -> keras.Model:
    """Build a recipe's network as training begins with it.

    Args:
        recipe: The recipe.
        classes: How many classes.

    Returns:
        The model, its random weights drawn by the recipe's seed.

    Example:
        >>> untrained(load_recipe("cervixnet2"), 3).output_shape
        (None, 3)
    """
    keras.utils.set_random_seed(recipe.seed)
    return build(
        recipe.model.name,
        classes=classes,
        image_size=recipe.image_size,
        weights=recipe.model.weights,  # when resuming too: stem and value range follow from them
        **recipe.model.options,
    )
