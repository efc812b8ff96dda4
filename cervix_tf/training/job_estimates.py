"""Estimate: what a job will take, measured on a few photographs and steps, before it begins."""

import math
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import platformdirs
import tensorflow as tf

from cervix_tf.data import class_names, prepare, square_size, training_stream
from cervix_tf.data.cache_file import CacheFile, photograph_keys
from cervix_tf.data.crops import regions
from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.data.manifests import validated
from cervix_tf.data.photographs import picture_sizes
from cervix_tf.errors import UserError
from cervix_tf.inference import probabilities
from cervix_tf.inference.familiarity import MOST, evenly_chosen
from cervix_tf.models import spec
from cervix_tf.recipes import Recipe, load_recipe
from cervix_tf.runs.claims import check_free
from cervix_tf.training.beginnings import divided, stage_lengths, trainable, view_of
from cervix_tf.training.determinism import repeatable
from cervix_tf.training.devices import Asked, devices_of
from cervix_tf.training.estimates import Estimate
from cervix_tf.training.shares import FIGURES
from cervix_tf.training.steps import Stepper, balanced_weights

SAMPLE = 96  # photographs that are decoded
TURNS = 5  # of decodes and steps, whose spread becomes the range
ENOUGH = 20  # steps a turn
MARGIN = 0.15  # beside that spread
PAGES = 15.0  # seconds: intervals, plots, saliency and report, of small networks on two cores
SPARE = 20e6  # bytes of a run beside its weights


def estimate(
    manifest: pd.DataFrame,
    recipe: Recipe | str | dict,
    run: Path | str | None = None,
    cache: str | Path | None = None,
    fits: int = 1,
    held_out: float | None = None,
    devices: Asked = None,
    seconds: float = 3.0,
    weigh: bool = True,
) -> Estimate:
    """Check what a fit checks before it starts, measure a few steps and decodes, and add up.

    Nothing is written, but for weights that have to be downloaded. The headers of all photographs are
    read; 96 are decoded, and each stage takes a few steps with them.

    Args:
        manifest: As `fit` takes it.
        recipe: As `fit` takes it.
        run: The folder that would be written.
        cache: As `fit` takes it.
        fits: How many such fits there are: folds times repeats, or trials.
        held_out: Share of the labelled photographs that validate, 0 to 1; by default as `fit` has it.
        devices: As `fit` takes it, of one host.
        seconds: How long each stage's steps are measured at most, above 0; compiling comes on top.
        weigh: Whether the photographs' headers are read.

    Returns:
        The estimate. Its range is the spread of five measurements and 15 %; the machine may be busier or
        less busy later.

    Raises:
        UserError: What `fit` would end with before it trains.

    Example:
        >>> estimate(manifest, "cervixnet2").steps
        2000
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    team = devices_of(devices)
    if team.hosts.count > 1:
        raise UserError("An estimate is of one host: leave out --devices hosts.")
    team.check(recipe)
    if run:
        check_free(Path(run))
    size = recipe.image_size or spec(recipe.model.name).image_size
    recipe = recipe.model_copy(update={"image_size": size})
    manifest = validated(manifest)
    if held_out is None:
        manifest = divided(manifest, recipe)
    sides = manifest[manifest["label"].notna() & ~manifest["split"].isin(["test"])]
    sides = sides.reset_index(drop=True)
    if weigh:
        picture_sizes(sides)
    validating = (
        int((sides["split"] == "validation").sum())
        if held_out is None
        else math.ceil(held_out * len(sides))
    )
    training = len(sides) - validating
    lengths = stage_lengths(recipe, training)
    with team.scope():
        model = trainable(recipe, len(class_names(manifest)))
        decoded = _decoded(sides, recipe)
        steps, weights = _stages(model, recipe, lengths, sides, decoded, team, seconds)
        first, each = _predicted(model, decoded.squares)
    validations = sum(math.ceil(length / recipe.validate_every) for length in lengths)
    predicted = validations * validating * each + first
    train = np.array(steps) + predicted
    features = min(training, FIGURES) + 2 * min(training, MOST) + validating
    end = np.array([1.0, 1 - MARGIN, 1 + MARGIN]) * (PAGES + features * each + 60 * each)
    missing, folder = _missing(sides, square_size(size), recipe, cache)
    square = 3 * square_size(size) ** 2
    in_memory = cache == "memory"
    peak = _peak()
    place = _existing(Path(run) if run else Path("runs"))
    return Estimate(
        fits=fits,
        steps=sum(lengths) * fits,
        photographs=len(sides),
        to_decode=missing,
        decoding=_spread(missing * decoded.each),
        training=_triple(fits * train),
        ending=_triple(fits * end),
        memory=peak + (square * len(sides) if in_memory else 0),
        machine=_machine(),
        cache=0 if cache in ("memory", "none") else square * missing,
        runs=fits * (weights["model"] + SPARE) + 2 * weights["all"] + 2 * weights["model"],
        free=min(shutil.disk_usage(where).free for where in (place, _existing(folder))),
    )


@dataclass
class _Decoded:
    squares: np.ndarray
    rows: np.ndarray
    each: np.ndarray  # seconds a photograph, of several turns


def _decoded(sides: pd.DataFrame, recipe: Recipe) -> _Decoded:
    """Decode photographs evenly chosen, in turns."""
    rows = evenly_chosen(len(sides), SAMPLE)
    side, squares, each = square_size(recipe.image_size), [], []
    for part in np.array_split(rows, min(TURNS, len(rows))):
        began = time.perf_counter()
        squares.append(
            prepare(sides.iloc[part].reset_index(drop=True), side, "memory", crop=recipe.crop).array
        )
        each.append((time.perf_counter() - began) / len(part))
    return _Decoded(np.concatenate(squares), rows, np.array(each))


def _stages(model, recipe, lengths, sides, decoded: _Decoded, team, seconds):
    """Seconds of all stages' steps (likely, least, most), and the bytes of what they change."""
    targets = class_indices(sides.iloc[decoded.rows], class_names(sides))
    balanced = recipe.class_weights == "balanced" and np.bincount(targets).all()
    classes = model.output_shape[-1]
    each = balanced_weights(targets, classes) if balanced else np.ones(classes, "float32")
    total, bytes_of = np.zeros(3), {"model": _bytes(model.variables), "all": 0}
    view = view_of(recipe, model.input_shape[1])
    with repeatable():  # as `fit` trains
        for stage, length in zip(recipe.stages, lengths, strict=True):
            if stage.train == "probe":
                began = time.perf_counter()
                probabilities(model, decoded.squares)
                took = (time.perf_counter() - began) / len(decoded.squares) * len(sides)
                total += stage.views * took
                continue
            stepper = Stepper(model, view, recipe, stage, each, length, team)
            stream = iter(
                team.prefetched(
                    training_stream(
                        decoded.squares, targets, recipe.batch_size, recipe.seed,
                        balanced=recipe.sampling == "balanced" and np.bincount(targets).all(),
                    )
                )
            )  # fmt: skip
            first, steps = _timed(stepper, stream, seconds)
            total += first + length * np.array(_spread(steps))
            bytes_of["all"] = max(
                bytes_of["all"], bytes_of["model"] + _bytes(stepper.optimizer.variables)
            )
    return total, bytes_of


