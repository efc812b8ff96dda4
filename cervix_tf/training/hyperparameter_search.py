"""Search: many short fits over a space of settings, and the recipe of the best."""

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import keras
import pandas as pd

from cervix_tf.data.manifests import class_names, validated
from cervix_tf.errors import UserError, unknown
from cervix_tf.evaluation.estimates import uncalibrated
from cervix_tf.files import write_csv, write_text
from cervix_tf.given import as_list, as_path, check_whole
from cervix_tf.progress import bar
from cervix_tf.recipes import Recipe, Space, load_space
from cervix_tf.recipes.recipe_files import to_yaml
from cervix_tf.recipes.search_spaces import with_values
from cervix_tf.runs import Run, fingerprint
from cervix_tf.runs.provenance import samples
from cervix_tf.tracking.contents import Contents, Figures, parameters_of
from cervix_tf.tracking.sending import check_tracker, finish, open_tracker
from cervix_tf.training.beginnings import check_beginning, divided
from cervix_tf.training.callbacks import Callbacks, check_maker
from cervix_tf.training.hosts import alone
from cervix_tf.training.leases import LeaseLost
from cervix_tf.training.loop import Diverged
from cervix_tf.training.space_checks import check_space, ends_of
from cervix_tf.training.storages import Database, optuna
from cervix_tf.training.study import SAMPLERS, Claim, Study
from cervix_tf.training.trainer import fit, quiet_fits, resume
from cervix_tf.training.trial_plots import plot_trials
from cervix_tf.training.trial_runs import check_begun, check_told

log = logging.getLogger(__name__)


