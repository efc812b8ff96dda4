"""Fit: a manifest and a recipe become a run."""

import logging
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from cervix_tf.data import class_names, prepare, split, square_size
from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.data.manifests import validated
from cervix_tf.data.splits import check_split
from cervix_tf.errors import UserError
from cervix_tf.evaluation import figures_of, log_loss, plot_curves, write_evaluation
from cervix_tf.evaluation.report import report
from cervix_tf.explanation import explain
from cervix_tf.inference import probabilities
from cervix_tf.models import build, set_trainable, spec
from cervix_tf.progress import bar
from cervix_tf.recipes import Recipe, load_recipe
from cervix_tf.runs import Run, environment, fingerprint, load
from cervix_tf.training.determinism import repeatable
from cervix_tf.training.loop import Loop, Photographs, stage_lengths


def fit(
    manifest: pd.DataFrame,
    recipe: Recipe | str | dict,
    run: Path | str | None = None,
    resume: bool = False,
    cache: str | Path | None = None,
    say: Callable[[str], None] | None = None,
    on_validation: Callable[[int, float], None] | None = None,
) -> Run:
    """Train a model and write the run: weights, history, predictions, figures, plots and report.

    In this order: the recipe, the weights asked for and every photograph are checked; the stages are
    trained; the weights asked for by the recipe's `keep` are taken; the validation photographs are
    predicted and evaluated. Where the manifest has validation photographs they are used, else the
    recipe's share of the labelled ones is split off by group. One seed, the recipe's, determines
    split, order, views and initial weights.

    Args:
        manifest: A manifest as `data.read_manifest` gives it.
        recipe: A recipe, the name of one, or its keys.
        run: The run folder; by default `runs/MODEL-DATE-TIME`. It must not hold a run yet.
        resume: Go on with the run in `run` from its last checkpoint, with the manifest, the recipe and
            the seed it was begun with; it ends with the weights of an uninterrupted run.
        cache: Where prepared squares are kept, as `data.prepare` takes it.
        say: Called with a line on each thing a person would want to know; silent by default.
        on_validation: Called with step and validation log loss after every validation. What it raises
            ends the fit, which can be resumed.

    Returns:
        The finished run.

    Raises:
        UserError: Something in recipe, photographs, weights or folder is wrong; nothing is written
            before training starts.

    Example:
        >>> fit(read_manifest("data"), "cervixnet2", run="runs/second").metrics["log_loss"]
    """
    say = say or logging.getLogger(__name__).info
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    if resume:
        if not run:
            raise UserError("To resume, name the run folder to go on with.")
        began = load(run)
        if began.complete:
            say(f"{run} is complete: nothing is left to train.")
            return began
        _same_photographs(began)
        recipe, manifest = began.recipe, began.manifest
    elif run and (Path(run) / "recipe.yaml").exists():
        raise UserError(f"{run} holds a run already: choose another --run, or --resume {run}.")

    # What is to be learned from, and with what ------------------------------------------------------
    keras.utils.set_random_seed(recipe.seed)
    manifest = manifest if resume else _divided(validated(manifest, "the manifest"), recipe)
    classes = class_names(manifest)
    size = recipe.image_size or spec(recipe.model.name).image_size
    recipe = recipe.model_copy(update={"image_size": size})
    model = build(
        recipe.model.name,
        classes=len(classes),
        image_size=size,
        weights=recipe.model.weights,  # when resuming too: stem and value range follow from them
        **recipe.model.options,
    )
    for stage in recipe.stages:
        set_trainable(model, stage.train)  # an unknown layer ends here, not after the first stage
    sides = manifest[manifest["split"].isin(["train", "validation"]) & manifest["label"].notna()]
    sides = sides.reset_index(drop=True)
    with bar("Decoding", len(sides)) as progress:
        squares = prepare(sides, square_size(size), cache, progress, crop=recipe.crop)
    true = class_indices(sides, classes)
    training, validation = (
        Photographs(squares.array[rows], true[rows])
        for rows in ((sides["split"] == s).to_numpy().nonzero()[0] for s in ("train", "validation"))
    )

    # Training ---------------------------------------------------------------------------------------
    begun = Run(Path(run) if run else _new_folder(recipe))
    if not resume:
        begun.write_inputs(recipe, manifest, environment(manifest, recipe.seed))
    total = sum(stage_lengths(recipe, len(training.labels)))
    say(
        f"{recipe.model.name} at {size} x {size}: {len(training.labels)} training and "
        f"{len(validation.labels)} validation photographs, {total} steps of {recipe.batch_size} on "
        f"{', '.join(begun.environment['devices'])}"
    )
    loop = Loop(model, recipe, begun, training, validation, on_validation)
    with bar("Training", total) as progress, repeatable():
        loop.train(progress, resume)
    say(
        f"The step alone makes {loop.rate('step'):.1f} images/s, with the pipeline "
        f"{loop.rate('all'):.1f}. Best validation at step {loop.state.best_step}."
    )

    # Figures ----------------------------------------------------------------------------------------
    begun.write_history(loop.state.history)
    begun.write_model(model, classes)
    chosen = sides[sides["split"] == "validation"].reset_index(drop=True)
    share = probabilities(model, validation.squares)
    _evaluated(begun, chosen, validation.labels, share, _on_training(model, training))
    shutil.rmtree(begun.path("checkpoint"), ignore_errors=True)
    return load(begun.folder)


def resume(run: Path | str, cache: str | Path | None = None, say: Callable | None = None) -> Run:
    """Go on with a run that was killed, from its last checkpoint.

    Args:
        run: The run folder.
        cache: As in `fit`.
        say: As in `fit`.

    Returns:
        The finished run, with the weights of an uninterrupted one.

    Raises:
        UserError: The folder is not a run, or its photographs have changed or gone.

    Example:
        >>> resume("runs/first")
    """
    begun = load(run)
    return fit(begun.manifest, begun.recipe, run=run, resume=True, cache=cache, say=say)


def _on_training(model: keras.Model, training: Photographs, most: int = 512) -> dict:
    """Log loss and accuracy of training photographs, evenly chosen, centre crops as in validation."""
    count = len(training.labels)
    taken = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
    labels, share = training.labels[taken], probabilities(model, training.squares[taken])
    return {
        "log_loss": log_loss(labels, share),
        "accuracy": float((share.argmax(axis=1) == labels).mean()),
        "photographs": len(taken),
    }


def _evaluated(
    run: Run, chosen: pd.DataFrame, true: np.ndarray, share: np.ndarray, training: dict
) -> None:
    """Write predictions, figures, plots and, last, the report that marks the run as complete."""
    figures = {**figures_of(run, chosen, true, share, "validation"), "training": training}
    write_evaluation(run, run.folder, chosen, share, figures)
    plot_curves(run, run.path("plots/curves.png"))
    explain(run, methods=("gradient", "gradcam"), photographs=6)
    report(run)


def _divided(manifest: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """The manifest with a split that parts no group: its own, or one drawn by the recipe's seed."""
    if not (manifest["split"] == "validation").any():
        return split(manifest, recipe.validation, recipe.seed)
    undecided = manifest["split"].isna() & manifest["label"].notna()
    manifest = manifest.assign(split=manifest["split"].where(~undecided, "train"))
    check_split(manifest)
    return manifest


def _same_photographs(run: Run) -> None:
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


def _new_folder(recipe: Recipe) -> Path:
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
