"""What a run begins from: a split, an untrained network, its views, and how long its stages are."""

from pathlib import Path

import keras
import pandas as pd

from cervix_tf.data import STILL, RandomView, split
from cervix_tf.data.splits import check_split
from cervix_tf.data.squares import cache_folder
from cervix_tf.errors import UserError
from cervix_tf.models import build, set_trainable
from cervix_tf.recipes import Recipe
from cervix_tf.training.batch_memory import check_batch


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


def trainable(recipe: Recipe, classes: int) -> keras.Model:
    """Build a recipe's network, and find what no stage could do before anything is decoded.

    Args:
        recipe: The recipe.
        classes: How many classes.

    Returns:
        The model, as `untrained` builds it.

    Raises:
        UserError: A batch is too large, or a stage names what the network does not have.

    Example:
        >>> trainable(load_recipe("cervixnet2"), 3).output_shape
        (None, 3)
    """
    model = untrained(recipe, classes)
    check_batch(recipe.batch_size, model.input_shape[1])
    for stage in recipe.stages:
        probing = stage.train == "probe"
        set_trainable(model, "head" if probing else stage.train)
        if probing and not isinstance(model.get_layer("logits"), keras.layers.Dense):
            raise UserError(
                f"{recipe.model.name} cannot begin as a linear probe: its logits are not one dense "
                "layer. Leave out the stage {train: probe}, or take another network."
            )
    return model


def check_beginning(recipe: Recipe, classes: int, cache: str | Path | None) -> None:
    """Find what no fit of a crossfit or search could begin with, before anything of it is written.

    Args:
        recipe: The recipe of one of the fits.
        classes: How many classes.
        cache: Where prepared squares are kept, as `data.prepare` takes it.

    Raises:
        UserError: As of `trainable`, or the cache cannot be written.

    Example:
        >>> check_beginning(load_recipe("cervixnet2"), 3, "memory")
    """
    trainable(recipe, classes)
    keras.backend.clear_session()  # the model is not needed
    if cache not in ("memory", "none"):
        with cache_folder(cache):
            pass


def view_of(recipe: Recipe, size: int) -> RandomView:
    """The layer that makes a network's input of that size as a recipe asks for."""
    options = recipe.augment.model_dump() if recipe.augment else STILL
    jit = None if recipe.jit == "auto" else recipe.jit
    return RandomView(size, seed=recipe.seed, jit=jit, **options)


def stage_lengths(recipe: Recipe, photographs: int) -> list[int]:
    """Optimiser steps of each stage when there are so many training photographs."""
    return [stage.length(photographs, recipe.batch_size) for stage in recipe.stages]
