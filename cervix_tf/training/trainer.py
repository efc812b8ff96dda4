"""Fit: a manifest and a recipe become a run."""

import logging
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from cervix_tf.data import SquareRows, class_names, prepare, square_size
from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.data.manifests import validated
from cervix_tf.errors import UserError
from cervix_tf.evaluation import log_loss, metrics_of, plot_curves, write_evaluation
from cervix_tf.evaluation.report import report
from cervix_tf.explanation import explain
from cervix_tf.given import as_path
from cervix_tf.inference import Predictions, calibrated, probabilities
from cervix_tf.inference.familiarity import evenly_chosen, write_references
from cervix_tf.models import spec
from cervix_tf.progress import bar
from cervix_tf.recipes import Recipe, load_recipe
from cervix_tf.runs import Calibration, Run, environment, load
from cervix_tf.runs.claims import check_free, claimed, new_folder
from cervix_tf.runs.provenance import check_photographs, samples, warn_of_copies, with_content
from cervix_tf.tracking.contents import parameters_of
from cervix_tf.tracking.sending import CARD, check_tracker, open_tracker, track, tracked
from cervix_tf.training.beginnings import divided, stage_lengths, trainable
from cervix_tf.training.callbacks import Callbacks, callbacks_of, check_callbacks
from cervix_tf.training.determinism import repeatable
from cervix_tf.training.devices import LOST, Asked, Devices, devices_of
from cervix_tf.training.hosts import hosts_of
from cervix_tf.training.loop import LabelledSquares, Loop
from cervix_tf.training.shares import FIGURES, rows_here

log = logging.getLogger(__name__)


