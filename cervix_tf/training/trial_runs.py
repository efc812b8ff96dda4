"""The runs of a study's trials: they must be what its storage says, and the search's own."""

import math

import pandas as pd

from cervix_tf.errors import UserError
from cervix_tf.evaluation.estimates import uncalibrated
from cervix_tf.recipes import Recipe
from cervix_tf.runs.file_shapes import read_object
from cervix_tf.training.begun_runs import check_data, check_recipe
from cervix_tf.training.study import Study, TrialState


def check_told(study: Study, base: Recipe, settings: list[str]) -> None:
    """Refuse a study whose complete trials have other settings or figures than their runs.

    A trial whose folder was removed counts as the storage has it; so does a pruned one, which is never
    the best.

    Args:
        study: The study, just opened.
        base: The recipe of the search.
        settings: `KEY=VALUE`, put on before the values of a trial.

    Raises:
        UserError: Storage and runs disagree.
    """
    for trial in study.optuna.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        run = study.run(trial.number)
        if not run.folder.is_dir():
            continue
        mend = f"bring back the run of trial {trial.number}, or {study.where} as it was"
        check_recipe(run, study.space.apply(base, settings, trial.params), mend)
        path = run.file("metrics.json")
        known = uncalibrated(read_object(path))  # without the manifest, which `run.metrics` reads
        told = {"log_loss": trial.value, "accuracy": trial.user_attrs.get("accuracy")}
        for name, value in told.items():
            if value is not None and not math.isclose(known.get(name, math.nan), value):
                raise UserError(
                    f"{study.where} says {name} {value} of trial {trial.number}, {path} another: {mend}."
                )


def check_begun(
    study: Study, number: int, recipe: Recipe, manifest: pd.DataFrame, looked: list[str]
) -> None:
    """Refuse to go on with another run in a trial's place.

    Args:
        study: The study.
        number: The trial's.
        recipe: The trial's.
        manifest: The photographs of the search, validated.
        looked: What `runs.provenance.samples` gives of them.

    Raises:
        UserError: A run is there that is not the trial's.
    """
    run = study.run(number)
    if run.path("recipe.yaml").is_file():
        mend = f"bring back the run of trial {number}, or delete this one, to train it anew"
        check_recipe(run, recipe, mend)
        check_data(run, recipe, manifest, looked, mend)
