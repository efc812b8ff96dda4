"""Random numbers that are a function of a key: the same photograph, epoch and seed, the same numbers."""

import tensorflow as tf

LOW = 0xFFFFFFFF


def uniform(keys, seed: int, count: int):
    """Draw numbers for each key, all at once, on whatever device the batch is.

    TensorFlow's stateless generators take one key a call; a batch has one for each photograph. So
    each key is put through the finaliser of MurmurHash3, a bijection of 32 bits that leaves no
    visible pattern.

    Args:
        keys: int64 (N, 2), such as epoch and index.
        seed: Any integer.
        count: How many numbers a key gets.

    Returns:
        float32 (N, count), evenly spread over [0, 1), multiples of 2**-24.
    """
    state = _mixed(tf.constant(seed & LOW, tf.int64) ^ 0x9E3779B9)
    for part in (keys[:, 0], keys[:, 1]):
        state = _mixed(tf.bitwise.bitwise_xor(state + 0x7F4A7C15, tf.cast(part, tf.int64) & LOW))
    numbers = tf.range(1, count + 1, dtype=tf.int64) * 0x9E3779B9
    hashed = _mixed(tf.bitwise.bitwise_and(state[:, None] + numbers[None], LOW))
    return tf.cast(tf.bitwise.right_shift(hashed, 8), tf.float32) * 2.0**-24


def _mixed(h):
    """The finaliser of MurmurHash3 for 32 bits, in 64-bit integers, which every device multiplies."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        h = tf.bitwise.bitwise_xor(h, tf.bitwise.right_shift(h, tf.constant(shift, tf.int64)))
        h = tf.bitwise.bitwise_and(h * factor, tf.constant(LOW, tf.int64))
    return h