def _timed(stepper: Stepper, stream: Iterator, seconds: float) -> tuple[float, np.ndarray]:
    """Seconds that compiling takes, and of a step in each of several turns."""

    def taken(steps: int) -> float:
        began = time.perf_counter()
        for _ in range(steps):
            figures = stepper(*next(stream))
        float(figures[0])  # waits for the device
        return time.perf_counter() - began

    first = taken(1)
    one = taken(1)
    steps = min(ENOUGH, max(1, round(seconds / TURNS / max(one, 1e-6))))
    turns = np.array([taken(steps) / steps for _ in range(TURNS)])
    return max(0.0, first - float(np.median(turns))), turns


def _predicted(model: keras.Model, squares: np.ndarray) -> tuple[float, float]:
    """Seconds until the first prediction is compiled, and of each photograph after it."""
    began = time.perf_counter()
    probabilities(model, squares)
    between = time.perf_counter()
    probabilities(model, squares)
    each = (time.perf_counter() - between) / len(squares)
    return max(0.0, between - began - each * len(squares)), each


def _missing(
    sides: pd.DataFrame, side: int, recipe: Recipe, cache: str | Path | None
) -> tuple[int, Path]:
    """How many squares a cache lacks, and its folder."""
    folder = Path(platformdirs.user_cache_dir("cervix_tf"))
    folder = Path(cache) if cache and cache not in ("memory", "none") else folder
    if cache in ("memory", "none") or not folder.is_dir():
        return len(sides), folder
    used = regions(sides, recipe.crop)
    paths = [Path(path).absolute() for path in sides["path"]]
    file = CacheFile(folder, side, photograph_keys(paths, used))
    return len(file.missing(file.path if file.path.is_file() else file.part)), folder


def _existing(folder: Path) -> Path:
    """The nearest folder above that is there."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def _bytes(variables) -> float:
    return float(sum(math.prod(v.shape) * np.dtype(str(v.dtype)).itemsize for v in variables))


def _peak() -> float:
    """The most memory that the process has had, of a GPU that of the device."""
    if tf.config.list_logical_devices("GPU"):
        return float(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _machine() -> float:
    if "SC_PHYS_PAGES" not in os.sysconf_names:
        return 0.0
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _spread(turns: np.ndarray) -> tuple[float, float, float]:
    """The median of several measurements, and their range with a margin."""
    low, high = np.min(turns) * (1 - MARGIN), np.max(turns) * (1 + MARGIN)
    return float(np.median(turns)), float(low), float(high)


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    likely, least, most = map(float, values)
    return likely, least, most
