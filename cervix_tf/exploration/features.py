"""What a network sees in photographs: its last feature maps, averaged over positions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cervix_tf.data import centre_crop, prepare, square_size
from cervix_tf.data.photographs import Progress

_BATCH = 32


def pooled_features(
    manifest: pd.DataFrame,
    backbone: str,
    weights: str = "imagenet",
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    cache: Path | str | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Compute the features of photographs with a network's convolutions.

    Args:
        manifest: The photographs.
        backbone: A network of `models.names()`.
        weights: As `models.build` takes them: "imagenet" for the published ones, a path, or "none"
            for random ones.
        options: The network's own options, such as `{"alpha": 0.25}`, and `image_size`.
        seed: Seed of the weights that are random.
        cache: Where the prepared squares are kept, as `data.prepare` takes it.
        progress: Called with the photographs decoded, then with those done, and their number.

    Returns:
        float32 (N, C), the mean over positions of the maps that the head would get, of the centre
        crop of each photograph.
    """
    import keras

    from cervix_tf.models import build, head_layers

    if weights == "none":
        keras.utils.set_random_seed(seed)
    model = build(backbone, weights=weights, **(options or {}))
    maps = head_layers(model)[0].input
    if len(maps.shape) == 4:
        maps = keras.ops.mean(maps, axis=(1, 2))
    network = keras.Model(model.input, maps)
    size = model.input_shape[1]
    squares = prepare(manifest, square_size(size), cache=cache, progress=progress).array
    features = np.empty((len(squares), network.output_shape[-1]), "float32")
    for first in range(0, len(squares), _BATCH):
        crops = centre_crop(np.asarray(squares[first : first + _BATCH]), size)
        features[first : first + _BATCH] = network.predict_on_batch(np.ascontiguousarray(crops))
        if progress:
            progress(min(first + _BATCH, len(squares)), len(squares))
    return features
