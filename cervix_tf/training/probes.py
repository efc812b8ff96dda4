"""A linear probe as a run: what a frozen network's features are worth, in seconds."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from cervix_tf.recipes import Recipe, load_recipe
from cervix_tf.runs import Run
from cervix_tf.training.trainer import fit


def probe(
    manifest: pd.DataFrame,
    recipe: Recipe | str | dict,
    run: Path | str | None = None,
    views: int = 1,
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Fit a linear probe and write it as a run.

    The network stays as its weights have it; its logits become a logistic regression on its
    features, standardised, the strength of the penalty chosen by inner folds that keep groups whole.

    Args:
        manifest: As `fit` takes it.
        recipe: Network, weights, image size and split, as `fit` takes them; its stages are left out.
        run: As `fit` takes it.
        views: Views of each training photograph, 1 to 8, as `tta` of `predict`.
        cache: As `fit` takes it.
        progress: As `fit` takes it.

    Returns:
        The finished run, like any other.

    Raises:
        UserError: As of `fit`.

    Example:
        >>> probe(read_manifest("data"), "inception").metrics["log_loss"]
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    stages = [{"train": "probe", "views": views}]
    keys = {**recipe.model_dump(mode="json"), "stages": stages}
    return fit(manifest, load_recipe(keys), run, cache, progress=progress)
