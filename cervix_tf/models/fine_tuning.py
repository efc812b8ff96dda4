"""Which layers train, and what the loss charges their kernels."""

import re

import keras

from cervix_tf import errors
from cervix_tf.models.heads import HEAD_PREFIXES


def head_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """List the layers that come after the feature maps.

    Args:
        model: Built by `cx.models.build`, or loaded from a file.

    Returns:
        The head's layers in order, the last being `logits` and `probabilities`; CervixNet-1's are its
        dense layers and their BatchNorm.

    Example:
        >>> from cervix_tf import models
        >>> [layer.name for layer in head_layers(models.build("cervixnet2", image_size=32))]
        ['head_flatten', 'head_dropout', 'logits', 'probabilities']
    """
    return [layer for layer in model.layers if layer.name.startswith(HEAD_PREFIXES)]


def set_trainable(
    model: keras.Model, train: str = "all", freeze_batch_norm: bool = False
) -> keras.Model:
    """Choose the layers that a stage of training changes.

    The others are frozen: Keras runs a frozen BatchNorm in inference mode, so that not one of their
    variables changes, its moving statistics included. Compile the model after it, not before.

    Args:
        model: Built by `cx.models.build`, or loaded from a file.
        train: "head"; "all"; or the name of a layer or block such as "Mixed_5a" or "block4", which
            trains it whole and every layer after it, in the order of `model.layers`.
        freeze_batch_norm: Keep BatchNorm outside the head frozen all the same.

    Returns:
        The model itself.

    Raises:
        UserError: There is no layer or block of that name.

    Example:
        >>> from cervix_tf import models
        >>> model = set_trainable(models.build("cervixnet2", image_size=32), "head")
        >>> [variable.path for variable in model.trainable_variables]
        ['logits/kernel', 'logits/bias']
    """
    names = [layer.name for layer in model.layers]
    if train == "all":
        first = 0
    elif train == "head":
        first = len(names)
    else:
        # A block's last layer carries its name, the layers inside it begin with it.
        inside = [i for i, n in enumerate(names) if n == train or n.startswith(f"{train}_")]
        if not inside:
            raise errors.unknown("layer to train from", train, ["head", "all", *_blocks(names)])
        first = inside[0]
    for number, layer in enumerate(model.layers):
        frozen_norm = freeze_batch_norm and isinstance(layer, keras.layers.BatchNormalization)
        in_head = layer.name.startswith(HEAD_PREFIXES)
        layer.trainable = in_head or (number >= first and not frozen_norm)
    return model


def _blocks(names: list[str]) -> list[str]:
    """Leave out the layers inside another that carries their name's beginning."""
    return [
        name
        for name in names
        if not any(name[: underscore.start()] in names for underscore in re.finditer("_", name))
        and not name.startswith(HEAD_PREFIXES)
    ]


def regularise(model: keras.Model, l2: float = 0.0, head_l2: float = 0.0) -> keras.Model:
    """Charge the squares of the kernels to the loss, by Keras regularisers.

    As in TF-Slim, a strength s adds s * sum(w^2) / 2 a kernel, half of what `keras.regularizers.L2(s)`
    adds; kernels of convolutions (pointwise ones included) and dense layers are charged, depthwise
    kernels, biases and BatchNorm are not. Keras charges trainable kernels alone. The regularisers are
    part of the model's configuration and are saved with it.

    Args:
        model: Any flat Keras model; changed in place, whatever it had before being replaced.
        l2: Strength for all kernels, at least 0.
        head_l2: Strength that the dense kernels of the head have in addition, at least 0.

    Returns:
        The model itself.

    Raises:
        UserError: A strength is negative.

    Example:
        >>> from cervix_tf import models
        >>> len(regularise(models.build("cervixnet2", image_size=32), l2=1e-4).losses)
        6
    """
    for key, strength in (("l2", l2), ("head_l2", head_l2)):
        if strength < 0:
            raise errors.UserError(f"{key} is {strength}: a strength is at least 0.")
    for layer in model.layers:
        in_head = layer.name.startswith(HEAD_PREFIXES) and isinstance(layer, keras.layers.Dense)
        strength = l2 + head_l2 if in_head else l2
        regularizer = keras.regularizers.L2(strength / 2) if strength else None
        if isinstance(layer, keras.layers.SeparableConv2D):
            layer.pointwise_regularizer = regularizer
            layer.pointwise_kernel.regularizer = regularizer
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            layer.kernel_regularizer = regularizer
            layer.kernel.regularizer = regularizer
    return model
