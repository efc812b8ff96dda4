"""What comes after the feature maps: the head of a pretrained network, and the ImageNet logits."""

from collections.abc import Mapping
from typing import Any

import keras

# Layers of the head are known by their names, in a saved model too.
HEAD_PREFIXES = ("head_", "logits", "probabilities")


def pooled_head(
    x: keras.KerasTensor, classes: int, options: Mapping[str, Any]
) -> keras.KerasTensor:
    """Add the mean over positions, dropout and the logits."""
    x = keras.layers.GlobalAveragePooling2D(name="head_pool")(x)
    return dropped_logits(x, classes, options)


def flat_head(x: keras.KerasTensor, classes: int, options: Mapping[str, Any]) -> keras.KerasTensor:
    """Add dropout and the logits to the features of every position, which keeps where they are."""
    x = keras.layers.Flatten(name="head_flatten")(x)
    return dropped_logits(x, classes, options)


def dropped_logits(
    x: keras.KerasTensor, classes: int, options: Mapping[str, Any]
) -> keras.KerasTensor:
    """Add dropout and the logits to features (N, C)."""
    x = keras.layers.Dropout(options["dropout"], name="head_dropout")(x)
    # float32 whatever the policy: half precision costs a log loss its last digits.
    return keras.layers.Dense(classes, dtype="float32", name="logits")(x)


def imagenet_logits(x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Add the classifier a network was trained with on ImageNet.

    TF-Slim pools over 7x7 positions, all there are at 224 pixels; here it is over all of them at any
    size, so that there is one set of logits a photograph.
    """
    x = keras.layers.GlobalAveragePooling2D(name="head_pool")(x)
    return keras.layers.Dense(classes, name="logits")(x)
