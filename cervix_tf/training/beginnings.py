"""What a run begins from: a split, a folder, and when it goes on the same photographs."""

from datetime import datetime
from pathlib import Path

import pandas as pd

from cervix_tf.data import split
from cervix_tf.data.splits import check_split
from cervix_tf.errors import UserError
from cervix_tf.recipes import Recipe
from cervix_tf.runs import Run, fingerprint


def divided(manifest: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """The manifest with a split that parts no group: its own, or one drawn by the recipe's seed."""
    if not (manifest["split"] == "validation").any():
        return split(manifest, recipe.validation, recipe.seed)
    undecided = manifest["split"].isna() & manifest["label"].notna()
    manifest = manifest.assign(split=manifest["split"].where(~undecided, "train"))
    check_split(manifest)
    return manifest


def same_photographs(run: Run) -> None:
    """Refuse to go on where photographs have changed since the run began."""
    try:
        now = fingerprint(run.manifest)
    except FileNotFoundError as error:
        raise UserError(
            f"{error.filename} is gone: bring it back to go on with {run.folder}."
        ) from None
    if now != run.environment["data_fingerprint"]:
        raise UserError(
            f"The photographs have changed since {run.folder} began: bring the old ones back or "
            "train anew."
        )


def new_folder(recipe: Recipe) -> Path:
    """Make a folder that no other fit has, not even one begun in the same second."""
    name = f"{recipe.model.name.replace('keras:', '')}-{datetime.now():%Y%m%d-%H%M%S}"
    folder, again = Path("runs") / name, 1
    while True:
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            again += 1
            folder = Path("runs") / f"{name}-{again}"
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UserError(
                f"{folder} cannot be made: {reason}; name another with --run."
            ) from error
