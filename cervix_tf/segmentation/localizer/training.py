"""Training of the localiser on masks or boxes."""

import logging
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from cervix_tf.data import RandomView, split, training_stream
from cervix_tf.data.crops import BOX, boxes_of, check_box, read_mask_of
from cervix_tf.data.decoding import UnreadableError
from cervix_tf.data.decoding_pass import UnreadablePhotographs
from cervix_tf.data.manifests import photographs_or_phantoms, validated
from cervix_tf.data.photographs import Progress, picture_sizes
from cervix_tf.data.views import random_view
from cervix_tf.errors import UserError
from cervix_tf.files import check_output
from cervix_tf.segmentation.localizer.model import Localizer, keras_file, squeezed
from cervix_tf.segmentation.localizer.network import SHRINK, localizer_network

log = logging.getLogger(__name__)

# A cervix may be anywhere and of any size, under any lamp.
AUGMENT = {
    "flip": True,
    "quarter_turns": False,
    "rotation": 30.0,
    "scale": (0.8, 1.25),
    "crop": 0.12,
    "brightness": 0.3,
    "contrast": 0.3,
    "hue": 0.06,
}


def fit_localizer(
    manifest: pd.DataFrame,
    path: Path | str,
    steps: int = 600,
    seed: int = 0,
    validation: float = 0.2,
    size: int = 128,
    batch_size: int = 16,
    learning_rate: float = 0.003,
    augment: dict | None = None,
    progress: Progress | None = None,
) -> Localizer:
    """Train a localiser and write it to a file.

    It learns from masks (column `mask`, pictures of the whole photograph that are not black where the
    cervix is), or where a row has none from its box (columns `box_x`, `box_y`, `box_w`, `box_h`, as
    `add_boxes` gives them): the ellipse within the box is then taken for the mask. Photographs and
    masks go through the same random view, `data.RandomView`, as one picture of four channels; colours
    change in the photograph alone. The loss is binary cross-entropy plus one minus Dice; Adam, its
    rate falling to 0 along a cosine.

    Args:
        manifest: Photographs with masks or boxes. Those whose `split` is `validation` are held out,
            or where there are none, the share `validation` of the others by group; rows whose
            split is `test` (unless all are), and rows without mask and box, are left out.
        path: The file to write, ending in `.keras`.
        steps: Optimiser steps, 1 or more.
        seed: Determines split, order, views and initial weights.
        validation: Share held out, above 0 and at most 0.5.
        size: Side in pixels of the squares that whole photographs are squeezed to; a multiple of 4.
        batch_size: Photographs a step.
        learning_rate: At the start, above 0 and at most 1.
        augment: Options of `data.RandomView`; by default flips, rotation by up to 30 degrees,
            magnification 0.8 to 1.25, shifts and strong changes of light and colour.
        progress: Called with the steps done and their number.

    Returns:
        The localiser. Its `card` has the figures on the held-out photographs, `dice` and `iou` (means
        of the masks as `predict` gives them), and what it was trained on.

    Raises:
        UserError: There is no mask or box, an option is out of range, or some photographs, masks or boxes
            cannot be used (all are named).

    Example:
        >>> fit_localizer(read_manifest("data"), "localizer.keras", steps=300).card["iou"]
    """
    path = keras_file(path)
    check_output(path)
    for name, count in (("steps", steps), ("batch_size", batch_size), ("seed", seed)):
        whole, least = isinstance(count, int | np.integer), 0 if name == "seed" else 1
        if not whole or isinstance(count, bool) or not least <= count < 2**32:
            raise UserError(f"{name}={count!r}: give a whole number, {least} or more, below 2^32.")
    for name, share, most in (("learning_rate", learning_rate, 1), ("validation", validation, 0.5)):
        if not isinstance(share, int | float) or isinstance(share, bool) or not 0 < share <= most:
            raise UserError(f"{name}={share!r}: give a number above 0 and at most {most}.")
    keras.utils.set_random_seed(seed)
    network = localizer_network(size)
    view = random_view(size, AUGMENT if augment is None else augment, seed)
    photographs = _learnable(validated(manifest), validation, seed)
    pictures, reasons = squeezed(photographs["path"].tolist(), size)
    masks = np.empty(pictures.shape[:3], np.uint8)
    sizes = picture_sizes(photographs.drop(index=list(reasons)))
    for k, width, height in zip(sizes.index, sizes["width"], sizes["height"], strict=True):
        try:
            masks[k] = _target(photographs.loc[k], size, height, width)
        except UnreadableError as error:
            reasons[k] = str(error)
    if reasons:
        raise UnreadablePhotographs([Path(path) for path in photographs["path"]], reasons)
    held_out = (photographs["split"] == "validation").to_numpy()
    counts = int((~held_out).sum()), int(held_out.sum())
    log.info("%d photographs to learn from, %d held out, %d steps", *counts, steps)

    # --- training
    squares = np.concatenate([pictures, masks[..., None]], axis=3)[~held_out]
    stream = training_stream(squares, np.zeros(len(squares), "int32"), batch_size, seed)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    step = _stepper(network, view, keras.optimizers.Adam(rate))
    losses = []
    for done, (images, keys, _) in enumerate(stream.take(steps), 1):
        losses.append(float(step(images, keys)))
        if not np.isfinite(losses[-1]):
            raise UserError(f"The loss is {losses[-1]} at step {done}: lower the learning_rate.")
        if progress:
            progress(done, steps)
        if done % 100 == 0 or done == steps:
            log.info("step %d: loss %.4f", done, np.mean(losses[-100:]))

    # --- figures
    localizer = Localizer(network)
    predicted, _, confidence = localizer.predict(pictures[held_out])
    dice, iou = overlap(predicted, masks[held_out] > 127)
    localizer.card = {
        "data": photographs_or_phantoms(photographs),
        "photographs": counts[0],
        "held_out": counts[1],
        "steps": steps,
        "seed": seed,
        "loss": round(float(np.mean(losses[-100:])), 4),
        "dice": round(float(dice.mean()), 4),
        "iou": round(float(iou.mean()), 4),
        "located": round(float((confidence >= localizer.threshold).mean()), 4),
    }
    log.info("held out: Dice %.4f, IoU %.4f", localizer.card["dice"], localizer.card["iou"])
    localizer.save(path)
    return localizer


