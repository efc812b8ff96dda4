"""Crossfit: a run a patient fold, and of these an ensemble whose probabilities can be trusted."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import pandas as pd

from cervix_tf.data import folds as divided
from cervix_tf.data import prepare
from cervix_tf.data.manifests import class_names, validated
from cervix_tf.errors import UserError
from cervix_tf.evaluation.estimates import metrics_of, uncalibrated
from cervix_tf.evaluation.learning_curves import plot_curves
from cervix_tf.evaluation.outputs import write_evaluation
from cervix_tf.evaluation.report import report
from cervix_tf.files import disk_errors
from cervix_tf.given import as_path, check_whole
from cervix_tf.inference import Predictions, calibrated
from cervix_tf.inference.out_of_fold import stored
from cervix_tf.models import spec
from cervix_tf.progress import bar
from cervix_tf.recipes import Recipe, load_recipe
from cervix_tf.runs import Ensemble, Run, environment, fingerprint, geometric_mean
from cervix_tf.runs.checked_folder import TABLE
from cervix_tf.runs.claims import is_claimed
from cervix_tf.runs.ensembles import ENSEMBLE
from cervix_tf.runs.provenance import samples, warn_of_copies, with_content
from cervix_tf.tracking.contents import parameters_of
from cervix_tf.tracking.sending import check_tracker, open_tracker
from cervix_tf.tracking.sending import track as send
from cervix_tf.training.beginnings import check_beginning, untrained
from cervix_tf.training.callbacks import Callbacks, check_maker, unswayed
from cervix_tf.training.devices import Asked, devices_of
from cervix_tf.training.hosts import alone
from cervix_tf.training.leases import Lease, LeaseLost, check_ours
from cervix_tf.training.linear_probe import out_of_fold
from cervix_tf.training.trainer import fit, quiet_fits, resume

log = logging.getLogger(__name__)
WAIT = 1.0  # seconds between two looks at folds that other processes train
# What a kill may leave of a crossfit that has not begun.
_UNMARKED = {"locks", "manifest.csv", "environment.json", "recipe.yaml", TABLE}


def crossfit(
    manifest: pd.DataFrame,
    recipe: Recipe | str | dict,
    out: Path | str,
    folds: int = 5,
    repeats: int = 1,
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    devices: Asked = None,
    callbacks: Callbacks = None,
    track: str | None = None,
) -> Ensemble:
    """Train a run a fold, and make an ensemble of them with out-of-fold figures and a calibration.

    The labelled photographs are divided into folds that keep a group (patient) whole, stratified by
    class; each run trains on all folds but one and predicts that one. All photographs train, and all
    are predicted by runs that never saw them or others of the same patient. These out-of-fold
    probabilities give the figures, and the calibration of the ensemble; the calibration of the figures
    comes from the other folds. The same call goes on after a kill; in several processes, of one machine
    or of several that share the folder `out`, it shares the folds out. A fold whose process was killed
    is gone on with by another: on the same machine at once, on another after two minutes without a sign
    of life. Either way the ensemble is the same.

    Every run ends with its last weights (`keep: last`) and without `patience`: weights chosen by the very
    photographs that give the figures would make these too good.

    Args:
        manifest: A manifest as `data.read_manifest` gives it; photographs of its split `test`, and those
            without a label, stay out.
        recipe: A recipe, the name of one, or its keys. Its seed draws the folds; the runs' own seeds
            count up from it.
        out: The ensemble's folder.
        folds: How many folds, from 2.
        repeats: How often all photographs are divided anew, and as many times as many runs trained.
        cache: Where prepared squares are kept, as `data.prepare` takes it; "memory" keeps them in a
            temporary folder, from which all folds read them.
        progress: Called with the runs complete and of all; by default a bar on a terminal.
        devices: What shares each batch, as `fit` takes it.
        callbacks: A function that makes a list of `keras.callbacks.Callback` for the run of a fold, which
            `fit` then calls.
        track: As `fit` takes it; the runs of the folds are parts of the ensemble's.

    Returns:
        The ensemble. Its folder holds `runs/REPEAT-FOLD`; `oof.csv`: `image`, `path`, `label`, `group`,
        `fold`, a column a class with the calibrated probability and one `raw:CLASS`, the mean over
        repeats; `calibration.json`, `metrics.json`, `plots/` and `report.html`.

    Raises:
        UserError: Something in recipe, photographs or weights is wrong, the groups are too few for so
            many folds, or the folder holds another crossfit.

    Example:
        >>> crossfit(read_manifest("data"), "cervixnet2", "ensembles/second").metrics["log_loss"]
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    size = recipe.image_size or spec(recipe.model.name).image_size
    recipe = recipe.model_copy(update={"image_size": size, "keep": "last", "patience": None})
    manifest = validated(manifest)
    classes = class_names(manifest)  # what cannot be trained is refused here
    check_maker(callbacks, "crossfit")
    check_tracker(track)
    alone("crossfit", "start it on each, and they share out the folds", devices)
    devices_of(devices).check(recipe)
    check_whole(folds, "folds", 2)
    check_whole(repeats, "repeats", 1)
    divisions = [divided(manifest, folds, recipe.seed + repeat) for repeat in range(repeats)]
    ensemble = Ensemble(as_path(out, "out"))
    check_ours(ensemble.folder, ENSEMBLE, _UNMARKED, "--out")
    if not ensemble.path(ENSEMBLE).is_file():
        check_beginning(recipe, len(classes), cache)
    with disk_errors(ensemble.folder):
        (ensemble.folder / "locks").mkdir(parents=True, exist_ok=True)
    whole = Lease(ensemble.path("locks/crossfit"))
    with whole:
        _begin(ensemble, _marked(divisions[0]), recipe, folds, repeats)
        tracker = open_tracker(ensemble, track, parameters_of(recipe))
    works = {
        member.folder.name: (member, fold, recipe.model_copy(update={"seed": recipe.seed + number}))
        for number, (member, fold) in enumerate(
            zip(
                ensemble.members, [fold for division in divisions for fold in division], strict=True
            )
        )
    }
    leases = {name: Lease(ensemble.path(f"locks/{name}")) for name in works}
    given = {
        "devices": devices,
        "callbacks": unswayed(callbacks),
        "track": tracker.name if tracker else None,
    }
    with _shared(cache) as cache, bar("Folds", len(works), progress=progress) as shown:
        while left := [work for work in works.values() if not work[0].complete]:
            shown(len(works) - len(left), len(works), note="")
            if not any(_trained(leases[work[0].folder.name], *work, cache, given) for work in left):
                time.sleep(WAIT)  # other processes train them; a killed one's fold is taken over
        shown(len(works), len(works), note="")
        with whole:
            if not ensemble.complete:
                _finish(ensemble, cache)
            if tracker:
                for each in (*ensemble.members, ensemble):
                    send(each, tracker.name)
    return Ensemble(ensemble.folder)


