"""Runs that a search or a reproduction finds in its folder: they must be its own."""

import warnings

import pandas as pd

from cervix_tf.errors import UserError
from cervix_tf.models import spec
from cervix_tf.recipes import Recipe
from cervix_tf.runs import Run, fingerprint
from cervix_tf.training.beginnings import divided


def check_recipe(run: Run, recipe: Recipe, mend: str) -> None:
    """Refuse a run of another recipe.

    Args:
        run: A run that has begun.
        recipe: The recipe that it should have.
        mend: What to do, for the error.

    Raises:
        UserError: It has another.
    """
    size = recipe.image_size or spec(recipe.model.name).image_size  # as `fit` fills it in
    wanted = recipe.model_copy(update={"image_size": size})
    if run.recipe.model_dump(mode="json") != wanted.model_dump(mode="json"):
        raise UserError(f"{run.folder} was run with other settings: {mend}.")


def check_data(
    run: Run, recipe: Recipe, manifest: pd.DataFrame, looked: list[str], mend: str
) -> None:
    """Refuse a run of other photographs, or of the same with other labels, groups or sides.

    Args:
        run: A run that has begun.
        recipe: Its recipe, by which sides are drawn.
        manifest: The photographs that it should have, validated.
        looked: What `runs.provenance.samples` gives of them.
        mend: What to do, for the error.

    Raises:
        UserError: It has others.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `fit` has warned of the split
        given = divided(manifest, recipe)
    stored = run.environment["data_fingerprint"]
    content = len(stored) > 16  # earlier versions knew sizes alone
    if fingerprint(given, content, looked if content else None) != stored:
        raise UserError(
            f"{run.folder} was run on other photographs, or with other labels, groups or split: {mend}."
        )
