"""Batches of prepared squares: for training without end, or once through a manifest."""

import functools
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from cervix_tf.data.manifests import class_names, labels
from cervix_tf.data.squares import Squares, prepare, square_size
from cervix_tf.data.views import RandomView, centre_crop


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
        return array[rows], np.stack([epoch, rows], axis=1).astype("int32"), labels[rows]

    def loaded(step):
        images, keys, classes = tf.numpy_function(batch, [step], [tf.uint8, tf.int32, tf.int32])
        images.set_shape((batch_size, *array.shape[1:]))
        keys.set_shape((batch_size, 2))
        classes.set_shape((batch_size,))
        return images, keys, classes

    steps = tf.data.Dataset.counter(start_step)
    return steps.map(loaded, num_parallel_calls=2, deterministic=True).prefetch(2)


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

    def once() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        epoch = next(epochs) if training else 0
        rows = order(seed, epoch, len(known)) if training else np.arange(len(known))
        for first in range(0, len(rows), batch_size):
            chosen = rows[first : first + batch_size]
            images = array[chosen] if training else array[first : first + batch_size]
            images = images if random else centre_crop(images, image_size)
            keys = np.stack([np.full(len(chosen), epoch), chosen], axis=1).astype("int32")
            yield images, keys, known[chosen]

    side = array.shape[1] if random else image_size
    shapes = (
        tf.TensorSpec((None, side, side, 3), tf.uint8),
        tf.TensorSpec((None, 2), tf.int32),
        tf.TensorSpec((None,), tf.int32),
    )
    dataset = tf.data.Dataset.from_generator(once, output_signature=shapes)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(-(-len(known) // batch_size)))

    def finished(images, keys, classes):
        return (view(images, keys, training=True) if random else images), classes

    return dataset.map(finished).prefetch(2)


@functools.lru_cache(maxsize=8)
def order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order of the photographs in an epoch, a function of the seed."""
    return np.random.default_rng([seed, epoch]).permutation(count)
