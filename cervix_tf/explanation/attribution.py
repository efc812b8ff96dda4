"""Which pixels a network's answer depends on: gradients, SmoothGrad, integrated gradients, Grad-CAM."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cervix_tf.errors import UserError, unknown
from cervix_tf.explanation.gradients import feature_cams, gradcam_layer, input_gradients, layers_of
from cervix_tf.runs import Run

BATCH = 16  # images at a time; the maps do not depend on it


def saliency(
    model: keras.Model,
    images: np.ndarray,
    classes: np.ndarray,
    method: str = "gradient",
    *,
    seed: int = 0,
    **options: Any,
) -> np.ndarray:
    """Map how much each pixel matters to the logit of a class.

    The score explained is the logit, the output of the layer `logits`, and not the probability, which
    rises also when another class falls.

    Args:
        model: Built by `cx.models.build`, or any Keras model with a layer called `logits`; it may nest
            another as a layer.
        images: RGB (N, H, W, 3) in [0, 255], uint8 or float, of the size the model takes.
        classes: (N,) class indices: the class whose logit is explained for each image.
        method: One of

            - "gradient": largest absolute gradient over the channels, as Figure 17 of the report
              (Simonyan, Vedaldi and Zisserman 2013);
            - "smoothgrad": the same of the mean gradient over noisy copies (Smilkov et al. 2017);
              options `samples` (25) and `noise` (0.15, standard deviation as a share of 255);
            - "integrated": absolute value of `integrated_gradients`, channels summed; options `steps`
              and `baseline`;
            - "gradcam": feature maps weighted by their mean gradients, the positive part, enlarged
              bilinearly (Selvaraju et al. 2017); options `layer`, the name of the layer whose maps are
              taken, by default `gradcam_layer(model)`, and `average`. False weights each position by
              its own gradient (HiResCAM, Draelos and Carin 2020). By default True, except for a model
              that flattens its maps, such as the CervixNets: there each position has weights of its
              own, which cancel in the mean. For a head that averages over positions both give the
              same map of its last layer.
        seed: Seed of SmoothGrad's noise, 0 or more; the other methods draw nothing.
        **options: Those of the method.

    Returns:
        float32 (N, H, W), 0 or more. Scales differ from image to image and from method to method.

    Raises:
        UserError: An unknown method, option or layer, or images and classes that do not fit.

    Example:
        >>> model = cx.models.build("cervixnet2", image_size=32)
        >>> saliency(model, np.zeros((2, 32, 32, 3), "uint8"), [0, 2], method="gradcam").shape
        (2, 32, 32)
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    work = METHODS[method]
    allowed = [name for name in inspect.signature(work).parameters][3:]
    for key in options:
        if key not in allowed:
            raise unknown(f"option of method {method}:", key, [k for k in allowed if k != "seed"])
    if "seed" in allowed:
        options["seed"] = seed
    return work(model, *_checked(model, images, classes), **options)


def run_saliency(
    run: Run, images: np.ndarray, classes: np.ndarray, method: str = "gradient", **options: Any
) -> np.ndarray:
    """Map what a run looks at; of an ensemble the mean map of its runs.

    Args:
        run: The run or ensemble.
        images: As `saliency` takes them.
        classes: As `saliency` takes them.
        method: As `saliency` takes it.
        **options: As `saliency` takes them.

    Returns:
        As `saliency` returns it.

    Example:
        >>> run_saliency(load("runs/first"), images, classes, "gradcam")
    """
    each = (saliency(member.model, images, classes, method, **options) for member in run.members)
    return np.mean(list(each), axis=0)


def integrated_gradients(
    model: keras.Model,
    images: np.ndarray,
    classes: np.ndarray,
    steps: int = 50,
    baseline: float | np.ndarray = 0.0,
) -> np.ndarray:
    """Share a logit's rise over that of a baseline out to the pixels (Sundararajan et al. 2017).

    The gradient is averaged along the straight line from the baseline to the image, by the midpoint
    rule, and multiplied by their difference. Complete: the attributions of an image sum to the
    logit's difference between image and baseline, up to the error of the rule. Where image and
    baseline agree nothing is attributed: with a black baseline, to black pixels.

    Args:
        model: As for `saliency`.
        images: As for `saliency`.
        classes: As for `saliency`.
        steps: Points on the line, from 1.
        baseline: Where the line begins: a grey value in [0, 255], 0 being the paper's black image, or
            RGB that broadcasts to `images`, such as blurred copies of them.

    Returns:
        float32 (N, H, W, 3), of either sign, in units of the logit.

    Raises:
        UserError: As for `saliency`, or `steps` less than 1.

    Example:
        >>> model = cx.models.build("cervixnet2", image_size=32)
        >>> integrated_gradients(model, np.zeros((1, 32, 32, 3), "uint8"), classes=[0]).shape
        (1, 32, 32, 3)
    """
    images, classes = _checked(model, images, classes)
    if steps < 1:
        raise UserError(f"steps is {steps}: integrated gradients need at least 1.")
    start = np.broadcast_to(np.asarray(baseline, "float32"), images.shape)
    gradient = input_gradients(model, images.shape[1:])
    maps = np.empty_like(images)
    for batch in _batches(len(images)):
        difference = images[batch] - start[batch]
        total = np.zeros_like(difference)
        for step in range(steps):
            total += gradient(
                start[batch] + difference * ((step + 0.5) / steps), classes[batch]
            ).numpy()
        maps[batch] = difference * total / steps
    return maps