@contextmanager
def _shared(cache: str | Path | None) -> Iterator[str | Path | None]:
    """A cache that serves all folds: photographs are decoded once."""
    if cache != "memory":
        yield cache
        return
    with TemporaryDirectory() as folder:
        yield folder


def _marked(division: list[pd.DataFrame]) -> pd.DataFrame:
    """The manifest with the fold of each photograph, all of which train some run."""
    marked = division[0].assign(fold=pd.Series(pd.NA, division[0].index, "Int64"))
    for number, fold in enumerate(division, 1):
        marked.loc[fold["split"] == "validation", ["split", "fold"]] = "train", number
    return marked


def _begin(
    ensemble: Ensemble, manifest: pd.DataFrame, recipe: Recipe, folds: int, repeats: int
) -> None:
    """Write what a crossfit begins with, or refuse another one in its folder."""
    looked = samples(manifest)
    plan = {
        "folds": folds,
        "repeats": repeats,
        "photographs": fingerprint(manifest, looked=looked),
        "recipe": recipe.model_dump(mode="json"),
    }
    if ensemble.path(ENSEMBLE).is_file():
        for key, value in plan.items():
            if ensemble.plan.get(key) != value:
                raise UserError(
                    f"{ensemble.folder} holds a crossfit with other {key}: choose another --out folder."
                )
        return
    warn_of_copies(manifest, looked, "fold")
    noted = environment(manifest, recipe.seed, looked)
    ensemble.write_inputs(recipe, with_content(manifest, looked), noted)
    ensemble.write_json(ENSEMBLE, plan)


def _trained(
    lease: Lease,
    run: Run,
    manifest: pd.DataFrame,
    recipe: Recipe,
    cache: str | Path | None,
    given: dict,
) -> bool:
    """Train the run of a fold, or go on with it, unless another process does; whether it was done."""
    # A process that is stopped gives no sign of life, but the run is still its own.
    if is_claimed(run.folder) or not lease.take():
        return False
    try:
        if run.complete:
            return True
        log.info(f"fold {run.folder.name}")

        def still_ours(step: int, loss: float) -> None:
            lease.check()

        with quiet_fits():
            if run.path("recipe.yaml").is_file():
                given = {name: given[name] for name in given if name != "track"}  # the run knows
                done = resume(run, cache, still_ours, **given)
            else:
                done = fit(manifest, recipe, run.folder, cache, still_ours, **given)
        figures = uncalibrated(done.metrics)
        log.info(
            f"  out-of-fold log loss {figures['log_loss']:.4f}  accuracy "
            f"{100 * figures['accuracy']:.1f} %, not calibrated"
        )
    except LeaseLost as lost:
        log.warning(f"Fold {run.folder.name} {lost}")
    except KeyboardInterrupt:  # the same crossfit goes on, not the fit of one fold
        raise KeyboardInterrupt from None
    finally:
        lease.release()
        keras.backend.clear_session()  # collects what is no longer used, too
    return True


def _finish(ensemble: Ensemble, cache: str | Path | None) -> None:
    """Write predictions, calibration, figures, plots and, last, the report of all runs."""
    photographs, raw = stored(ensemble)
    photographs = photographs.astype({"fold": int})
    calibration, probabilities = calibrated(ensemble, photographs, raw)
    ensemble.write_json("calibration.json", calibration.as_dict())
    with bar("Decoding", len(photographs)) as progress:
        squares = prepare(photographs, ensemble.square_size, cache, progress, ensemble.crop).array
    mean = geometric_mean(raw)
    predictions = Predictions((ensemble,), photographs, squares, probabilities, raw=mean)
    figures = metrics_of(predictions, "out of fold", _probed(ensemble, predictions))
    write_evaluation(predictions, figures, ensemble.folder)
    plot_curves(ensemble, ensemble.path("plots/curves.png"))
    report(ensemble)


def _probed(ensemble: Ensemble, predictions: Predictions) -> np.ndarray | None:
    """What a linear probe of the weights that all runs began with makes of each fold."""
    recipe, photographs = ensemble.recipe, predictions.photographs
    if recipe.model.weights == "none":
        return None
    model = untrained(recipe, len(ensemble.class_names))
    groups, folds = photographs["group"].to_numpy(), photographs["fold"].to_numpy()
    # Not balanced, whatever the runs are: their calibration undoes it, and the probe has none.
    return out_of_fold(
        model, predictions.squares, predictions.targets, groups, folds, seed=recipe.seed
    )
