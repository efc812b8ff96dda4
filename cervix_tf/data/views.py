"""The view of a square that the network gets: random in training, else the centre crop."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cervix_tf.data.draws import uniform
from cervix_tf.errors import UserError

DRAWS = 10  # random numbers a view takes


@keras.saving.register_keras_serializable("cervix_tf")
class RandomView(keras.layers.Layer):
    """Draws one view of each square: flips, quarter turns, rotation, scale, crop, colour.

    All geometry is one affine map and one bilinear resampling, reflecting at the border; flips,
    quarter turns and whole shifts alone move pixels without changing them. Outside training it is
    the centre crop. The transforms are those of section 5.1 of the report.

    Args:
        size: Side of the view in pixels.
        flip: Mirror horizontally and vertically, each with probability one half.
        quarter_turns: Turn by 0, 90, 180 or 270 degrees.
        rotation: Largest free rotation to either side, in degrees, 0 to 180.
        scale: Smallest and largest magnification, drawn evenly in their logarithm.
        crop: Largest shift of the view from the centre, as a share of `size`, in whole pixels.
        brightness: Largest relative change of brightness, 0 to 1.
        contrast: Largest relative change of contrast around mid grey, 0 to 1.
        hue: Largest turn of the hue, as a share of the colour circle, 0 to 0.5.
        seed: Seed of the draws.

    Example:
        >>> view = RandomView(224, flip=True, rotation=20, seed=1)
        >>> view(squares, training=True).shape
        TensorShape([8, 224, 224, 3])
    """

    def __init__(
        self,
        size: int,
        flip: bool = False,
        quarter_turns: bool = False,
        rotation: float = 0.0,
        scale: tuple[float, float] = (1.0, 1.0),
        crop: float = 0.0,
        brightness: float = 0.0,
        contrast: float = 0.0,
        hue: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not 0 < scale[0] <= scale[1]:
            raise UserError(f"scale={scale}: give two positive numbers, the smaller first.")
        self.size, self.flip, self.quarter_turns = size, flip, quarter_turns
        self.rotation, self.scale, self.crop = rotation, tuple(scale), crop
        self.brightness, self.contrast, self.hue, self.seed = brightness, contrast, hue, seed
        self._counter = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, images, keys=None, training=False):
        """View a batch.

        Args:
            images: Squares (N, P, P, 3), uint8 or float32, P at least `size` for the centre crop.
            keys: int32 (N, 2), such as epoch and index: the same seed and key give the same view.
                Without keys every call draws anew.
            training: Draw views; else the centre crop.

        Returns:
            float32 (N, size, size, 3) in [0, 255].
        """
        side = images.shape[1]
        if not training:
            return tf.cast(centre_crop(images, self.size), tf.float32)
        draws = uniform(self._keys(images, keys), self.seed, DRAWS)
        images = tf.cast(images, tf.float32)
        images = tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=self.transforms(draws, side),
            output_shape=[self.size, self.size],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="REFLECT",
        )
        if self.brightness or self.contrast or self.hue:
            images = self._recoloured(images, draws)
        return images

    def transforms(self, draws, side: int):
        """Turn random numbers into the affine maps from view to square.

        Args:
            draws: float32 (N, 10) in [0, 1).
            side: Side P of the squares in pixels.

        Returns:
            float32 (N, 8), rows (a0, a1, a2, b0, b1, b2, 0, 0): the view's pixel (x, y) shows the
            square's (a0 x + a1 y + a2, b0 x + b1 y + b2).
        """
        one = tf.ones_like(draws[:, 0])
        angle = (2 * draws[:, 0] - 1) * math.radians(self.rotation)
        low, high = (math.log(s) for s in self.scale)
        zoom = tf.exp(-(low + (high - low) * draws[:, 1]))
        cos, sin = zoom * tf.cos(angle), zoom * tf.sin(angle)
        if self.quarter_turns:  # by exact integers, so that a turn alone moves whole pixels
            turn = tf.cast(4 * draws[:, 2], tf.int32)
            c, s = tf.gather([1.0, 0.0, -1.0, 0.0], turn), tf.gather([0.0, 1.0, 0.0, -1.0], turn)
            cos, sin = c * cos - s * sin, s * cos + c * sin
        mirror_x = tf.where(draws[:, 3] < 0.5, -one, one) if self.flip else one
        mirror_y = tf.where(draws[:, 4] < 0.5, -one, one) if self.flip else one
        a0, a1, b0, b1 = mirror_x * cos, -mirror_x * sin, mirror_y * sin, mirror_y * cos
        shift = tf.round((2 * draws[:, 5:7] - 1) * self.crop * self.size)
        middle, centre = (self.size - 1) / 2, (side - 1) / 2
        a2 = centre + shift[:, 0] - (a0 + a1) * middle
        b2 = centre + shift[:, 1] - (b0 + b1) * middle
        return tf.stack([a0, a1, a2, b0, b1, b2, 0 * one, 0 * one], axis=1)

    def _keys(self, images, keys):
        if keys is not None:
            return tf.cast(keys, tf.int64)
        number = tf.range(tf.shape(images)[0], dtype=tf.int64)
        fresh = tf.cast(self._counter.next()[0], tf.int64)
        return tf.stack([tf.zeros_like(number) + fresh, number], axis=1)

    def _recoloured(self, images, draws):
        """Brightness, contrast and hue as one 3 x 3 matrix and an offset."""
        angle = (2 * draws[:, 7] - 1) * 2 * math.pi * self.hue
        gain = 1 + (2 * draws[:, 8] - 1) * self.brightness
        contrast = 1 + (2 * draws[:, 9] - 1) * self.contrast
        cos, sin = tf.cos(angle)[:, None, None], tf.sin(angle)[:, None, None]
        # A turn around the grey axis: Rodrigues' formula.
        grey = np.full((3, 3), 1 / 3, "float32")
        across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], "float32") / math.sqrt(3)
        matrix = cos * np.eye(3, dtype="float32") + (1 - cos) * grey + sin * across
        matrix *= (gain * contrast)[:, None, None]
        offset = 127.5 * (1 - contrast)
        coloured = tf.einsum("nhwc,ndc->nhwd", images, matrix) + offset[:, None, None, None]
        return tf.clip_by_value(coloured, 0.0, 255.0)

    def compute_output_shape(self, images_shape, keys_shape=None):
        """Shape of the view of a batch of that shape."""
        return (images_shape[0], self.size, self.size, images_shape[-1])

    def get_config(self) -> dict:
        """What a saved layer is rebuilt from."""
        names = "size flip quarter_turns rotation scale crop brightness contrast hue seed"
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}


def centre_crop(images, size: int):
    """Cut the centre out of squares.

    Args:
        images: (N, P, P, 3), an array or a tensor.
        size: Side of the crop in pixels, at most P.

    Returns:
        (N, size, size, 3), pixels unchanged.

    Raises:
        UserError: The squares are smaller than the crop.
    """
    margin = images.shape[1] - size
    if margin < 0:
        raise UserError(f"Squares of {images.shape[1]} pixels are too small for a crop of {size}.")
    inside = slice(margin // 2, margin // 2 + size)
    return images[:, inside, inside]


def nine_views(square: np.ndarray, view: RandomView):
    """Show nine views of one photograph.

    Args:
        square: uint8 (P, P, 3), as `read_square` gives it.
        view: The layer to try.

    Returns:
        A matplotlib figure; a notebook shows it.

    Example:
        >>> nine_views(read_square("photograph.jpg", 256), RandomView(224, flip=True, rotation=20))
    """
    from matplotlib.figure import Figure

    keys = np.stack([np.zeros(9, int), np.arange(9)], 1)
    views = np.asarray(view(np.repeat(square[None], 9, 0), keys, training=True)).astype("uint8")
    figure = Figure(figsize=(6, 6), layout="constrained")
    for axes, picture in zip(figure.subplots(3, 3).flat, views, strict=True):
        axes.imshow(picture)
        axes.axis("off")
    return figure
