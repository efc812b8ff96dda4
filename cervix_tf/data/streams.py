"""Batches of prepared squares: for training without end, or once through a manifest."""

import functools
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from cervix_tf.data.manifests import class_names, labels
from cervix_tf.data.squares import Squares, prepare, square_size
from cervix_tf.data.views import RandomView

_ALIGNED = 64  # bytes: TensorFlow copies an array that begins elsewhere


def training_stream(
    squares: Squares | np.ndarray,
    labels: np.ndarray,
    batch_size: int,
    seed: int,
    start_step: int = 0,
) -> tf.data.Dataset:
    """Stream full batches for training, for ever.

    The photographs are shuffled anew for every epoch, each shown once in it; a batch may span the
    end of an epoch. Everything is a function of seed and step, so a stream begun at a later step goes
    on as the uninterrupted one.

    Args:
        squares: uint8 (N, P, P, 3).
        labels: int32 (N,) class indices.
        batch_size: B, photographs a batch.
        seed: Determines the order.
        start_step: Number of batches to leave out.

    Returns:
        A dataset of (images uint8 (B, P, P, 3), keys int32 (B, 2) with epoch and index of each
        photograph, labels int32 (B,)).

    Example:
        >>> images, keys, labels = next(iter(training_stream(squares, labels, 32, seed=0)))
    """
    array = squares.array if isinstance(squares, Squares) else squares
    labels = np.asarray(labels, "int32")

    def batch(step: np.int64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        place = int(step) * batch_size + np.arange(batch_size)
        epoch, within = np.divmod(place, len(labels))
        orders = {e: order(seed, e, len(labels)) for e in set(epoch.tolist())}
        rows = np.array([orders[e][w] for e, w in zip(epoch.tolist(), within, strict=True)])
        return _gather(array, rows, side), _keys(epoch, rows), labels[rows]

    side = array.shape[1]
    return _loaded(tf.data.Dataset.counter(start_step), batch, batch_size, side).prefetch(2)


def batches(
    manifest: pd.DataFrame,
    image_size: int,
    batch_size: int,
    training: bool = False,
    augment: Mapping[str, Any] | None = None,
    seed: int = 0,
    cache: Path | str | None = None,
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

    Returns:
        A dataset of (images (N, S, S, 3) in [0, 255], float32 if augmented, else uint8; labels int32
        (N,), -1 for a photograph without one).

    Raises:
        UserError: A photograph cannot be read, or a label is missing in training.

    Example:
        >>> for images, labels in batches(read_manifest("data"), 224, 32): ...
    """
    array = prepare(manifest, square_size(image_size), cache=cache).array
    known = np.full(len(manifest), -1, "int32")
    some = manifest["label"].notna().to_numpy()
    if training or some.any():
        rows = slice(None) if training else some
        known[rows] = labels(manifest[rows], class_names(manifest))
    epochs = itertools.count()
    view = RandomView(image_size, seed=seed, **(augment or {}))
    random = training and augment is not None
    count, side = len(known), array.shape[1] if random else image_size

    def batch(epoch: np.int64, number: np.int64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = order(seed, int(epoch), count) if training else np.arange(count)
        rows = rows[int(number) * batch_size : (int(number) + 1) * batch_size]
        return _gather(array, rows, side), _keys(np.full(len(rows), epoch), rows), known[rows]

    def finished(images, keys, classes):
        return (view(images, keys, training=True) if random else images), classes

    total = -(-count // batch_size)
    # Every pass over the dataset takes the next number of an epoch.
    passes = tf.data.Dataset.from_generator(
        lambda: iter([next(epochs)]), output_signature=tf.TensorSpec((), tf.int64)
    )
    numbers = passes.flat_map(
        lambda epoch: tf.data.Dataset.range(total).map(lambda number: (epoch, number))
    ).apply(tf.data.experimental.assert_cardinality(total))
    return _loaded(numbers, batch, None, side).map(finished).prefetch(2)


def _loaded(
    numbers: tf.data.Dataset, batch: Callable, batch_size: int | None, side: int
) -> tf.data.Dataset:
    """Let two threads turn the numbers of batches into batches, in their order."""

    def load(*number):
        kinds = [tf.uint8, tf.int32, tf.int32]
        images, keys, classes = tf.numpy_function(batch, number, kinds)
        images.set_shape((batch_size, side, side, 3))
        keys.set_shape((batch_size, 2))
        classes.set_shape((batch_size,))
        return images, keys, classes

    return numbers.map(load, num_parallel_calls=2, deterministic=True)


def _gather(array: np.ndarray, rows: np.ndarray, side: int) -> np.ndarray:
    """Copy the centres of some squares to where TensorFlow can take them over without another copy."""
    shape = (len(rows), side, side, 3)
    space = np.empty(np.prod(shape) + _ALIGNED, np.uint8)
    start = -space.ctypes.data % _ALIGNED
    taken = space[start : start + np.prod(shape)].reshape(shape)
    margin = (array.shape[1] - side) // 2
    inside = slice(margin, margin + side)
    if isinstance(array, np.ndarray):
        for image, row in zip(taken, rows, strict=True):
            image[...] = array[row, inside, inside]
    else:  # decoded now: all at once, on every core
        taken[...] = array[rows, inside, inside]
    return taken


def _keys(epoch: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.stack([epoch, rows], axis=1).astype("int32")


@functools.lru_cache(maxsize=8)
def order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order of the photographs in an epoch, a function of the seed."""
    return np.random.default_rng([seed, epoch]).permutation(count)