def search(
    manifest: pd.DataFrame,
    recipe: Recipe | str | dict,
    space: Space | str | Path | Mapping | Iterable[str],
    trials: int | None = None,
    sampler: str = "grid",
    study: Path | str = "study",
    seed: int = 0,
    settings: Iterable[str] = (),
    prune: bool = True,
    cache: str | Path | None = None,
    max_trials: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    storage: str | None = None,
    callbacks: Callbacks = None,
    track: str | None = None,
) -> pd.DataFrame:
    """Fit a recipe with many settings and keep the best.

    A trial is a `fit` in `STUDY/trials/NNN`; its figure is the validation log loss of the weights it
    kept. All trials have one split, the recipe's. The same call in several processes, of one machine or
    of several that share the study's folder, shares the trials out and ends when all are over. A trial
    whose process was killed is resumed from its checkpoint by another, and none is run twice: on the
    same machine at once, on another after two minutes without a sign of life. The study may be gone on
    with under another sampler or for more trials. The grids of the report's sections 6.1 to 6.3 are the
    spaces `6.1`, `6.2` and `6.3`.

    Args:
        manifest: A manifest as `data.read_manifest` gives it.
        recipe: A recipe, the name of one, or its keys.
        space: What varies, as `recipes.load_space` takes it.
        trials: How many trials the study is to have in all; by default the whole grid.
        sampler: `grid` (every combination, in an order drawn by the seed), `random`, or `tpe`, Optuna's
            Tree-structured Parzen Estimator (Bergstra et al. 2011).
        study: The study's folder. It gets `trials.csv`, `trials.png` and `best.yaml`, the recipe with
            the best values and without the space's own `settings`.
        seed: Draws the order or the values, from 0; the trials' own seed is the recipe's.
        settings: `KEY=VALUE` put onto the recipe after the space's settings, as `load_recipe` takes them.
        prune: Whether to end a trial whose best log loss is above the median of the others at the same
            step (after five others, and not at the first validation).
        cache: Where prepared squares are kept, as in `fit`.
        max_trials: How many trials this call runs at most. TensorFlow never gives back what it compiled
            for a trial, some 15 MB with a small network and more with a large one; `cervix-tf search`
            therefore goes on in a fresh process every few trials, which is what this is for.
        progress: Called with the trials begun before and of all; by default a bar on a terminal.
        storage: The URL of a database for Optuna's trials, such as `postgresql://USER@HOST/DATABASE`; the
            runs lie in the study's folder all the same. By default a journal in that folder.
        callbacks: A function that makes a list of `keras.callbacks.Callback` for the run of a trial.
        track: As `fit` takes it; the runs of the trials are parts of the study's.

    Returns:
        A table with one row a trial: `trial` (its number), `state` (complete, pruned, fail, running or
        waiting), `log_loss` (nats; of a pruned trial the last), `accuracy`, `step` (the last validated),
        `seconds`, `run` (its folder) and a column a key of the space.

    Raises:
        UserError: Recipe, space, sampler or photographs are wrong, or the folder holds another search
            or other runs than its trials'; or the storage cannot be reached, or Optuna is not installed.

    Example:
        >>> space = ["model.dropout=[0.3, 0.5]"]
        >>> search(manifest, "cervixnet2", space, study="studies/dropout").nsmallest(1, "log_loss")
    """
    check_maker(callbacks, "search")
    check_tracker(track)
    alone("search", "start it on each, and they share out the trials")
    if sampler not in SAMPLERS:
        raise unknown("sampler", sampler, SAMPLERS)
    check_whole(seed, "seed", 0)
    for name, number in (("trials", trials), ("max_trials", max_trials)):
        if number is not None:
            check_whole(number, name, 1)
    study = as_path(study, "study")
    settings, space = as_list(settings, "settings"), load_space(space)
    base = with_values(recipe, settings, {})
    check_space(space, base, settings)
    if sampler == "grid":
        space.grid()  # a range without points ends here
    if sampler != "grid" and trials is None:
        raise UserError(f"A {sampler} search has no end of its own: give --trials N.")
    manifest = validated(manifest)
    classes = class_names(manifest)  # what cannot be trained is refused here
    if not (study / "study.yaml").is_file():
        values = {key: ends[0] for key, ends in ends_of(space).items()}
        first = space.apply(base, settings, values)
        divided(manifest, first)  # too few groups end here
        check_beginning(first, len(classes), cache)
    looked = samples(manifest)
    same = {
        "recipe": base.model_dump(mode="json"),
        "space": space.model_dump(mode="json"),
        "settings": settings,
        "photographs": fingerprint(manifest, looked=looked),
    }
    database = None if storage is None else Database(storage)
    with database.errors() if database else nullcontext():
        opened = Study(study, space, same, database)
        check_told(opened, base, settings)
        with opened.lock:
            varied = {f"space.{key}": str(values) for key, values in same["space"]["space"].items()}
            tracker = open_tracker(Run(opened.folder), track, {**parameters_of(base), **varied})
        wanted = opened.enqueue_grid(trials, seed) if sampler == "grid" else trials or 0
        with bar("Trials", wanted, progress=progress) as shown:
            for claim in islice(opened.claims(sampler, wanted, seed), max_trials):
                shown(claim.trial.number, wanted, note=f"trial {claim.trial.number}")
                trial_recipe = space.apply(base, settings, claim.values)
                log.info(f"trial {claim.trial.number:03d} of {wanted}: {_worded(claim.values)}")
                try:
                    check_begun(opened, claim.trial.number, trial_recipe, manifest, looked)
                    given = (cache, callbacks, tracker.name if tracker else None)
                    log.info(_run(opened, claim, manifest, trial_recipe, prune, *given))
                except LeaseLost as lost:
                    log.warning(f"Trial {claim.trial.number:03d} {lost}")
                except KeyboardInterrupt:  # the same search goes on, not the fit of one trial
                    raise KeyboardInterrupt from None
                finally:
                    claim.lease.release()  # after an error, too: the trial can be gone on with
                    keras.backend.clear_session()  # collects what is no longer used, too
                _write(opened, base)
        table = _write(opened, base)
    if (table["state"] == "complete").any():
        plot_trials(table, opened.space, opened.folder / "trials.png")
        over = len(table) >= wanted and not table["state"].isin(["waiting", "running"]).any()
        if tracker and over:
            finish(tracker, _best(opened, table))
    return table


