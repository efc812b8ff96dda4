"""Images a second of every part of a training run, and which part holds the others up."""

import itertools
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from cervix_tf.data import STILL, RandomView, batches, prepare, square_size, training_stream
from cervix_tf.data.manifests import check_manifest
from cervix_tf.data.photographs import Progress
from cervix_tf.errors import UserError
from cervix_tf.models import build, spec
from cervix_tf.progress import bar
from cervix_tf.recipes import Recipe, load_recipe
from cervix_tf.training.beginnings import stage_lengths, view_of
from cervix_tf.training.determinism import repeatable
from cervix_tf.training.loop import LOG_EVERY
from cervix_tf.training.steps import Stepper

ROUNDS = 5  # turns that the parts take, so that a machine busy for a while slows all alike
DAY = 86_400  # seconds
DECODED = 64  # photographs that one turn of the first pass decodes at least, if there are so many

# One call does some work and returns the number of images it did.
Part = Callable[[], int]


def bench(
    manifest: pd.DataFrame,
    recipe: Recipe | str | dict,
    cache: Path | str | None = None,
    seconds: float = 5.0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure what each part of a training run manages on this machine and device.

    Random weights are used, and labels do not matter: neither changes the speed. What is measured
    of the network is the step of the recipe's last stage.

    Args:
        manifest: The photographs; the cache is filled with their squares if it is not yet.
        recipe: Network, image size, batch size and views, as `fit` takes it.
        cache: Where the prepared squares are kept, as `data.prepare` takes it.
        seconds: How long each part is measured, above 0.
        progress: Called with the photographs prepared and their number.

    Returns:
        Images a second of: `first_pass` (read, decode, square, resize), `cached_pass` (read, batch,
        hand over, centre crop), `augmentation` (the recipe's views alone), `step` (training on
        one constant batch of centre crops), `viewed` (the same with views), `fit` (training from the
        cache with views, as `fit` does). Then `waiting`, the share of the time of `fit` in which the
        device waits for photographs, 0 to 1; `overhead`, the milliseconds of a step that are not the
        network's: those of a network of one layer on 32 photographs of 8 x 8 pixels; `epochs`, how
        often the recipe's stages show each photograph; and `bottleneck`: which of the first four takes
        the most time in a run of this recipe. Then `model`, `image_size`, `batch_size`, `photographs`
        and `device`.

    Raises:
        UserError: A photograph cannot be read, or `seconds` is not above 0 and up to a day.

    Example:
        >>> bench(read_manifest("data"), load_recipe("cervixnet2"))["device"]
        'CPU:0'
    """
    if not 0 < seconds <= DAY:
        raise UserError(
            f"seconds={seconds}: give a time above 0, and of a day at most, to measure each part for."
        )
    check_manifest(manifest)
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    size = recipe.image_size or spec(recipe.model.name).image_size
    side, batch = square_size(size), recipe.batch_size
    squares = prepare(manifest, side, cache, progress, crop=recipe.crop)
    stream = training_stream(squares, np.zeros(len(squares), "int32"), batch, recipe.seed)
    device = (tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU"))[0]

    # The parts --------------------------------------------------------------------------------------
    model = build(recipe.model.name, classes=3, image_size=size, **recipe.model.options)
    views = view_of(recipe, size)
    bare, real = (
        Stepper(model, view, recipe, recipe.stages[-1], np.ones(3, "float32"))
        for view in (RandomView(size, **STILL), views)
    )
    constant = [tf.identity(part) for part in next(iter(stream))]
    view = tf.function(lambda images, keys: views(images, keys, training=True), autograph=False)

    starts = itertools.cycle(range(0, len(manifest), DECODED))
    passes = batches(manifest, size, batch, cache=cache, crop=recipe.crop)

    def first_pass() -> int:
        first = next(starts)
        return len(prepare(manifest[first : first + DECODED], side, "memory", crop=recipe.crop))

    def cached_pass() -> int:
        return sum(len(images) for images, _ in passes)

    def augmentation() -> int:
        view(*constant[:2]).numpy()
        return batch

    pending: list = []

    def fetch() -> None:
        while pending:
            float(pending.pop())  # waits for the device

    def train(stepper: Stepper, photographs: Iterator) -> int:
        pending.extend(stepper(*next(photographs)))
        if len(pending) >= 2 * LOG_EVERY:  # as `fit` does
            fetch()
        return batch

    parts: dict[str, Part] = {
        "first_pass": first_pass,
        "cached_pass": cached_pass,
        "augmentation": augmentation,
        "step": partial(train, bare, itertools.repeat(constant)),
        "viewed": partial(train, real, itertools.repeat(constant)),
        "fit": partial(train, real, iter(stream)),
    }
    with repeatable():  # as `fit` trains
        rates = _measured(parts, seconds, fetch)
        small, photographs = _smallest(recipe)
        step: dict[str, Part] = {"overhead": partial(train, small, photographs)}
        overhead = 1e3 * batch / _measured(step, seconds / 5, fetch)["overhead"]

    # The sum of a whole run -------------------------------------------------------------------------
    shown = sum(stage_lengths(recipe, len(squares))) * batch
    spent = {
        part: (len(squares) if part == "first_pass" else shown) / rates[part]
        for part in ("first_pass", "cached_pass", "augmentation", "step")
    }
    return {
        **rates,
        "waiting": max(0.0, 1 - rates["fit"] / rates["viewed"]),
        "overhead": overhead,
        "epochs": shown / len(squares),
        "bottleneck": max(spent, key=lambda part: spent[part]),
        "model": recipe.model.name,
        "image_size": size,
        "batch_size": batch,
        "photographs": len(squares),
        "device": device.name.removeprefix("/device:"),
    }


def _smallest(recipe: Recipe) -> tuple[Stepper, Iterator]:
    """A network of one layer, trained as the recipe has it, and batches of 32 small photographs."""
    image = keras.Input((8, 8, 3))
    logits = keras.layers.Dense(3, name="logits")(keras.layers.Flatten()(image))
    model = keras.Model(image, keras.layers.Softmax(name="probabilities")(logits))
    stage = recipe.stages[-1].model_copy(update={"train": "all"})
    view = RandomView(8, **STILL)
    stepper = Stepper(model, view, recipe, stage, np.ones(3, "float32"), length=1)
    memory = np.zeros(65 * 192, "uint8")
    begin = -memory.ctypes.data % 64  # aligned, as in a cache file
    squares = memory[begin : begin + 64 * 192].reshape(64, 8, 8, 3)
    return stepper, iter(training_stream(squares, np.zeros(64, "int32"), 32, recipe.seed))


def _measured(
    parts: dict[str, Part], seconds: float, settle: Callable[[], None]
) -> dict[str, float]:
    """Let the parts take turns and return their images a second, the median of the turns.

    A turn ends when `settle` has waited for the work that is still under way.
    """
    rates: dict[str, list[float]] = {name: [] for name in parts}
    turns = (1 + ROUNDS) * len(parts)
    with bar("Measuring", turns) as shown:
        for done, (name, work) in enumerate(parts.items()):
            shown(done, turns, note=name)
            work()  # compiled, and its memory taken
            work()
        settle()
        for done, name in enumerate(ROUNDS * list(parts), len(parts)):
            shown(done, turns, note=name)
            images, began = 0, time.perf_counter()
            while time.perf_counter() - began < seconds / ROUNDS or not images:
                images += parts[name]()
            settle()
            rates[name].append(images / (time.perf_counter() - began))
    return {name: float(np.median(turns)) for name, turns in rates.items()}