def mass_inside(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Measure how much of each map lies inside a mask.

    Args:
        maps: (N, H, W), 0 or more, as `saliency` returns them.
        masks: (N, H, W): the share of each pixel that is inside, in [0, 1].

    Returns:
        float64 (N,), in [0, 1]. Chance is the mask's share of the area, `masks.mean(axis=(1, 2))`; a
        map of zeros points nowhere and counts as spread evenly.

    Raises:
        UserError: Maps and masks are of two shapes or no pictures, or their values leave these ranges.

    Example:
        >>> mass_inside(np.ones((1, 2, 2)), np.array([[[1, 0], [0, 0]]]))
        array([0.25])
    """
    maps, masks = np.asarray(maps, "float64"), np.asarray(masks, "float64")
    if maps.ndim != 3 or maps.shape != masks.shape or 0 in maps.shape:
        raise UserError(
            f"Maps and masks are (N, H, W) both; received {maps.shape} and {masks.shape}."
        )
    # A comparison with NaN is false.
    if not ((maps >= 0) & (maps < np.inf)).all() or not ((masks >= 0) & (masks <= 1)).all():
        raise UserError(
            f"Maps are 0 or more and masks from 0 to 1 (divide those of uint8 by 255); received "
            f"{maps.min():g} to {maps.max():g} and {masks.min():g} to {masks.max():g}."
        )
    total = maps.sum(axis=(1, 2))
    inside = (maps * masks).sum(axis=(1, 2))
    share = np.divide(inside, total, out=np.zeros_like(total), where=total > 0)
    return np.where(total > 0, share, masks.mean(axis=(1, 2)))


# The methods, each (N, H, W, 3) float32 and (N,) int32 -> (N, H, W) ----------------------------------


def _plain(model, images, classes):
    gradient = input_gradients(model, images.shape[1:])
    maps = np.empty(images.shape[:3], "float32")
    for batch in _batches(len(images)):
        maps[batch] = np.abs(gradient(images[batch], classes[batch])).max(axis=-1)
    return maps


def _smooth(model, images, classes, samples=25, noise=0.15, seed=0):
    if samples < 1 or not noise >= 0:
        raise UserError(
            f"samples={samples}, noise={noise}: give at least 1 sample, noise 0 or more."
        )
    gradient = input_gradients(model, images.shape[1:])
    total = np.zeros_like(images)
    for sample in range(samples):
        # One noise for all images: a map does not depend on the others or on the batches.
        drawn = tf.random.stateless_normal(images.shape[1:], [seed, sample], stddev=255 * noise)
        for batch in _batches(len(images)):
            total[batch] += gradient(images[batch] + drawn, classes[batch]).numpy()
    return np.abs(total).max(axis=-1) / samples


def _integrated(model, images, classes, steps=50, baseline=0.0):
    maps = integrated_gradients(model, images, classes, steps, baseline)
    return np.abs(maps.sum(axis=-1))


def _gradcam(model, images, classes, layer=None, average=None):
    if average is None:
        average = not any(isinstance(part, keras.layers.Flatten) for part in layers_of(model))
    compute = feature_cams(model, images.shape[1:], layer or gradcam_layer(model), average)
    maps = np.empty(images.shape[:3], "float32")
    for batch in _batches(len(images)):
        maps[batch] = compute(images[batch], classes[batch])
    return maps


METHODS: dict[str, Callable[..., np.ndarray]] = {
    "gradient": _plain,
    "smoothgrad": _smooth,
    "integrated": _integrated,
    "gradcam": _gradcam,
}


def _batches(count: int) -> list[slice]:
    return [slice(first, first + BATCH) for first in range(0, count, BATCH)]


def _checked(model: keras.Model, images: Any, classes: Any) -> tuple[np.ndarray, np.ndarray]:
    images, classes = np.asarray(images, "float32"), np.asarray(classes, "int32")
    wanted = model.input_shape
    if images.ndim != 4 or any(
        w not in (None, s) for w, s in zip(wanted, images.shape, strict=True)
    ):
        raise UserError(f"The model takes images of shape {wanted}; received {images.shape}.")
    count = model.output_shape[-1]
    if classes.shape != images.shape[:1] or ((classes < 0) | (classes >= count)).any():
        raise UserError(
            f"classes must be one index from 0 to {count - 1} for each of the {len(images)} images; "
            f"received shape {classes.shape}."
        )
    return images, classes
