"""MixUp and CutMix: each image of a batch mixed with the next one, on the device."""

import functools

import numpy as np
import tensorflow as tf

from cervix_tf.data.keyed_random import uniform

# Keep the draws of the two apart from each other's and from those of the views.
_MIXUP, _CUTMIX = 0x6D697875, 0x6375746D


def mixup(images, one_hot, keys, alpha: float = 0.2, seed: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
    """Blend each image of a batch, and its label, with the next one's.

    Args:
        images: float (B, S, S, 3).
        one_hot: float (B, classes), rows that sum to 1.
        keys: int32 (B, 2), epoch and index of each photograph; with the seed they decide the
            weights.
        alpha: Both parameters of the Beta distribution of the weights; above 0.
        seed: Decides the weights; 0 or more.

    Returns:
        Images and labels, of the shapes received, float32.

    Following: Zhang et al., "mixup: Beyond Empirical Risk Minimization" (2018).

    Example:
        >>> images, targets = mixup(images, one_hot, keys, alpha=0.2)
    """
    images, one_hot = tf.cast(images, tf.float32), tf.cast(one_hot, tf.float32)
    weight = _beta(uniform(tf.cast(keys, tf.int64), seed ^ _MIXUP, 1)[:, 0], alpha)
    return _blend(images, weight[:, None, None, None]), _blend(one_hot, weight[:, None])


def cutmix(images, one_hot, keys, alpha: float = 1.0, seed: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
    """Paste a rectangle of the next image of a batch into each, and mix the labels by area.

    Args:
        images: float (B, S, S, 3).
        one_hot: float (B, classes), rows that sum to 1.
        keys: int32 (B, 2), epoch and index of each photograph; with the seed they decide the
            rectangles.
        alpha: Both parameters of the Beta distribution of the area that is kept; above 0.
        seed: Decides the rectangles; 0 or more.

    Returns:
        Images and labels, of the shapes received, float32. The label's weights are the shares of
        the pixels, after the rectangle has been cut off at the border.

    Following: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with
        Localizable Features" (2019).

    Example:
        >>> images, targets = cutmix(images, one_hot, keys)
    """
    images, one_hot = tf.cast(images, tf.float32), tf.cast(one_hot, tf.float32)
    numbers = uniform(tf.cast(keys, tf.int64), seed ^ _CUTMIX, 3)
    side = images.shape[1]
    half = tf.sqrt(1 - _beta(numbers[:, 0], alpha))[:, None] * (side / 2)
    centre = numbers[:, 1:] * side
    low = tf.clip_by_value(tf.round(centre - half), 0, side)[..., None]
    high = tf.clip_by_value(tf.round(centre + half), 0, side)[..., None]
    line = tf.range(side, dtype=tf.float32)
    inside = (line >= low) & (line < high)
    pasted = tf.cast(inside[:, 1, :, None] & inside[:, 0, None, :], tf.float32)
    kept = 1 - tf.reduce_mean(pasted, [1, 2])
    return _blend(images, 1 - pasted[..., None]), _blend(one_hot, kept[:, None])


def _blend(values: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    # A batch is in random order already: the next one is as good a partner as any.
    return weight * values + (1 - weight) * tf.roll(values, -1, 0)


def _beta(numbers: tf.Tensor, alpha: float) -> tf.Tensor:
    """Turn uniform numbers into Beta(alpha, alpha) ones by its quantiles."""
    table = tf.constant(_quantiles(alpha))
    position = numbers * (len(_quantiles(alpha)) - 1)
    below = tf.floor(position)
    first = tf.cast(below, tf.int32)
    low, high = tf.gather(table, first), tf.gather(table, first + 1)
    return low + (high - low) * (position - below)


@functools.cache
def _quantiles(alpha: float) -> np.ndarray:
    # A sampler of gamma numbers rejects some, and so cannot be a function of one uniform number.
    from scipy.stats import beta

    return beta.ppf(np.linspace(0, 1, 4097), alpha, alpha).astype(np.float32)
