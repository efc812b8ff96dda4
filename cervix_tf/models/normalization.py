"""Batch normalisation by TensorFlow's fused kernel, as TF-Slim computes it."""

import functools
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("cervix_tf")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation of feature maps in one kernel instead of a dozen element-wise ones.

    Follows TF-Slim, which uses the same kernel: the moving variance gathers the batch's variance with
    Bessel's correction, N / (N - 1), where `keras.layers.BatchNormalization` gathers it without.
    Otherwise the same layer, with the same variables and configuration. Input of shape (N, H, W, C).
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        # XLA makes the step several times slower on a CPU; Keras' jit_compile="auto" asks here.
        self.supports_jit = _has_gpu()

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the batch's statistics in training, else by the moving ones."""
        gamma = tf.convert_to_tensor(self.gamma if self.scale else tf.ones_like(self.moving_mean))
        beta = tf.convert_to_tensor(self.beta if self.center else tf.zeros_like(self.moving_mean))
        if training and self.trainable and self.synchronized:
            mean, variance, count = _moments_of_all(inputs)
            outputs = tf.nn.batch_normalization(
                tf.cast(inputs, mean.dtype), mean, variance, beta, gamma, self.epsilon
            )
            self._move(mean, variance * (count / (count - 1)))
            return tf.cast(outputs, inputs.dtype)
        if training and self.trainable:
            outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
                inputs, gamma, beta, epsilon=self.epsilon, is_training=True
            )
            self._move(mean, variance)
            return outputs
        mean = tf.convert_to_tensor(self.moving_mean)
        variance = tf.convert_to_tensor(self.moving_variance)
        if not training and not _has_gpu():
            # TensorFlow merges this kernel on a CPU with the convolution before and the ReLU after.
            outputs, _, _ = tf.compat.v1.nn.fused_batch_norm(
                inputs, gamma, beta, mean, variance, self.epsilon, is_training=False
            )
            return outputs
        # The gradient of that kernel is slow outside training, and does not exist on a GPU whose
        # operations are made deterministic: a frozen layer in a training step scales and shifts.
        scale = gamma * tf.math.rsqrt(variance + self.epsilon)
        shift = beta - mean * scale
        return inputs * tf.cast(scale, inputs.dtype) + tf.cast(shift, inputs.dtype)

    def _move(self, mean: Any, variance: Any) -> None:
        """Move the moving statistics towards the batch's."""
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))


def _moments_of_all(inputs: Any) -> tuple[Any, Any, Any]:
    """Mean and variance of each channel over the equal shares of all devices, and how many values."""
    context, axes = tf.distribute.get_replica_context(), [0, 1, 2]
    inputs = tf.cast(inputs, tf.float32)
    mean = context.all_reduce("MEAN", tf.reduce_mean(inputs, axes))
    spread = tf.reduce_mean(tf.math.squared_difference(inputs, mean), axes)
    count = tf.size(inputs) // tf.shape(inputs)[3] * context.num_replicas_in_sync
    return mean, context.all_reduce("MEAN", spread), tf.cast(count, tf.float32)


@functools.cache
def _has_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))
