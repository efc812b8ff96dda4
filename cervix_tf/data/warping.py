"""A batch of photographs drawn through affine maps: one bilinear resampling, one colour matrix, erasing.

XLA makes one loop of it all, so that every pixel of a view is computed once, from four neighbours
of the photograph. On a CPU that is five times as fast as `ImageProjectiveTransformV3`, which works
out the position again for each colour, and cuts off what is behind the decimal point of uint8. It
also lets the layer be part of a training step that is compiled by XLA, which that operation cannot.
"""

import functools
import math
import warnings

import tensorflow as tf

GREY = 0.299, 0.587, 0.114  # of red, green and blue, as Rec. 601 weighs them


def render(
    images: tf.Tensor,
    matrices: tf.Tensor,
    size: int,
    colours=None,
    erased=None,
    jit: bool | None = None,
) -> tf.Tensor:
    """Resample a batch of photographs.

    Args:
        images: RGB in [0, 255], uint8 or float, (B, P, P, 3), or more channels behind these, such as
            a mask: they are resampled alike and keep their values.
        matrices: float32 (B, 2, 3): x and y in the photograph from (x, y, 1) in the view, in pixels
            whose centres are whole numbers.
        size: Side S of the views in pixels.
        colours: What `colour_matrices` returns, or None.
        erased: Rectangles (B, 4), top, left, bottom and right, and the colours (B, 3) that cover them
            in the RGB channels; or None.
        jit: Whether XLA compiles it; None for wherever it can.

    Returns:
        float32 (B, S, S, 3 or more) in [0, 255]. Beyond the border the photograph is mirrored, the
        outermost pixel doubled (OpenCV's BORDER_REFLECT).
    """
    rendered = _by_xla if (has_xla() if jit is None else jit) else _by_kernels
    return rendered(images, matrices, size, images.shape[1], images.shape[3], colours, erased)


@functools.cache
def has_xla() -> bool:
    """Whether XLA draws views on the device there is; on a GPU it needs tools of CUDA that may lack.

    Where it does not, a warning says so, once.
    """
    gpus = tf.config.list_logical_devices("GPU")
    if not gpus:
        return True
    try:
        with tf.init_scope(), tf.device(gpus[0].name):
            _by_xla(tf.zeros((1, 2, 2, 3), tf.uint8), tf.zeros((1, 2, 3)), 2, 2, 3, None, None)
    except tf.errors.OpError as error:
        reason = str(error).splitlines()[0]
        warnings.warn(
            f"XLA does not work on {gpus[0].name} ({reason}): views are drawn by TensorFlow's own "
            "kernels, which is slower.",
            stacklevel=2,
        )
        return False
    return True


# Side and channels are told as numbers: in the traced shapes they may have been given up.
def _render(images, matrices, size: int, side: int, channels: int, colours, erased) -> tf.Tensor:
    ramp = tf.range(size, dtype=tf.float32)
    position = matrices[:, :, :1, None] * ramp + matrices[:, :, 1:2, None] * ramp[:, None]
    position += matrices[:, :, 2:, None]
    whole = tf.floor(position)
    part = (position - whole)[..., None]
    first = tf.cast(whole, tf.int32)
    low, high = _mirror(first, side), _mirror(first + 1, side)
    pixels = tf.reshape(images, [-1, channels])
    start = (tf.range(tf.shape(images)[0]) * side**2)[:, None, None]

    def row(y: tf.Tensor) -> tf.Tensor:
        begin = start + y * side
        left = tf.cast(tf.gather(pixels, begin + low[:, 0]), tf.float32)
        right = tf.cast(tf.gather(pixels, begin + high[:, 0]), tf.float32)
        return left + (right - left) * part[:, 0]

    above = row(low[:, 1])
    views = above + (row(high[:, 1]) - above) * part[:, 1]
    if colours is None and erased is None:
        return views
    painted = views[..., :3]
    if colours is not None:
        painted = _colour(painted, *colours)
    if erased is not None:
        painted = _erase(painted, *erased)
    return painted if channels == 3 else tf.concat([painted, views[..., 3:]], axis=3)


_by_xla = tf.function(_render, jit_compile=True, autograph=False, reduce_retracing=True)
_by_kernels = tf.function(_render, jit_compile=False, autograph=False, reduce_retracing=True)


def colour_matrices(
    brightness: tf.Tensor, contrast: tf.Tensor, hue: tf.Tensor, saturation: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Put brightness, contrast, hue and saturation of a view into one linear map of its colours.

    Args:
        brightness: (B,) factors of all colours.
        contrast: (B,) factors of the distance from mid grey.
        hue: (B,) turns about the grey axis, in radians.
        saturation: (B,) factors of the distance from the pixel's own grey (Rec. 601).

    Returns:
        (B, 3, 3), applied to the colours, and (B,), added to them.
    """
    # Rotation about the axis r = g = b (Rodrigues): grey stays grey, and r + g + b stays.
    cos, sin = tf.cos(hue)[:, None, None], tf.sin(hue)[:, None, None] / math.sqrt(3)
    cross = tf.constant([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    turn = cos * tf.eye(3) + (1 - cos) * tf.fill([3, 3], 1 / 3) + sin * cross
    factor = saturation[:, None, None]
    grey = tf.reduce_sum(tf.constant(GREY)[:, None] * turn, axis=1, keepdims=True)
    turn = factor * turn + (1 - factor) * grey
    return (brightness * contrast)[:, None, None] * turn, 127.5 * (1 - contrast)


def _colour(views: tf.Tensor, matrix: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    # Written out, because a product of matrices this small is slow.
    mixed = sum(views[..., k : k + 1] * matrix[:, None, None, :, k] for k in range(3))
    return tf.clip_by_value(mixed + offset[:, None, None, None], 0.0, 255.0)


def _erase(views: tf.Tensor, rectangle: tf.Tensor, fill: tf.Tensor) -> tf.Tensor:
    ramp = tf.range(views.shape[1], dtype=tf.float32)
    top, left, bottom, right = (edge[:, None] for edge in tf.unstack(rectangle, axis=1))
    rows, columns = (ramp >= top) & (ramp < bottom), (ramp >= left) & (ramp < right)
    covered = rows[:, :, None, None] & columns[:, None, :, None]
    return tf.where(covered, fill[:, None, None], views)


def _mirror(position: tf.Tensor, side: int) -> tf.Tensor:
    position = tf.math.floormod(position, 2 * side)
    return tf.minimum(position, 2 * side - 1 - position)
