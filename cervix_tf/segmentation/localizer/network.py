"""The network of the localiser: for each pixel, whether it belongs to the cervix."""

import keras
import numpy as np

from cervix_tf.errors import UserError

SHRINK = 4  # pixels of the picture along one of the mask
DILATIONS = (1, 2, 4, 8, 16, 1)


@keras.saving.register_keras_serializable("cervix_tf")
class PictureNormalization(keras.layers.Layer):
    """Bring each picture's colours to mean 0 and deviation 1, each channel by itself.

    The colour and strength of the light are thereby the same for all: what is learned under one lamp
    holds under another.

    Example:
        >>> PictureNormalization()(images).shape
        TensorShape([32, 128, 128, 3])
    """

    def call(self, images):
        """Normalise.

        Args:
            images: (N, S, S, 3).

        Returns:
            float (N, S, S, 3); a picture of one colour gives zeros.
        """
        images = keras.ops.cast(images, self.compute_dtype)
        mean = keras.ops.mean(images, axis=(1, 2), keepdims=True)
        spread = keras.ops.std(images, axis=(1, 2), keepdims=True)
        return (images - mean) / (spread + 4.0)

    def compute_output_shape(self, input_shape):
        """Tell the shape: the input's."""
        return input_shape


def localizer_network(size: int = 128, width: int = 48) -> keras.Model:
    """Build the fully convolutional network with dilated convolutions.

    Two strided convolutions bring the picture to a quarter; six residual ones with dilations 1, 2, 4,
    8, 16 and 1 then see further than the picture's side without shrinking it more; a last one gives
    a logit to each pixel of the quarter.

    Args:
        size: Side S of the pictures in pixels, a multiple of 4, at least 32.
        width: Channels of the dilated convolutions; 48 make 147,000 parameters.

    Returns:
        A Keras model: RGB (N, S, S, 3) in [0, 255] in, logits (N, S/4, S/4, 1) out.

    Raises:
        UserError: The size is no whole multiple of 4 or below 32, or the width is below 2.

    Following: section 8 of the report (a dilated convolutional network that determines for each pixel
    whether it belongs to the cervix); Yu and Koltun, Multi-Scale Context Aggregation by Dilated
    Convolutions, 2016.

    Example:
        >>> localizer_network(128).output_shape
        (None, 32, 32, 1)
    """
    if not isinstance(size, int | np.integer) or size % SHRINK or size < 32:
        raise UserError(f"size={size!r}: give a whole multiple of {SHRINK} from 32 on.")
    if width < 2:
        raise UserError(f"width={width}: give at least 2.")
    layers = keras.layers

    def convolved(x, filters, name, **options):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name, **options)(x)
        x = layers.BatchNormalization(momentum=0.95, name=f"{name}_norm")(x)
        return layers.Activation("relu", name=f"{name}_relu")(x)

    # --- to a quarter
    inputs = keras.Input((size, size, 3), name="photograph")
    x = PictureNormalization(name="normalized")(inputs)
    x = convolved(x, width // 2, "half", strides=2)
    x = convolved(x, width, "quarter", strides=2)

    # --- ever wider views
    for number, dilation in enumerate(DILATIONS, 1):
        name = f"dilated{number}"
        x = layers.Add(name=f"{name}_sum")([x, convolved(x, width, name, dilation_rate=dilation)])

    # --- cervix or not
    logits = layers.Conv2D(1, 1, name="logits")(x)
    return keras.Model(inputs, logits, name="localizer")
