"""The convolution that the networks built here consist of."""

import keras


def convolution(
    x: keras.KerasTensor,
    filters: int,
    size: int,
    name: str,
    strides: int = 1,
    padding: str = "same",
    use_bias: bool = False,
) -> keras.KerasTensor:
    """Add a convolution with He's initial weights, the layer `NAME_convolution`."""
    layer = keras.layers.Conv2D(
        filters, size, strides, padding,
        use_bias=use_bias, kernel_initializer="he_normal", name=f"{name}_convolution",
    )  # fmt: skip
    return layer(x)
