"""TF-Slim's Inception v2: the separable stem and ten modules, with its names and its arithmetic."""

import keras

from cervix_tf import errors
from cervix_tf.models.layers import convolution
from cervix_tf.models.normalization import FusedBatchNormalization

# Filters of each module. Of four branches: 1x1; 1x1, 3x3; 1x1, 3x3, 3x3; pool and 1x1. Those that halve
# the maps have three: 1x1, 3x3; 1x1, 3x3, 3x3; pool. Their last convolution has stride 2.
_MODULES: dict[str, tuple] = {
    "Mixed_3b": (64, (64, 64), (64, 96), ("avg", 32)),
    "Mixed_3c": (64, (64, 96), (64, 96), ("avg", 64)),
    "Mixed_4a": ((128, 160), (64, 96)),
    "Mixed_4b": (224, (64, 96), (96, 128), ("avg", 128)),
    "Mixed_4c": (192, (96, 128), (96, 128), ("avg", 128)),
    "Mixed_4d": (160, (128, 160), (128, 160), ("avg", 96)),
    "Mixed_4e": (96, (128, 192), (160, 192), ("avg", 96)),
    "Mixed_5a": ((128, 192), (192, 256)),
    "Mixed_5b": (352, (192, 320), (160, 224), ("avg", 128)),
    "Mixed_5c": (352, (192, 320), (192, 224), ("max", 128)),
}


def inception_v2(
    x: keras.KerasTensor, stem: str = "bias", batch_norm_decay: float = 0.9997
) -> keras.KerasTensor:
    """Add Inception v2 to an input.

    Follows `inception_v2_base` of TF-Slim with depth multiplier 1 and a separable 7x7 stem of depth
    multiplier 8. Every end point of it is the output of a layer of the same name, after BatchNorm and
    activation.

    Args:
        x: Input of shape (N, S, S, 3) with values in [-1, 1].
        stem: What follows the stem's convolution: "bias", as TF-Slim's default argument scope builds
            it, or "batch_norm", as some published checkpoints have it.
        batch_norm_decay: Decay of the moving statistics. TF-Slim's 0.9997 suits long trainings and
            pretrained weights; a short training from scratch needs less, such as 0.95.
    """
    if stem not in ("bias", "batch_norm"):
        raise errors.unknown("stem", stem, ("bias", "batch_norm"))

    def unit(x, filters, size, name, strides=1):
        return normalised(convolution(x, filters, size, name, strides), name)

    def normalised(x, name):
        x = FusedBatchNormalization(
            momentum=batch_norm_decay, epsilon=0.001, scale=False, name=f"{name}_BatchNorm"
        )(x)
        return keras.layers.Activation("relu", name=name)(x)

    def separable_stem(x, name="Conv2d_1a_7x7"):
        x = keras.layers.SeparableConv2D(
            64, 7, strides=2, padding="same", depth_multiplier=8, use_bias=stem == "bias",
            depthwise_initializer="he_normal", pointwise_initializer="he_normal",
            name=f"{name}_convolution",
        )(x)  # fmt: skip
        if stem == "batch_norm":
            return normalised(x, name)
        return keras.layers.Activation("relu", name=name)(x)

    def chain(x, branch, filters, strides=1):
        """1x1, then as many 3x3 as there are further widths; the last one strides."""
        x = unit(x, filters[0], 1, f"{branch}_Conv2d_0a_1x1")
        for letter, width in zip("bc", filters[1:-1], strict=False):
            x = unit(x, width, 3, f"{branch}_Conv2d_0{letter}_3x3")
        suffix = "1a" if strides == 2 else "0" + "abc"[len(filters) - 1]
        return unit(x, filters[-1], 3, f"{branch}_Conv2d_{suffix}_3x3", strides)

    def module(x, name, first, second, third, pooled):
        kind, width = pooled
        one = unit(x, first, 1, f"{name}_Branch_0_Conv2d_0a_1x1")
        two = chain(x, f"{name}_Branch_1", second)
        three = chain(x, f"{name}_Branch_2", (*third, third[-1]))
        pool = keras.layers.AveragePooling2D if kind == "avg" else keras.layers.MaxPooling2D
        four = pool(3, 1, padding="same", name=f"{name}_Branch_3_{kind.title()}Pool_0a_3x3")(x)
        four = unit(four, width, 1, f"{name}_Branch_3_Conv2d_0b_1x1")
        return keras.layers.Concatenate(name=name)([one, two, three, four])

    def reduction(x, name, first, second):
        one = chain(x, f"{name}_Branch_0", first, strides=2)
        two = chain(x, f"{name}_Branch_1", (*second, second[-1]), strides=2)
        three = max_pool(x, f"{name}_Branch_2_MaxPool_1a_3x3")
        return keras.layers.Concatenate(name=name)([one, two, three])

    def max_pool(x, name):
        return keras.layers.MaxPooling2D(3, 2, padding="same", name=name)(x)

    x = separable_stem(x)
    x = max_pool(x, "MaxPool_2a_3x3")
    x = unit(x, 64, 1, "Conv2d_2b_1x1")
    x = unit(x, 192, 3, "Conv2d_2c_3x3")
    x = max_pool(x, "MaxPool_3a_3x3")
    for name, filters in _MODULES.items():
        x = (module if len(filters) == 4 else reduction)(x, name, *filters)
    return x
