"""Batch normalisation by TensorFlow's fused kernel, as TF-Slim computes it."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("cervix_tf")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation of feature maps in one kernel instead of a dozen element-wise ones.

    Follows TF-Slim, which uses the same kernel: the moving variance gathers the batch's variance with
    Bessel's correction, N / (N - 1), where `keras.layers.BatchNormalization` gathers it without.
    Otherwise the same layer, with the same variables and configuration. Input of shape (N, H, W, C).

    Args:
        **kwargs: As for `keras.layers.BatchNormalization`, the last axis being normalised.

    Example:
        >>> FusedBatchNormalization(momentum=0.9997, scale=False)(tf.zeros((2, 8, 8, 3))).shape
        TensorShape([2, 8, 8, 3])
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the batch's statistics in training, else by the moving ones."""
        gamma = self.gamma if self.scale else tf.ones_like(self.moving_mean)
        beta = self.beta if self.center else tf.zeros_like(self.moving_mean)
        if not (training and self.trainable):
            # Scale and shift: cheaper than the kernel, whose gradient outside training is slow on a
            # CPU and does not exist on a GPU when operations are made deterministic.
            scale = gamma * tf.math.rsqrt(self.moving_variance + self.epsilon)
            shift = beta - self.moving_mean * scale
            return inputs * tf.cast(scale, inputs.dtype) + tf.cast(shift, inputs.dtype)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            tf.convert_to_tensor(gamma),
            tf.convert_to_tensor(beta),
            epsilon=self.epsilon,
            is_training=True,
        )
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return outputs