def fit(
    manifest: pd.DataFrame,
    recipe: Recipe | str | dict,
    run: Path | str | None = None,
    cache: str | Path | None = None,
    on_validation: Callable[[int, float], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    devices: Asked = None,
    callbacks: Callbacks = None,
    track: str | None = None,
) -> Run:
    """Train a model and write the run: weights, history, predictions, figures, plots and report.

    In this order: the recipe, the weights asked for and every photograph are checked; the stages are
    trained; the weights asked for by the recipe's `keep` are taken; the validation photographs are
    predicted, calibrate the run and are evaluated, each group calibrated by others alone. Where the
    manifest has validation photographs they are used, else the recipe's share of the labelled ones is
    split off by group. One seed, the recipe's, determines split, order, views and initial weights.

    Args:
        manifest: A manifest as `data.read_manifest` gives it.
        recipe: A recipe, the name of one, or its keys.
        run: The run folder; by default `runs/MODEL-DATE-TIME`. It must not hold a run yet.
        cache: Where prepared squares are kept, as `data.prepare` takes it.
        on_validation: Called with step and validation log loss after every validation. What it raises
            ends the fit, which can be resumed.
        progress: Called with the steps done and of all; by default a bar on a terminal.
        devices: What shares each batch: `"all"`, how many, or numbers such as `[0, 2]`, of the GPUs, or
            without any of TensorFlow's CPU devices; `"hosts"`: all of the hosts that `TF_CONFIG` or
            Slurm names. None for one, or for all hosts where `TF_CONFIG` names several.
        callbacks: A list of `keras.callbacks.Callback`, or a function of the run that makes it. An epoch
            is what lies between two validations.
        track: `tensorboard` or `mlflow`: where parameters, curves, figures, plots and report go as well;
            a resumed run goes on in the same place.

    Returns:
        The finished run.

    Raises:
        UserError: Something in recipe, photographs, weights or folder is wrong; nothing is written
            before training starts.

    Example:
        >>> fit(read_manifest("data"), "cervixnet2", run="runs/second").metrics["log_loss"]
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    check_callbacks(callbacks)
    check_tracker(track)
    run = None if run is None else as_path(run, "run")
    hosts = hosts_of(devices)
    if hosts.count > 1 and run is None:
        raise UserError(f"{hosts.count} hosts write one run: name its folder with --run.")
    if run and hosts.chief:
        check_free(run)
    size = recipe.image_size or spec(recipe.model.name).image_size
    recipe = recipe.model_copy(update={"image_size": size})
    team = devices_of(devices)
    team.check(recipe)
    manifest = divided(validated(manifest), recipe)
    begun = Run(run or new_folder(recipe.model.name))
    with claimed(begun.folder) if hosts.chief else nullcontext(), _together(team, run):
        if hosts.chief:
            check_free(begun.folder)  # another process may have been faster
        model, sides, squares = _prepared(manifest, recipe, cache, team)
        if hosts.chief:
            shutil.rmtree(begun.path("checkpoint"), ignore_errors=True)  # of a run deleted in part
            open_tracker(begun, track, parameters_of(recipe))
            looked = samples(manifest)
            warn_of_copies(manifest, looked)
            noted = environment(manifest, recipe.seed, looked)
            begun.write_inputs(recipe, with_content(manifest, looked), noted)
            del looked  # not needed while it trains
        with _resumable(begun):
            return _trained(begun, model, sides, squares, on_validation, progress, team, callbacks)


def resume(
    run: Run | Path | str,
    cache: str | Path | None = None,
    on_validation: Callable[[int, float], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    devices: Asked = None,
    callbacks: Callbacks = None,
) -> Run:
    """Go on with a run that was killed, from its last checkpoint.

    Manifest, recipe and seed are those it was begun with.

    Args:
        run: A run or its folder.
        cache: As in `fit`.
        on_validation: As in `fit`.
        progress: As in `fit`.
        devices: As in `fit`; another number than the run was begun with gives the same weights but for
            the order of sums, dropout's draws, and BatchNorm's statistics unless synchronised.
        callbacks: As in `fit`; the first epoch is that of the checkpoint.

    Returns:
        The finished run, with the weights of an uninterrupted one.

    Raises:
        UserError: The folder is not a run, or its photographs have changed or gone.

    Example:
        >>> resume("runs/first")
    """
    begun = load(run)
    team = devices_of(devices)
    team.check(begun.recipe)
    claim = nullcontext() if begun.complete or not team.hosts.chief else claimed(begun.folder)
    with claim:
        if begun.complete:
            log.info(f"{begun.folder} is complete: nothing is left to train.")
            if begun.has(CARD):
                track(begun)
            return begun
        check_photographs(begun.manifest, begun.environment["data_fingerprint"], begun.folder)
        with _together(team, begun.folder), _resumable(begun):
            prepared = _prepared(begun.manifest, begun.recipe, cache, team)
            return _trained(begun, *prepared, on_validation, progress, team, callbacks)


@contextmanager
def _resumable(run: Run) -> Iterator[None]:
    """Ctrl+C from here on says how the run goes on."""
    try:
        yield
    except KeyboardInterrupt:
        command = shlex.join(["cervix-tf", "fit", "--resume", str(run.folder)])
        raise KeyboardInterrupt(f"go on with {command}") from None


@contextmanager
def quiet_fits() -> Iterator[None]:
    """Leave out what each fit logs: a search or crossfit has lines of its own."""
    fits = logging.getLogger("cervix_tf.training")
    level = fits.level
    fits.setLevel(logging.WARNING)
    try:
        yield
    finally:
        fits.setLevel(level)


@contextmanager
def _together(team: Devices, run: Path | str | None) -> Iterator[None]:
    """Train on these devices; of several hosts only the chief logs, and all end where one has gone."""
    with team.scope(), team.watched(run or ""), nullcontext() if team.hosts.chief else quiet_fits():
        yield


def _prepared(
    manifest: pd.DataFrame, recipe: Recipe, cache: str | Path | None, team: Devices
) -> tuple[keras.Model, pd.DataFrame, SquareRows]:
    """Build the model, and decode the labelled photographs of both sides; mistakes end here."""
    model = trainable(recipe, len(class_names(manifest)))
    sides = manifest[manifest["split"].isin(["train", "validation"]) & manifest["label"].notna()]
    sides = sides.reset_index(drop=True)
    splits, targets = sides["split"].to_numpy(), class_indices(sides, class_names(manifest))
    steps = sum(stage_lengths(recipe, (splits == "train").sum()))
    here = rows_here(splits, targets, recipe, team, steps)
    if team.hosts.count > 1:
        table = sides[["image", "label", "group", "split"]]
        team.agree("recipe or photographs", f"{recipe!r} {table.to_csv()}")
    with bar("Decoding", len(here)) as progress:
        side = square_size(model.input_shape[1])
        needed = sides.iloc[here].reset_index(drop=True)
        squares = prepare(needed, side, cache, progress, crop=recipe.crop)
    return model, sides, SquareRows.of_part(squares.array, here, len(sides))


def _trained(
    run: Run,
    model: keras.Model,
    sides: pd.DataFrame,
    squares: SquareRows,
    on_validation: Callable[[int, float], None] | None,
    progress: Callable[[int, int], None] | None,
    team: Devices,
    callbacks: Callbacks,
) -> Run:
    """Train a run that has begun, from its last checkpoint if it has one, and write all it holds."""
    team.wait()  # for the chief, which writes what the others read
    recipe, classes = run.recipe, class_names(run.manifest)
    targets, splits = class_indices(sides, classes), sides["split"].to_numpy()
    groups = sides["group"].to_numpy()
    training, validation = (
        LabelledSquares(SquareRows(squares, rows), targets[rows], groups[rows])
        for rows in (np.flatnonzero(splits == side) for side in ("train", "validation"))
    )
    total = sum(stage_lengths(recipe, len(training.labels)))
    log.info(
        f"{recipe.model.name} at {recipe.image_size} x {recipe.image_size}: "
        f"{len(training.labels)} training and {len(validation.labels)} validation photographs, "
        f"{total} steps of {recipe.batch_size} on {', '.join(run.environment['devices'])}"
        + (f", shared by {team.count} devices" if team.count > 1 else "")
        + (f" of {team.hosts.count} hosts" if team.hosts.count > 1 else "")
    )
    called = callbacks_of(callbacks, run)

    def validated(step: int, loss: float) -> None:
        if tracker:
            tracker.send(loop.state.history)
        if on_validation:
            on_validation(step, loss)

    with tracked(run) if team.hosts.chief else nullcontext() as tracker:
        loop = Loop(model, recipe, run, training, validation, validated, team, called)
        with bar("Training", total, progress=progress) as shown, repeatable():
            loop.train(shown)
        if loop.timed:  # a probe takes no step
            log.info(
                f"The step alone makes {loop.rate('step'):.1f} images/s, with the pipeline "
                f"{loop.rate('all'):.1f}. Best validation at step {loop.state.best_step}."
            )
        if team.hosts.chief:
            _written(loop, run, model, sides, classes)
    with suppress(*LOST) if team.hosts.chief else nullcontext():  # all is written
        team.wait()
    trained = load(run.folder)
    vars(trained)["manifest"] = run.manifest  # it need not be read back
    return trained


def _written(
    loop: Loop, run: Run, model: keras.Model, sides: pd.DataFrame, classes: list[str]
) -> None:
    """Write all that a trained run holds."""
    training, validation = loop.training, loop.validation
    run.write_history(loop.state.history)
    run.write_model(model, classes)
    write_references(run, model, training.squares, validation.squares)
    photographs = sides[sides["split"] == "validation"].reset_index(drop=True)
    raw = loop.probabilities
    raw = probabilities(model, validation.squares) if raw is None else raw
    calibration, by_others = calibrated(run, photographs, raw[None])
    run.write_json("calibration.json", calibration.as_dict())
    _evaluated(
        Predictions((run,), photographs, validation.squares, by_others, raw=raw),
        _on_training(model, training, calibration),
    )
    shutil.rmtree(run.path("checkpoint"), ignore_errors=True)


def _on_training(model: keras.Model, training: LabelledSquares, calibration: Calibration) -> dict:
    """Log loss and accuracy of training photographs, evenly chosen, centre crops as in validation."""
    rows = evenly_chosen(len(training.labels), FIGURES)
    targets = training.labels[rows]
    predicted = calibration(probabilities(model, SquareRows(training.squares, rows)))
    return {
        "log_loss": log_loss(targets, predicted),
        "accuracy": float((predicted.argmax(axis=1) == targets).mean()),
        "photographs": len(rows),
    }


def _evaluated(predictions: Predictions, training: dict) -> None:
    """Write predictions, figures, plots and, last, the report that marks the run as complete."""
    run = predictions.run
    figures = {**metrics_of(predictions, "validation"), "training": training}
    write_evaluation(predictions, figures, run.folder)
    plot_curves(run, run.path("plots/curves.png"))
    explain(predictions, methods=("gradient", "gradcam"), photographs=6)
    report(run)
