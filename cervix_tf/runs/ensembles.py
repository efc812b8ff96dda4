"""The folder of an ensemble of runs, and opening either kind of folder."""

import functools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cervix_tf.data.manifests import TEXT
from cervix_tf.data.tables import read_table
from cervix_tf.errors import UserError
from cervix_tf.given import as_path
from cervix_tf.runs.file_shapes import damaged, read_columns, read_object
from cervix_tf.runs.folders import Run

if TYPE_CHECKING:
    import keras

ENSEMBLE = "crossfit.json"  # its folds and repeats; marks a folder as an ensemble
MOST = 10_000  # runs of one ensemble


class Ensemble(Run):
    """The folder of a `crossfit`: a run a fold, their out-of-fold predictions and calibration.

    Its `manifest` has a column `fold` from 1, and all that was divided into folds trained some run;
    `predictions` and `metrics` are of the photographs as the runs that did not train on them see them.

    Attributes:
        folder: Where the ensemble lies.

    Example:
        >>> [run.metrics["log_loss"] for run in load("ensembles/first").members]
    """

    table = "oof.csv"

    @functools.cached_property
    def members(self) -> tuple[Run, ...]:
        """The runs, one a fold, those of the first repeat first."""
        return tuple(
            Run(self.path(f"runs/{repeat}-{fold}"))
            for repeat in range(1, self.plan["repeats"] + 1)
            for fold in range(1, self.plan["folds"] + 1)
        )

    @functools.cached_property
    def plan(self) -> dict[str, Any]:
        """Number of `folds` and of `repeats`."""
        path = self.file(ENSEMBLE)
        plan = read_object(path)
        folds, repeats = plan["folds"], plan["repeats"]
        if min(folds, repeats) < 1 or folds * repeats > MOST:
            raise damaged(path, f"its folds and repeats are {folds} and {repeats}"[:80])
        return plan

    @property
    def validation(self) -> pd.DataFrame:
        """All photographs that were divided into folds, rows of `manifest`."""
        return self.manifest[self.manifest["fold"].notna()]

    def check_members(self) -> None:
        """Refuse another run in the place of a member: it would predict without a word.

        A member is known by its recipe, of which the seed counts up, and by the photographs of its fold.

        Raises:
            UserError: A member is missing, or is another run.
        """
        with_photographs = self.has("manifest.csv")  # a card has none
        for number, member in enumerate(self.members):
            if not member.path("recipe.yaml").is_file():
                raise UserError(
                    f"{member.folder} is gone: repeat the same cervix-tf crossfit, which trains it "
                    "again, or bring it back."
                )
            own = self.recipe.model_copy(update={"seed": self.recipe.seed + number})
            if member.recipe != own or (with_photographs and not self._is_of_fold(number)):
                raise UserError(
                    f"{member.folder} is another run than this crossfit trained: bring that back, or "
                    "delete it and repeat the same cervix-tf crossfit."
                )

    def _is_of_fold(self, number: int) -> bool:
        """Whether a member validated on the photographs of its fold; the table has those of repeat 1."""
        folds, known, member = self.plan["folds"], self.validation, self.members[number]
        # Its predictions have a part of the rows of its manifest.
        file = member.file(member.table)
        found = set(read_columns(file, lambda table: read_table(table, TEXT), ["path"])["path"])
        if number < folds:
            return found == set(known["path"][known["fold"] == number + 1])
        return found <= set(known["path"])

    @property
    def how_to_go_on(self) -> str:
        """What to do with an ensemble whose runs are not all complete."""
        return "go on with the same cervix-tf crossfit"

    @property
    def card(self) -> dict[str, Any]:
        """What predicting needs to know, the same for every run of it."""
        return self.members[0].card

    @property
    def model(self) -> "keras.Model":
        """An ensemble has no model of its own: its `members` have."""
        raise AttributeError("An ensemble has no model of its own: take those of its members.")


def load(run: Run | Path | str) -> Run:
    """Open a run folder, or an ensemble's.

    Args:
        run: The folder that `fit` or `crossfit` wrote, or a run already open.

    Returns:
        The run; its model is loaded when it is first asked for.

    Raises:
        UserError: The folder does not exist or is not a run, or is an ensemble that is not complete,
            or of which a member is missing or another run.

    Example:
        >>> load("runs/first").metrics["log_loss"]
    """
    if isinstance(run, Run):
        return run
    if not isinstance(run, str | os.PathLike):
        raise UserError(
            f"A {type(run).__name__} is no run: give the folder that fit or crossfit wrote."
        )
    folder = as_path(run, "run")
    if not folder.is_dir():
        raise UserError(f"The run folder {folder} does not exist.")
    if not (folder / "recipe.yaml").is_file():
        raise UserError(
            f"{folder} is not a run: it has no recipe.yaml. Give a folder that fit wrote."
        )
    if not Run(folder).has(ENSEMBLE):
        return Run(folder)
    ensemble = Ensemble(folder)
    if not ensemble.complete:
        raise UserError(f"{folder} is not complete: {ensemble.how_to_go_on}.")
    ensemble.check_members()
    return ensemble


def check_each_once(runs: Iterable[Any]) -> None:
    """Refuse a run, or an exported file, that is given twice, under whatever name: it would count twice.

    Args:
        runs: Runs, or their places.

    Raises:
        UserError: One is there twice.

    Example:
        >>> check_each_once(["runs/first", "runs/second"])
    """
    seen: set[str] = set()
    for run in runs:
        place = run.folder if isinstance(run, Run) else run
        if not isinstance(place, str | os.PathLike):
            continue  # what it is instead is told where it is opened
        if (real := os.path.realpath(place)) in seen:
            raise UserError(f"{place} is given twice: give every run once.")
        seen.add(real)