def overlap(masks: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure how far masks agree.

    Args:
        masks: bool (N, ...).
        targets: bool (N, ...), of the same shape.

    Returns:
        Dice, 2|A and B| / (|A| + |B|), and intersection over union, each float (N,) in [0, 1]; two
        empty masks agree wholly.

    Raises:
        UserError: They are not bool, or of two shapes.

    Example:
        >>> overlap(np.ones((1, 2, 2), bool), np.eye(2, dtype=bool)[None])
        (array([0.66666667]), array([0.5]))
    """
    if masks.dtype != bool or targets.dtype != bool or masks.shape != targets.shape:
        raise UserError(
            f"Masks to compare must be bool and of one shape: received {masks.dtype} {masks.shape} and "
            f"{targets.dtype} {targets.shape}."
        )
    axes = tuple(range(1, masks.ndim))
    both = (masks & targets).sum(axes)
    areas = masks.sum(axes) + targets.sum(axes)
    empty = areas == 0
    return (
        np.where(empty, 1.0, 2 * both / np.maximum(areas, 1)),
        np.where(empty, 1.0, both / np.maximum(areas - both, 1)),
    )


def _stepper(network: keras.Model, view: RandomView, optimizer: keras.optimizers.Optimizer):
    optimizer.build(network.trainable_variables)

    @tf.function(autograph=False)
    def step(squares, keys):
        views = view(squares, keys, training=True)
        # How much of each pixel of the quarter the mask covers.
        targets = tf.nn.avg_pool2d(views[..., 3:] / 255.0, SHRINK, SHRINK, "VALID")
        with tf.GradientTape() as tape:
            logits = network(views[..., :3], training=True)
            probabilities = tf.sigmoid(logits)
            entropy = tf.reduce_mean(
                tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
            )
            both = tf.reduce_sum(probabilities * targets, axis=(1, 2, 3))
            areas = tf.reduce_sum(probabilities + targets, axis=(1, 2, 3))
            loss = entropy + 1 - tf.reduce_mean((2 * both + 1) / (areas + 1))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply(gradients, network.trainable_variables)
        return loss

    return step


def _learnable(manifest: pd.DataFrame, validation: float, seed: int) -> pd.DataFrame:
    """Select the photographs with a mask or box, each with the split train or validation."""
    outlined = np.zeros(len(manifest), bool)
    if "mask" in manifest:
        outlined |= manifest["mask"].notna().to_numpy()
    if set(BOX) <= set(manifest.columns):
        valid = boxes_of(manifest)[1]
        wrong = manifest[list(BOX)].notna().any(axis=1).to_numpy() & ~valid & ~outlined
        if wrong.any():
            raise UserError(
                f"{int(wrong.sum())} of {len(manifest)} photographs have no valid box in "
                f"{', '.join(BOX)} (pixels), such as {manifest['path'].iloc[int(wrong.argmax())]}: mend "
                "it, or leave it empty."
            )
        outlined |= valid
    if not outlined.any():
        raise UserError(
            "The manifest has no mask and no box to learn from: give a column 'mask', or boxes by "
            "cervix_tf.segmentation.add_boxes."
        )
    # One class for all: a mask can be learned from without the photograph's type.
    photographs = manifest[outlined].assign(label="cervix").reset_index(drop=True)
    if (photographs["split"] == "test").all():  # as a manifest without labels has it
        photographs["split"] = None
    if (photographs["split"] == "validation").any():
        photographs["split"] = photographs["split"].fillna("train")
    else:
        photographs = split(photographs, validation, seed)
    photographs = photographs[photographs["split"] != "test"].reset_index(drop=True)
    for name in ("train", "validation"):
        if not (photographs["split"] == name).any():
            raise UserError(f"No photograph with a mask or box has the split '{name}'.")
    return photographs


def _target(row: pd.Series, size: int, height: int, width: int) -> np.ndarray:
    """The mask of a photograph, squeezed as it is, uint8 (size, size)."""
    path = row.get("mask")
    if isinstance(path, str):
        mask = read_mask_of(Path(path), height, width, whole=True)
        return cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA)
    scale = np.array([size / width, size / height])
    x, y, w, h = box = [float(row[name]) for name in BOX]
    check_box(box, height, width)
    centre, half = np.array([x + w / 2, y + h / 2]) * scale, np.array([w, h]) / 2 * scale
    grid = np.arange(size) + 0.5
    far = ((grid - centre[0]) / half[0]) ** 2 + ((grid[:, None] - centre[1]) / half[1]) ** 2
    return np.where(far <= 1, 255, 0).astype(np.uint8)