def _run(
    study: Study,
    claim: Claim,
    manifest: pd.DataFrame,
    recipe: Recipe,
    prune: bool,
    cache: str | Path | None,
    callbacks: Callbacks,
    track: str | None,
) -> str:
    """Fit one trial, tell its end to the study, and say it in a line."""
    trial, run = claim.trial, study.run(claim.trial.number)
    reported = study.optuna.trials[trial.number].intermediate_values
    study.optuna.pruner = (
        optuna.pruners.MedianPruner(5, n_warmup_steps=recipe.validate_every + 1)
        if prune
        else optuna.pruners.NopPruner()
    )
    began = time.perf_counter()

    def on_validation(step: int, loss: float) -> None:
        claim.lease.check()
        if step not in reported:  # a resumed trial may validate a second time
            trial.report(loss, step)
        if trial.should_prune():
            raise optuna.TrialPruned

    def note(**attributes) -> None:
        before = trial.user_attrs.get("seconds", 0.0)
        attributes["seconds"] = before + time.perf_counter() - began
        for name, value in attributes.items():
            trial.set_user_attr(name, value)

    begun = (run.folder / "recipe.yaml").is_file()
    try:
        with quiet_fits():
            done = (
                resume(run, cache, on_validation, callbacks=callbacks)
                if begun
                else fit(
                    manifest,
                    recipe,
                    run.folder,
                    cache,
                    on_validation,
                    callbacks=callbacks,
                    track=track,
                )
            )
    except optuna.TrialPruned:
        note()
        study.tell(claim, state=optuna.trial.TrialState.PRUNED)
        shutil.rmtree(run.path("checkpoint"), ignore_errors=True)
        last = study.optuna.trials[trial.number].value
        return f"  pruned at validation log loss {last:.4f}"
    except Diverged as error:
        note(reason=str(error))
        study.tell(claim, state=optuna.trial.TrialState.FAIL)
        return f"  failed: {error}"
    figures = uncalibrated(done.metrics)  # as pruning compares them
    note(accuracy=figures["accuracy"])
    study.tell(claim, figures["log_loss"])
    return (
        f"  validation log loss {figures['log_loss']:.4f}  accuracy "
        f"{100 * figures['accuracy']:.1f} %"
    )


def _best(study: Study, table: pd.DataFrame) -> Contents:
    """What a study is tracked by: the figures of its best trial, table, plot and best recipe."""
    best = table[table["state"] == "complete"].nsmallest(1, "log_loss").iloc[0]
    figures: Figures = {
        f"best/{name}": (float(best[name]), None, None) for name in ("log_loss", "accuracy")
    }
    files = [study.folder / name for name in ("trials.csv", "best.yaml")]
    facts = {"best_trial": str(best["trial"]), "split": "validation"}
    return Contents(figures, facts, [study.folder / "trials.png"], files)


def _write(study: Study, base: Recipe) -> pd.DataFrame:
    """Write table and best recipe of all trials so far, of every process."""
    with study.lock:
        table = _table(study)
        write_csv(table, study.folder / "trials.csv")
        complete = table[table["state"] == "complete"]
        if len(complete):
            best = study.optuna.best_trial
            values = best.params
            head = (
                f"# The best of {len(complete)} complete trials: trial {best.number}, validation log "
                f"loss {best.value:.4f}\n#\n# {_worded(values)}\n"
                f"# Command: cervix-tf fit --recipe {study.folder / 'best.yaml'}\n"
            )
            recipe = with_values(base, (), values)
            write_text(study.folder / "best.yaml", head + to_yaml(recipe))
    return table


def _table(study: Study) -> pd.DataFrame:
    rows = []
    for trial in study.optuna.get_trials(deepcopy=False):
        values = trial.params or trial.system_attrs.get("fixed_params", {})
        rows.append(
            {
                "trial": trial.number,
                "state": trial.state.name.lower(),
                "log_loss": trial.value,
                "accuracy": trial.user_attrs.get("accuracy"),
                "step": trial.last_step,
                "seconds": trial.user_attrs.get("seconds"),
                "run": str(study.run(trial.number).folder),
                **{key: values.get(key) for key in study.space.space},
            }
        )
    return pd.DataFrame(rows)


def _worded(values: Mapping) -> str:
    return ", ".join(
        f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in values.items()
    )
