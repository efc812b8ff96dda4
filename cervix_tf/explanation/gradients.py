"""Gradients of a logit with respect to the image, or to a layer's maps, compiled once for a model."""

import contextlib
import functools
from collections.abc import Iterator

import keras
import tensorflow as tf

from cervix_tf.errors import UserError, unknown


def gradcam_layer(model: keras.Model) -> str:
    """Name the layer whose maps Grad-CAM takes by default.

    It is the last one with an output (N, h, w, C) of more than one position: what the head sees. A
    model nested as a layer counts as one layer.

    Args:
        model: As for `saliency`.

    Returns:
        The layer's name.

    Raises:
        UserError: No layer has such an output.

    Example:
        >>> gradcam_layer(cx.models.build("inception"))
        'Mixed_5c'
    """
    for layer in reversed(model.layers):
        shape = getattr(getattr(layer, "output", None), "shape", ())
        if (
            len(shape) == 4
            and shape[1:3] != (1, 1)
            and not isinstance(layer, keras.layers.InputLayer)
        ):
            return layer.name
    raise UserError(f"{model.name} has no layer with feature maps: Grad-CAM cannot explain it.")


@functools.lru_cache(maxsize=2)
def input_gradients(model: keras.Model, shape: tuple[int, ...]):
    """Compile (N, *shape) images and (N,) classes -> the gradient of each logit, as the images."""
    logits = _layer(model, "logits")

    def gradients(images, classes):
        images = tf.convert_to_tensor(images, tf.float32)  # an array where nothing is compiled
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            with _heard(logits) as scores:
                model(images, training=False)
            score = tf.gather(scores[-1], classes, batch_dims=1)
        return tape.gradient(score, images)

    return _compiled(gradients, shape)


@functools.lru_cache(maxsize=2)
def feature_cams(model: keras.Model, shape: tuple[int, ...], name: str, average: bool):
    """Compile (N, *shape) images and (N,) classes -> (N, H, W) class activation maps of a layer."""
    logits, layer = _layer(model, "logits"), _layer(model, name)

    def cams(images, classes):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            with _heard(logits) as scores, _heard(layer, tape) as maps:
                model(images, training=False)
            score = tf.gather(scores[-1], classes, batch_dims=1)
        features = maps[-1]
        if len(features.shape) != 4:
            raise UserError(
                f"The layer {name} puts out {features.shape}: Grad-CAM needs (N, h, w, C)."
            )
        slopes = tape.gradient(score, features)
        if slopes is None:
            raise UserError(f"The logits do not depend on the layer {name}: name another one.")
        weights = tf.reduce_mean(slopes, axis=(1, 2), keepdims=True) if average else slopes
        cam = tf.nn.relu(tf.reduce_sum(weights * features, axis=-1, keepdims=True))
        return tf.image.resize(tf.cast(cam, tf.float32), shape[:2])[..., 0]

    return _compiled(cams, shape)


def _compiled(work, shape):
    signature = [tf.TensorSpec((None, *shape), tf.float32), tf.TensorSpec((None,), tf.int32)]
    # Without autograph, which would wrap a UserError of the tracing in lines of its own.
    return tf.function(work, input_signature=signature, autograph=False)


@contextlib.contextmanager
def _heard(layer: keras.layers.Layer, tape: tf.GradientTape | None = None) -> Iterator[list]:
    """Collect what a layer puts out while the block runs, however deep in the model it is nested.

    A second model from the input to that output, the usual way, cannot be made of a layer inside a
    nested model.
    """
    outputs: list = []
    plain, replaced = layer.call, "call" in vars(layer)  # replaced where it is listened to twice

    def call(*args, **kwargs):
        output = plain(*args, **kwargs)
        if tape is not None:
            tape.watch(output)
        outputs.append(output)
        return output

    layer.call = call
    try:
        yield outputs
    finally:
        if replaced:
            layer.call = plain
        else:
            del layer.call  # the class's again


def _layer(model: keras.Model, name: str) -> keras.layers.Layer:
    inside = layers_of(model)
    for layer in inside:
        if layer.name == name:
            return layer
    raise unknown("layer", name, [layer.name for layer in inside])


def layers_of(model: keras.Model) -> list[keras.layers.Layer]:
    """List the layers of a model, those of a nested one after it."""
    layers = []
    for layer in model.layers:
        layers += [layer, *(layers_of(layer) if isinstance(layer, keras.Model) else [])]
    return layers
