"""The report's own two networks, reconstructed from what its text says of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from cervix_tf import errors
from cervix_tf.models.layers import convolution


def cervixnet1(
    x: keras.KerasTensor,
    widths: Sequence[int] = (64, 64, 64, 256, 512, 512, 1024),
    depth: int | None = None,
    conv_dropout: float = 0.2,
    batch_norm_decay: float = 0.9,
) -> keras.KerasTensor:
    """Add the convolutions of CervixNet-1 (section 5.3.1) to an input.

    A reconstruction, the report's figure being lost. Its text gives 12,684,876 parameters with 33.1 %
    of them in the two fully connected layers, strided convolutions instead of pooling, BatchNorm and
    dropout after every convolution, and L2 on the dense layers. One stack has exactly that count of
    trainable parameters: seven 3x3 convolutions of stride 2 without bias, a BatchNorm scale and shift
    on the three input channels and after every layer, the logits included, and dense layers of 1024
    and 3 without bias on the 2x2x1024 maps that 160 and 224 pixels both end in. The text also speaks
    of "two convolutional layers", which no stack of that size can have: the dense layer alone would
    need maps far larger than 33.1 % allows.

    Args:
        x: Input of shape (N, S, S, 3) with values in [-1, 1].
        widths: Filters of the convolutions.
        depth: How many of them to take, from the first on; None takes all.
        conv_dropout: Rate after every convolution, 0.2 being the `keep=0.8` of Table 2.
        batch_norm_decay: Decay of the moving statistics.
    """
    depth = len(widths) if depth is None else depth
    if not 1 <= depth <= len(widths):
        raise errors.UserError(
            f"depth is {depth}: with {len(widths)} widths it is 1 to {len(widths)}."
        )
    x = keras.layers.BatchNormalization(momentum=batch_norm_decay, name="input_BatchNorm")(x)
    for number, filters in enumerate(widths[:depth], start=1):
        name = f"conv{number}"
        x = convolution(x, filters, 3, name, strides=2)
        x = keras.layers.BatchNormalization(momentum=batch_norm_decay, name=f"{name}_BatchNorm")(x)
        x = keras.layers.Activation("relu", name=name)(x)
        x = keras.layers.Dropout(conv_dropout, name=f"{name}_dropout")(x)
    return x


def cervixnet1_head(
    x: keras.KerasTensor, classes: int, options: Mapping[str, Any]
) -> keras.KerasTensor:
    """Add the two dense layers of CervixNet-1, each with its BatchNorm."""

    def dense(x, units, name, activation, dtype=None):
        x = keras.layers.Dense(
            units, use_bias=False, kernel_initializer="he_normal", name=f"{name}_dense"
        )(x)
        x = keras.layers.BatchNormalization(
            momentum=options["batch_norm_decay"], name=f"{name}_BatchNorm"
        )(x)
        return keras.layers.Activation(activation, name=name, dtype=dtype)(x)

    x = keras.layers.Flatten(name="head_flatten")(x)
    x = dense(x, options["dense"], "head_features", "relu")
    x = keras.layers.Dropout(options["dropout"], name="head_dropout")(x)
    return dense(x, classes, "logits", "linear", "float32")


def cervixnet2(
    x: keras.KerasTensor,
    widths: Sequence[int] = (32, 64, 128, 256, 256),
    batch_norm: bool = False,
    batch_norm_decay: float = 0.9,
) -> keras.KerasTensor:
    """Add the convolutions of CervixNet-2 (sections 5.3.2 and 6.2) to an input.

    The text says: five convolutions; max pooling; a 3x3 of stride 2 followed by a 3x3 of stride 1
    instead of a larger filter; width built up before it is pooled away; dropout of 0.5 and L2 of 0.1;
    no BatchNorm, which harmed. Reconstructed, the figure being lost: the widths; pooling after each
    convolution from the second on; one dense layer, the logits, on all positions of the last maps
    (`heads.flat_head`; on their mean, it took several times the steps to leave the prior); and that
    the L2 is on its kernel alone, where 0.1 on every kernel would leave nothing to learn with.

    Args:
        x: Input of shape (N, S, S, 3) with values in [-1, 1].
        widths: Filters of the convolutions, at least two.
        batch_norm: Whether BatchNorm follows every convolution.
        batch_norm_decay: Decay of its moving statistics.
    """
    if len(widths) < 2:
        raise errors.UserError(f"widths is {list(widths)}: cervixnet2 has at least two.")
    for number, filters in enumerate(widths, start=1):
        name = f"conv{number}"
        strides = 2 if number == 1 else 1
        x = convolution(x, filters, 3, name, strides, use_bias=not batch_norm)
        if batch_norm:
            x = keras.layers.BatchNormalization(
                momentum=batch_norm_decay, name=f"{name}_BatchNorm"
            )(x)
        x = keras.layers.Activation("relu", name=name)(x)
        if number > 1:
            x = keras.layers.MaxPooling2D(2, padding="same", name=f"pool{number}")(x)
    return x
