"""Random numbers that are a pure function of their keys, for a whole batch at once.

`tf.random.stateless_uniform` takes one seed a call, which would mean one call an image. A hash of
(seed, epoch, index, draw) gives every image of a batch its own numbers in a few vector operations,
the same on every device, eagerly and compiled, and however the photographs are put into batches.
"""

import tensorflow as tf

_MASK = 0xFFFFFFFF
_STEP = 0x9E3779B9  # 2^32 / golden ratio, an odd number: keeps consecutive keys apart


def uniform(keys: tf.Tensor, draws: int, seed: int) -> tf.Tensor:
    """Draw uniform numbers for each of a batch of keys.

    Args:
        keys: int32 (B, 2): epoch and index of each photograph.
        draws: Numbers wanted for each.
        seed: Sets one use apart from another; 0 to 2^32 - 1.

    Returns:
        float32 (B, draws) in [0, 1), multiples of 2^-24.

    Following: the finaliser of MurmurHash3 (Appleby), once for each key.

    Example:
        >>> uniform(tf.constant([[0, 7]]), draws=3, seed=0)
    """
    keys = tf.cast(keys, tf.int64)
    state = _mix(tf.constant(seed & _MASK, tf.int64) + _STEP)
    for key in (keys[:, :1], keys[:, 1:], tf.range(draws, dtype=tf.int64)[None]):
        state = _mix(state + (key & _MASK) * _STEP + _STEP)
    return tf.cast(tf.bitwise.right_shift(state, tf.constant(8, tf.int64)), tf.float32) * 2.0**-24


def _mix(state: tf.Tensor) -> tf.Tensor:
    # int64 with a mask stands for uint32, which not every device multiplies.
    state = state & _MASK
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state = (
            state ^ tf.bitwise.right_shift(state, tf.constant(shift, tf.int64))
        ) * factor & _MASK
    return state ^ tf.bitwise.right_shift(state, tf.constant(16, tf.int64))
