"""TF-Slim's ResNet v1 of 50, 101 or 152 layers, with its names and its arithmetic."""

import keras

from cervix_tf import errors
from cervix_tf.models.layers import convolution
from cervix_tf.models.normalization import FusedBatchNormalization

_UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def resnet_v1(
    x: keras.KerasTensor, depth: int = 101, batch_norm_decay: float = 0.997
) -> keras.KerasTensor:
    """Add ResNet v1 to an input.

    Follows `resnet_v1` of TF-Slim, which differs from `keras.applications.ResNet101` in where it
    strides (the 3x3 convolution of a block's last unit, not the first 1x1 of its first), in padding
    before strided convolutions whatever the size of the maps, and in having no biases. The end point
    `resnet_v1_101/block1/unit_1/bottleneck_v1/conv1` is the output of the layer
    `block1_unit_1_bottleneck_v1_conv1`, and so on for every other.

    Args:
        x: Input of shape (N, S, S, 3), in the convention of the weights (see `preprocessing`).
        depth: 50, 101 or 152.
        batch_norm_decay: Decay of the moving statistics. TF-Slim's 0.997 suits long trainings and
            pretrained weights; a short training from scratch needs less, such as 0.95.
    """
    if depth not in _UNITS:
        raise errors.UserError(f"resnet has no depth {depth!r}: take 50, 101 or 152.")

    def unit(x, filters, size, name, strides=1, activation: str | None = "relu"):
        if strides > 1 and size > 1:  # padded on both sides alike, which "same" would not do
            x = keras.layers.ZeroPadding2D(size // 2, name=f"{name}_padding")(x)
        padding = "valid" if strides > 1 else "same"
        x = convolution(x, filters, size, name, strides, padding)
        x = FusedBatchNormalization(
            momentum=batch_norm_decay, epsilon=1e-5, name=f"{name}_BatchNorm"
        )(x)
        return keras.layers.Activation(activation, name=name)(x)

    def bottleneck(x, filters, strides, name):
        if x.shape[-1] == 4 * filters:
            shortcut = x
            if strides > 1:
                shortcut = keras.layers.MaxPooling2D(1, strides, name=f"{name}_shortcut")(x)
        else:
            shortcut = unit(x, 4 * filters, 1, f"{name}_shortcut", strides, None)
        residual = unit(x, filters, 1, f"{name}_conv1")
        residual = unit(residual, filters, 3, f"{name}_conv2", strides)
        residual = unit(residual, 4 * filters, 1, f"{name}_conv3", activation=None)
        x = keras.layers.Add(name=f"{name}_sum")([shortcut, residual])
        return keras.layers.Activation("relu", name=name)(x)

    x = unit(x, 64, 7, "conv1", strides=2)
    x = keras.layers.MaxPooling2D(3, 2, padding="same", name="pool1")(x)
    for block, units in enumerate(_UNITS[depth], start=1):
        for number in range(1, units + 1):
            strides = 2 if number == units and block < 4 else 1
            name = f"block{block}_unit_{number}_bottleneck_v1"
            x = bottleneck(x, 64 * 2 ** (block - 1), strides, name)
        x = keras.layers.Activation("linear", name=f"block{block}")(x)
    return x
