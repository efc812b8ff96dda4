"""Reproduce: the report's experiments run, and its tables and figures beside ours on one page."""

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from cervix_tf.data.manifests import validated
from cervix_tf.errors import UserError, unknown
from cervix_tf.evaluation import evaluate
from cervix_tf.given import as_list, as_path, is_number
from cervix_tf.models import spec
from cervix_tf.models.weights import find
from cervix_tf.progress import bar
from cervix_tf.recipes import Recipe, load_recipe
from cervix_tf.reproduction.page import write_page
from cervix_tf.reproduction.report_tables import FULL_DATA, PARTS
from cervix_tf.runs import Run, load
from cervix_tf.runs.provenance import samples
from cervix_tf.segmentation import segment
from cervix_tf.training.begun_runs import check_data, check_recipe
from cervix_tf.training.estimates import Estimate
from cervix_tf.training.hosts import alone
from cervix_tf.training.job_estimates import estimate
from cervix_tf.training.trainer import fit, resume

PRETRAINED = ("inception", "resnet")  # networks of the report that start from ImageNet's weights

log = logging.getLogger(__name__)


def reproduce(
    manifest: pd.DataFrame,
    only: Iterable[str] = (),
    steps_scale: float = 1.0,
    out: Path | str = "reproduction",
    settings: Iterable[str] = (),
    weights: str | Mapping[str, str] | None = None,
    full: pd.DataFrame | None = None,
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Run the experiments of the report and write its tables and figures beside ours.

    Tables 1 to 5 and Figures 2 to 7 and 11 to 17. The runs lie in `OUT/runs`, each a `fit` of the recipe
    of its name; one that is complete is not run again, one that was interrupted is resumed. The page
    says, run by run, in what it differs from the report's.

    Args:
        manifest: Photographs, as `data.read_manifest` gives them: the original data.
        only: Parts of it: `table1` (with Figures 2 to 4), `figure5` (with 6 and 7), `table2` (with 11
            and 12), `table3` (13, 14), `table4` (15), `table5` (16, 17); all by default.
        steps_scale: Share of the steps of every stage that is run, above 0 and up to 1. Annealing and the
            memory of BatchNorm's averages shrink with it; ten validations are made.
        out: The folder to write.
        settings: `KEY=VALUE` for every recipe, put on after the scaling, as `load_recipe` takes them.
        weights: What the pretrained networks start from instead of `imagenet`: `none`, a path, or a
            mapping from `inception` and `resnet` to either.
        full: The original and the additional photographs, for the rows of Table 2 that are of the full
            data; without it they are trained on the original data, and the page says so.
        cache: Where prepared squares are kept, as in `fit`.
        progress: Called with the runs done and of all; by default a bar on a terminal.

    Returns:
        The page, `OUT/reproduction.html`. It needs no other file.

    Raises:
        UserError: A part is unknown, a setting wrong, weights cannot be had, photographs cannot be read,
            or `out` holds runs with other settings or photographs.

    Example:
        >>> reproduce(manifest, only=["table3"], steps_scale=0.05, weights="none")
    """
    alone("reproduce", "start it on one")
    out, parts = as_path(out, "out"), as_list(only, "only") or list(PARTS)
    recipes = plan(parts, steps_scale, weights, settings)
    names = list(recipes)
    manifest = validated(manifest)
    full = manifest if full is None else validated(full)
    given = {name: full if name in FULL_DATA else manifest for name in names}
    _check_begun(out / "runs", recipes, given)
    runs: dict[str, Run] = {}
    with bar("Experiments", len(names), progress=progress) as shown:
        for number, name in enumerate(names):
            shown(number, len(names), note=name)
            photographs = given[name]
            log.info(f"{name}, {number + 1} of {len(names)}")
            if recipes[name].crop == "mask":
                with bar("Segmenting", len(photographs)) as masks:
                    photographs = segment(
                        photographs, (out / "segmented").absolute(), progress=masks
                    )
            runs[name] = _run(out / "runs" / name, recipes[name], photographs, cache)
            keras.backend.clear_session()
    notes = {name: _differences(name, runs[name], full is not manifest) for name in names}
    return write_page(out, parts, manifest, runs, notes, steps_scale, cache)


def plan(
    only: Iterable[str],
    steps_scale: float,
    weights: str | Mapping[str, str] | None,
    settings: Iterable[str],
) -> dict[str, Recipe]:
    """The recipes that `reproduce` runs, by their names; arguments and errors as its own."""
    parts = as_list(only, "only") or list(PARTS)
    for part in parts:
        if part not in PARTS:
            raise unknown("part", part, PARTS)
    if not is_number(steps_scale) or not 0 < steps_scale <= 1:
        raise UserError(f"steps_scale is {steps_scale!r}: give a share above 0 and up to 1.")
    for network in weights if isinstance(weights, Mapping) else ():
        if network not in PRETRAINED:
            raise unknown("pretrained network", str(network), PRETRAINED)
    names = dict.fromkeys(name for part in PARTS if part in parts for name in PARTS[part])
    recipes = {name: scaled(name, steps_scale, weights, settings) for name in names}
    shipped = [load_recipe(name).model for name in names]
    starting = {model.name for model in shipped if model.weights != "none"}
    if isinstance(weights, Mapping):
        idle = [f"{network}={path}" for network, path in weights.items() if network not in starting]
    else:
        idle = [str(weights)] if not starting and weights not in (None, "none", "imagenet") else []
    if idle:
        raise UserError(
            f"Weights {idle[0]}: no run of {', '.join(parts)} starts from them; leave them out."
        )
    for model in [recipe.model for recipe in recipes.values()]:
        if model.weights not in ("none", "imagenet") and "://" not in str(model.weights):
            find(spec(model.name), model.weights)  # a wrong path ends it before the first run
    return recipes


def planned(
    recipes: dict[str, Recipe], manifest: pd.DataFrame, full: pd.DataFrame | None, cache
) -> Estimate:
    """Estimate what the recipes of `plan` would take, each set of squares decoded once.

    Args:
        recipes: Those that are run, one at least.
        manifest: As `reproduce` takes it.
        full: As `reproduce` takes it.
        cache: As `reproduce` takes it.

    Returns:
        The sum over all fits.

    Raises:
        UserError: What a fit would end with; or no recipe is run.
    """
    total, decoded = None, set()
    for name, recipe in recipes.items():
        photographs = full if full is not None and name in FULL_DATA else manifest
        recipe = recipe.model_copy(update={"crop": "square"})  # masks may not be made yet
        one = estimate(photographs, recipe, cache=cache)
        squares = (recipe.image_size or recipe.model.name, len(photographs))
        if squares in decoded:
            one = replace(one, to_decode=0, decoding=(0.0, 0.0, 0.0), cache=0.0)
        decoded.add(squares)
        total = one if total is None else total + one
        keras.backend.clear_session()
    if total is None:
        raise UserError("No fit is asked for: table1 and figure5 take seconds.")
    return total


def scaled(
    name: str, scale: float, weights: str | Mapping[str, str] | None, settings: Iterable[str]
) -> Recipe:
    """Scale a shipped recipe's steps, and set weights and settings as `reproduce` takes them."""
    recipe = load_recipe(name)
    # What the recipe leaves out still follows from `settings`: the weight decay from the optimiser.
    keys: dict[str, Any] = recipe.model_dump(mode="json", exclude_unset=True)
    if scale < 1:
        for stage in keys["stages"]:
            stage["steps"] = max(1, round(stage["steps"] * scale))
        if anneal := keys["optimizer"].get("anneal"):
            anneal["every"] = max(1, round(anneal["every"] * scale))
        if "batch_norm_decay" in keys["model"]:
            decay = keys["model"]["batch_norm_decay"] ** (1 / scale)
            keys["model"]["batch_norm_decay"] = max(0.5, round(decay, 4))
        total = sum(stage["steps"] for stage in keys["stages"])
        keys["validate_every"] = min(recipe.validate_every, math.ceil(total / 10))
    if weights is not None and recipe.model.weights != "none":
        given = weights if isinstance(weights, str) else weights.get(keys["model"]["name"])
        keys["model"]["weights"] = given or recipe.model.weights
    return load_recipe(keys, settings)


def _check_begun(folder: Path, recipes: dict[str, Recipe], given: dict[str, pd.DataFrame]) -> None:
    """Refuse runs of other recipes or photographs, before anything is trained."""
    mend = "choose another --out"
    looked: dict[int, list[str]] = {}
    for name, recipe in recipes.items():
        if not (folder / name / "recipe.yaml").is_file():
            continue
        run, photographs = load(folder / name), given[name]
        check_recipe(run, recipe, mend)
        if set(run.manifest["path"]) != set(photographs["path"]):  # the page reads them there
            raise UserError(f"{run.folder} was run on other photographs: {mend}.")
        if id(photographs) not in looked:  # one table serves many runs
            looked[id(photographs)] = samples(photographs)
        check_data(run, recipe, photographs, looked[id(photographs)], mend)


def _run(folder: Path, recipe: Recipe, manifest: pd.DataFrame, cache) -> Run:
    """The finished run of a recipe: the one that is there, gone on with if need be, or a new one."""
    begun = (folder / "recipe.yaml").is_file()
    try:
        run = resume(folder, cache) if begun else fit(manifest, recipe, folder, cache)
    except KeyboardInterrupt:  # the same command goes on, not one fit
        raise KeyboardInterrupt from None
    test = run.manifest[(run.manifest["split"] == "test") & run.manifest["label"].notna()]
    if len(test) and not run.path("test/metrics.json").is_file():
        evaluate(run, test, out=run.path("test"))
    return run


def _differences(name: str, run: Run, full: bool) -> list[str]:
    """Say in what a run's recipe differs from the shipped one, and its data from the report's."""
    shipped, used = (_flat(r.model_dump(mode="json")) for r in (load_recipe(name), run.recipe))
    notes = [
        f"{key} {used.get(key)} instead of {shipped.get(key)}"
        for key in {**shipped, **used}
        if used.get(key) != shipped.get(key) and key not in ("validate_every", "checkpoint_every")
    ]
    if name in FULL_DATA and not full:
        notes.insert(0, "no additional photographs given: trained on the original data")
    return notes


def _flat(keys: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(keys, Mapping):
        parts = keys.items()
    elif isinstance(keys, list) and any(isinstance(part, Mapping) for part in keys):
        parts = dict(enumerate(keys)).items()
    else:
        return {prefix.rstrip("."): keys}
    return {k: v for key, part in parts for k, v in _flat(part, f"{prefix}{key}.").items()}
