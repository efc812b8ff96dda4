"""Batches of prepared squares: for training without end, or once through a manifest."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from cervix_tf.data.crops import Crop
from cervix_tf.data.manifests import class_names, labels, validated
from cervix_tf.data.square_rows import SquareArray, SquareRows, aligned
from cervix_tf.data.squares import Squares, prepare, square_size
from cervix_tf.data.views import random_view

# Batches whose photographs are drawn at a time, since each call of Python holds up the others; of
# large batches fewer.
_DRAWN, _DRAWN_PHOTOGRAPHS = 16, 65_536


def training_stream(
    squares: Squares | SquareRows | np.ndarray,
    labels: np.ndarray,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    balanced: bool = False,
    positions: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Stream full batches for training, for ever.

    The photographs are shuffled anew for every epoch, each shown once in it; a batch may span the
    end of an epoch. Balanced, the classes come in turn, in changing order, and each has epochs of its
    own. Everything is a function of seed and step, so a stream begun at a later step goes on as the
    uninterrupted one.

    Args:
        squares: uint8 (N, P, P, 3); of `SquareRows` the whole set stays where it lies.
        labels: int32 (N,) class indices.
        batch_size: B, photographs a batch.
        seed: Determines the order.
        start_step: Number of batches to leave out.
        balanced: Whether to show every class equally often.
        positions: Which of each batch's photographs are wanted, from 0; by default all.

    Returns:
        A dataset of (images uint8 (B, P, P, 3), keys int32 (B, 2) with epoch and index of each
        photograph, labels int32 (B,)).

    Example:
        >>> images, keys, labels = next(iter(training_stream(squares, labels, 32, seed=0)))
    """
    array = squares.array if isinstance(squares, Squares | SquareRows) else squares
    rows = squares.rows if isinstance(squares, SquareRows) else np.arange(len(array))
    labels = np.asarray(labels, "int32")
    shown = _sequence(labels, seed, balanced)
    positions = np.arange(batch_size) if positions is None else positions
    count = len(positions)
    several = max(1, min(_DRAWN, _DRAWN_PHOTOGRAPHS // count))
    read = _reader(array, array.shape[1])

    def drawn(step: np.int64) -> tuple[np.ndarray, ...]:
        steps = np.arange(int(step), int(step) + several)
        keys = shown((steps[:, None] * batch_size + positions).ravel())
        keys = keys.reshape(several, count, 2).astype("int32")
        return keys, labels[keys[..., 1]], rows[keys[..., 1]]

    def drawn_together(step):
        parts = tf.numpy_function(drawn, [step], (tf.int32, tf.int32, tf.int64))
        shapes = (several, count, 2), (several, count), (several, count)
        return tuple(map(tf.ensure_shape, parts, shapes))

    def loaded(keys, classes, places):
        return tf.ensure_shape(read(places), (count, *array.shape[1:])), keys, classes

    batches = tf.data.Dataset.counter(start_step, several).map(drawn_together).unbatch()
    return _in_place(batches.map(loaded, num_parallel_calls=2, deterministic=True).prefetch(2))


def rows_shown(
    labels: np.ndarray,
    batch_size: int,
    seed: int,
    steps: int,
    positions: np.ndarray,
    balanced: bool = False,
) -> np.ndarray:
    """Tell which photographs a `training_stream` shows at some positions of its batches.

    Args:
        labels: int32 (N,) class indices.
        batch_size: As of the stream.
        seed: As of the stream.
        steps: Number of batches, from the first.
        positions: Positions in each batch, from 0.
        balanced: As of the stream.

    Returns:
        The numbers of the photographs, ascending.

    Example:
        >>> rows_shown(labels, 32, seed=0, steps=100, positions=np.arange(16))
    """
    shown = _sequence(np.asarray(labels), seed, balanced)
    seen = np.zeros(len(labels), bool)
    for step in range(steps):
        seen[shown(step * batch_size + positions)[:, 1]] = True
        if seen.all():
            break
    return np.flatnonzero(seen)


def _sequence(labels: np.ndarray, seed: int, balanced: bool) -> Callable[[np.ndarray], np.ndarray]:
    """The function from positions in the stream to the epochs and photographs there, int64 (N, 2)."""
    if not balanced:
        return lambda positions: shuffled(positions, len(labels), seed)
    classes = [np.flatnonzero(labels == k) for k in np.unique(labels)]

    def shown(positions: np.ndarray) -> np.ndarray:
        numbers, turns = np.divmod(positions, len(classes))
        rounds, which = np.unique(numbers, return_inverse=True)
        orders = [np.random.default_rng([seed, n]).permutation(len(classes)) for n in rounds]
        chosen = np.array(orders)[which, turns]
        keys = np.empty((len(positions), 2), "int64")
        for kind, own in enumerate(classes):
            drawn = shuffled(numbers[chosen == kind], len(own), seed)
            keys[chosen == kind] = np.stack([drawn[:, 0], own[drawn[:, 1]]], axis=1)
        return keys

    return shown


def batches(
    manifest: pd.DataFrame,
    image_size: int,
    batch_size: int,
    training: bool = False,
    augment: Mapping[str, Any] | None = None,
    seed: int = 0,
    cache: Path | str | None = None,
    crop: Crop = "square",
) -> tf.data.Dataset:
    """Go through a manifest's photographs in batches, once each time the dataset is iterated.

    Args:
        manifest: The photographs.
        image_size: Side S of the images in pixels.
        batch_size: Photographs a batch; the last batch may be smaller.
        training: Shuffle anew at every iteration, and augment; else the manifest's order and the
            centre crop.
        augment: Options of `RandomView`; None for the centre crop.
        seed: Determines order and views.
        cache: Where prepared squares are kept, as `prepare` takes it.
        crop: What of each photograph is used, as `prepare` takes it.

    Returns:
        A dataset of (images (N, S, S, 3) in [0, 255], float32 if augmented, else uint8; labels int32
        (N,), -1 for a photograph without one).

    Raises:
        UserError: A photograph cannot be read, or a label is missing in training.

    Example:
        >>> for images, labels in batches(read_manifest("data"), 224, 32): ...
    """
    manifest = validated(manifest, existing=False)
    array = prepare(manifest, square_size(image_size), cache=cache, crop=crop).array
    targets = np.full(len(manifest), -1, "int32")
    labelled = manifest["label"].notna().to_numpy()
    if training or labelled.any():
        rows = slice(None) if training else labelled
        targets[rows] = labels(manifest[rows], class_names(manifest))
    count, random = len(targets), training and augment is not None
    view = random_view(image_size, augment or {}, seed)
    read = _reader(array, array.shape[1] if random else image_size)

    def loaded(number, rows, epoch):
        rows = rows[number * batch_size : (number + 1) * batch_size]
        images = read(rows)
        if random:
            images = view(images, tf.stack([tf.zeros_like(rows) + epoch, rows], 1), training=True)
        return images, tf.gather(targets, rows)

    total = -(-count // batch_size)

    def one_pass(epoch, rows) -> tf.data.Dataset:
        return tf.data.Dataset.range(total).map(
            lambda number: loaded(number, rows, epoch), num_parallel_calls=2, deterministic=True
        )

    if not training:
        return _in_place(one_pass(0, tf.range(count)).prefetch(2))
    epochs = itertools.count()

    def passes_of() -> Iterator[tuple[int, np.ndarray]]:
        epoch = next(epochs)  # every pass over the dataset is the next one
        yield epoch, order(seed, epoch, count)

    signature = (tf.TensorSpec((), tf.int32), tf.TensorSpec((count,), tf.int32))
    passes = tf.data.Dataset.from_generator(passes_of, output_signature=signature)
    stream = passes.flat_map(one_pass)
    return _in_place(stream.apply(tf.data.experimental.assert_cardinality(total)).prefetch(2))


def _in_place(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Leave out what tf.data does by itself.

    For its rewriting all squares would be copied into a graph at the start. Its tuning, which has nothing
    to choose here, has a thread that a stream waits for when it ends, up to a second.
    """
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    return dataset.with_options(options)


def _reader(array: SquareArray, side: int) -> Callable:
    """Make a function that takes the numbers of squares, (B,), to their centres, uint8."""
    margin = (array.shape[1] - side) // 2
    inside = slice(margin, margin + side)

    def taken(rows: np.ndarray) -> np.ndarray:
        squares = array[rows]
        if side == squares.shape[1]:
            return squares
        centres = aligned((len(rows), side, side, squares.shape[3]))
        centres[...] = squares[:, inside, inside]
        return centres

    def read(rows):
        images = tf.numpy_function(taken, [rows], tf.uint8)
        return tf.ensure_shape(images, (None, side, side, array.shape[3]))

    return read


def shuffled(positions: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The epochs of positions in the stream, and the photographs that come there: int64 (N, 2)."""
    ascending = np.argsort(positions, kind="stable")
    epochs, within = np.divmod(positions[ascending], count)
    first, starts = np.unique(epochs, return_index=True)
    keys = np.empty((len(positions), 2), "int64")
    if not len(positions):
        return keys
    for epoch, part in zip(first, np.split(np.arange(len(positions)), starts[1:]), strict=True):
        rows = order(seed, int(epoch), count)[within[part]]
        keys[ascending[part]] = np.stack([np.full(len(part), epoch), rows], axis=1)
    return keys


@functools.lru_cache(maxsize=16)
def order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order of the photographs in an epoch, a function of the seed: int32 (count,)."""
    return np.random.default_rng([seed, epoch]).permutation(count).astype("int32")
