"""MixUp and CutMix: pairs of photographs and of their labels mixed, on the device."""

import tensorflow as tf

from cervix_tf.data.draws import uniform


def mixup(images, targets, keys, alpha: float, seed: int = 0):
    """Blend each photograph with another of the batch (Zhang et al. 2018, arXiv 1710.09412).

    Args:
        images: float32 (N, S, S, 3).
        targets: float32 (N, classes), rows that sum to 1.
        keys: int32 (N, 2): the same seed and keys give the same mixture.
        alpha: Both parameters of the Beta distribution of the shares, above 0.
        seed: Seed of the draws.

    Returns:
        Images and targets, mixed by the same shares.

    Example:
        >>> images, targets = mixup(images, targets, keys, alpha=0.2)
    """
    share = _shares(keys, alpha, seed, salt=1)
    mixed = share[:, None, None, None] * images + (1 - share)[:, None, None, None] * images[::-1]
    return mixed, share[:, None] * targets + (1 - share)[:, None] * targets[::-1]


def cutmix(images, targets, keys, alpha: float, seed: int = 0):
    """Paste a rectangle of another photograph of the batch (Yun et al. 2019, arXiv 1905.04899).

    Args:
        images: float32 (N, S, S, 3).
        targets: float32 (N, classes), rows that sum to 1.
        keys: int32 (N, 2): the same seed and keys give the same mixture.
        alpha: Both parameters of the Beta distribution of the shares, above 0.
        seed: Seed of the draws.

    Returns:
        Images, and targets mixed by the areas that are seen.

    Example:
        >>> images, targets = cutmix(images, targets, keys, alpha=1.0)
    """
    side = tf.cast(tf.shape(images)[1], tf.float32)
    half = tf.sqrt(1 - _shares(keys, alpha, seed, salt=2)) * side / 2
    centre = uniform(tf.cast(keys, tf.int64), seed + 3, 2) * side
    place = tf.range(side)[None]
    rows, columns = (
        tf.logical_and(place >= tf.round(c - half)[:, None], place < tf.round(c + half)[:, None])
        for c in (centre[:, 0], centre[:, 1])
    )
    pasted = tf.cast(tf.logical_and(rows[:, :, None], columns[:, None, :]), tf.float32)
    share = (1 - tf.reduce_mean(pasted, axis=(1, 2)))[:, None]
    pasted = pasted[..., None]
    return (1 - pasted) * images + pasted * images[::-1], share * targets + (1 - share) * targets[
        ::-1
    ]


def _shares(keys, alpha: float, seed: int, salt: int):
    """Beta(alpha, alpha) for each photograph, from two gammas; the batch's first key is the seed."""
    first = tf.cast(keys[0], tf.int32)
    start = tf.stack([first[0] * 1000003 + seed, first[1] * 8 + salt])
    gammas = tf.random.stateless_gamma([2, tf.shape(keys)[0]], start, alpha) + 1e-20
    return gammas[0] / (gammas[0] + gammas[1])
