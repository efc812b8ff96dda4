"""Prepared squares become `tf.data` batches, in an order that the seed alone decides."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from cervix_tf.data.manifests import class_names
from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.data.squares import Squares, prepare, square_size
from cervix_tf.data.views import RandomView
from cervix_tf.errors import UserError

AHEAD = 2  # batches made while the device works on another


def training_stream(
    squares: Squares, labels: np.ndarray, batch_size: int, seed: int, start_step: int = 0
) -> tf.data.Dataset:
    """Stream full batches for ever, every photograph once an epoch in an order of the epoch's own.

    Step s holds the positions s * B to s * B + B - 1 of the endless row of epochs, so a stream begun
    at step k continues exactly as one that was never interrupted.

    Args:
        squares: The prepared squares of the N photographs to train on.
        labels: (N,) class indices.
        batch_size: Photographs in a batch, B; may be more than N.
        seed: Decides the order; 0 or more.
        start_step: The first step to be handed out.

    Returns:
        Batches of images, uint8 (B, P, P, 3); keys, int32 (B, 2), the epoch and the number of each
        photograph, for `RandomView`; labels, int32 (B,).

    Example:
        >>> images, keys, labels = next(iter(training_stream(squares, labels, 32, seed=0)))
    """
    labels = np.asarray(labels, np.int32)
    count, side = len(squares), squares.size
    if not count or len(labels) != count or batch_size < 1:
        raise UserError(
            f"A training stream needs photographs, a label for each and a batch size of 1 or more; "
            f"received {count} photographs, {len(labels)} labels and batch size {batch_size}."
        )

    def produce() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        orders: dict[int, np.ndarray] = {}
        for step in itertools.count(start_step):
            epochs, places = np.divmod(np.arange(batch_size) + step * batch_size, count)
            orders = {
                e: orders.get(e, _order(seed, e, count)) for e in range(epochs[0], epochs[-1] + 1)
            }
            rows = np.array([orders[e][p] for e, p in zip(epochs, places, strict=True)])
            yield squares.take(rows), np.stack([epochs, rows], 1).astype(np.int32), labels[rows]

    signature = (
        tf.TensorSpec((batch_size, side, side, 3), tf.uint8),
        tf.TensorSpec((batch_size, 2), tf.int32),
        tf.TensorSpec((batch_size,), tf.int32),
    )
    return tf.data.Dataset.from_generator(produce, output_signature=signature).prefetch(AHEAD)


def batches(
    manifest: pd.DataFrame,
    image_size: int,
    batch_size: int,
    training: bool = False,
    augment: Mapping[str, Any] | None = None,
    seed: int = 0,
    cache: Path | str | None = None,
) -> tf.data.Dataset:
    """Turn a manifest into batches for `keras.Model.fit`, `evaluate` or `predict`.

    Args:
        manifest: A manifest; a row without a label gets the class index -1.
        image_size: Side S of the images in pixels, as the network wants it.
        batch_size: Photographs in a batch; the last one of an epoch may have fewer.
        training: Whether the photographs come in a new order at each pass over the dataset, which
            counts as an epoch; otherwise they come in the order of the manifest.
        augment: Options of `RandomView`; only while training. Without it every image is the centre
            of its square.
        seed: Decides order and views.
        cache: Where the prepared squares are kept; see `prepare`.

    Returns:
        Batches of images, RGB in [0, 255], (B, S, S, 3), uint8, or float32 if augmented; and class
        indices, int32 (B,), -1 for no label.

    Raises:
        UserError: Photographs cannot be read, or `augment` is given without `training`.

    Example:
        >>> model.fit(batches(manifest, 224, 32, training=True, augment={"flip": True}), epochs=10)
    """
    if augment and not training:
        raise UserError(
            "augment changes the photographs: it is for batches(..., training=True) only."
        )
    squares = prepare(manifest, square_size(image_size), cache)
    labels = _labels(manifest)
    count, side = len(squares), None if augment else image_size
    passes = itertools.count()

    def produce() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        epoch = next(passes)
        order = _order(seed, epoch, count) if training else np.arange(count)
        for start in range(0, count, batch_size):
            rows = order[start : start + batch_size]
            keys = np.stack([np.full(len(rows), epoch), rows], 1).astype(np.int32)
            yield squares.take(rows, side), keys, labels[rows]

    shape = (None, side or squares.size, side or squares.size, 3)
    signature = (
        tf.TensorSpec(shape, tf.uint8),
        tf.TensorSpec((None, 2), tf.int32),
        tf.TensorSpec((None,), tf.int32),
    )
    stream = tf.data.Dataset.from_generator(produce, output_signature=signature)
    stream = stream.apply(tf.data.experimental.assert_cardinality(-(-count // batch_size)))
    if not augment:
        return stream.map(lambda images, _, labels: (images, labels)).prefetch(AHEAD)
    view = RandomView(image_size, seed=seed, **augment)
    return stream.map(
        lambda images, keys, labels: (view(images, keys=keys, training=True), labels),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(AHEAD)


def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(count)


def _labels(manifest: pd.DataFrame) -> np.ndarray:
    known = manifest["label"].notna().to_numpy()
    labels = np.full(len(manifest), -1, np.int32)
    if known.any():
        labels[known] = class_indices(manifest[known], class_names(manifest))
    return labels
