"""What a network gives its logits: the features that a probe or a distance is made of."""

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from cervix_tf.data.square_rows import SquareArray
from cervix_tf.inference.predictions import crops

if TYPE_CHECKING:
    import keras

_BATCH = 32
# A page asks for one photograph after the other; a search trains one model after the other.
_networks: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def penultimate(model: "keras.Model", squares: SquareArray, views: int = 1) -> np.ndarray:
    """Compute what a model gives its logits for prepared squares.

    Args:
        model: A built model.
        squares: uint8 (N, P, P, 3).
        views: Views of each, 1 to 8, as `tta` of `predict`.

    Returns:
        float64 (views, N, features).

    Example:
        >>> penultimate(build("cervixnet2", image_size=32), squares).shape
    """
    import keras

    if model not in _networks:
        logits = model.get_layer("logits")
        _networks[model] = keras.Model(model.input, logits.input, name="features")
    network, size = _networks[model], model.input_shape[1]
    features = np.empty((views, len(squares), network.output_shape[-1]))
    for first in range(0, len(squares), _BATCH):
        rows = slice(first, first + _BATCH)
        for view, seen in enumerate(crops(squares, size, views, rows)):
            features[view, rows] = network.predict_on_batch(seen)
    return features
