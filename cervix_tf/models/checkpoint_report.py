"""A checkpoint looked at before it is trusted: what matches, and what it sees in a photograph."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cervix_tf import data, errors
from cervix_tf.caches import keras_cache
from cervix_tf.models import registry
from cervix_tf.models.weights import hub

if TYPE_CHECKING:
    from cervix_tf.models.weights.slim_checkpoints import Checkpoint


def match_names(checkpoint: str | Path) -> pd.DataFrame:
    """Show how the variables of a TF-Slim checkpoint or SavedModel fit the native network.

    Which network it holds is read from its names.

    Args:
        checkpoint: Path of a TF-Slim checkpoint or of a SavedModel's folder, or a TensorFlow Hub
            handle.

    Returns:
        One row a variable: name (in the checkpoint, or that TF-Slim would give it), status ("matched",
        "missing", "other shape", "left over" or "ignored": logits of other classes, optimiser slots
        and counters), variable (the native model's, empty where there is none), shape.

    Raises:
        UserError: It cannot be read, or holds neither Inception v2 nor ResNet v1.

    Example:
        >>> int(match_names("inception_v2.ckpt").status.value_counts()["matched"])
        277
    """
    from cervix_tf.models.weights import slim_checkpoints

    opened, construction = _construction(checkpoint)
    top = construction.source.top_classes() is not None
    result = slim_checkpoints.match(opened, construction.backbone(top, load=False))
    rows = [(name, "matched", variable.path) for variable, name in result.pairs]
    rows += [(name, "missing", "") for name in result.missing]
    rows += [(text.split(" ")[0], "other shape", "") for text in result.misshapen]
    rows += [(name, "left over", "") for name in result.left_over]
    seen = {name for name, _, _ in rows}
    rows += [(name, "ignored", "") for name in sorted(set(opened.shapes) - seen)]
    table = pd.DataFrame(rows, columns=["name", "status", "variable"])
    table["shape"] = [list(opened.shapes.get(name, ())) for name in table.name]
    return table


def likeliest_classes(checkpoint: str | Path, picture: str | Path, top: int = 5) -> pd.DataFrame:
    """Classify one photograph among ImageNet's classes with a checkpoint's own logits.

    Args:
        checkpoint: As for `match_names`; its logits must be in it, which they are not in a
            "feature_vector" module.
        picture: Path of a photograph; its central square is taken.
        top: How many classes, at least 1.

    Returns:
        One row a class, likeliest first: class (its index among the checkpoint's), label (its name
        where Keras' list of them is in Keras' cache, else empty), probability.

    Raises:
        UserError: The checkpoint does not fit or has no logits, or the picture cannot be read.

    Example:
        >>> int(likeliest_classes("inception_v2.ckpt", "cat.jpg")["class"].iloc[0])
        283
    """
    import keras

    _, construction = _construction(checkpoint)
    if construction.source.top_classes() is None:
        raise errors.UserError(f"{checkpoint} has no logits: only a whole classifier has classes.")
    model = construction.backbone(top=True)
    square = data.read_square(str(picture), construction.size)[None]
    logits = model(construction.preprocessing()(square))
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(logits))[0]
    order = np.argsort(-probabilities, kind="stable")[:top]
    labels = _labels(len(probabilities))
    return pd.DataFrame(
        {
            "class": order,
            "label": [labels.get(int(index), "") for index in order],
            "probability": probabilities[order],
        }
    )


def _construction(checkpoint: str | Path) -> "tuple[Checkpoint, registry.Construction]":
    """Open a checkpoint and prepare the native network its names are of."""
    from cervix_tf.models.weights import slim_checkpoints

    path = hub.resolve(str(checkpoint)) if "://" in str(checkpoint) else Path(checkpoint)
    opened = slim_checkpoints.Checkpoint(path)
    networks: dict[str, tuple[str, dict[str, int]]] = {
        "InceptionV2": ("inception", {}),
        **{f"resnet_v1_{depth}": ("resnet", {"depth": depth}) for depth in (50, 101, 152)},
    }
    for scope in opened.scopes():
        if scope in networks:
            name, options = networks[scope]
            return opened, registry.Construction(name, None, str(path), options)
    raise errors.UserError(f"{checkpoint} holds none of {', '.join(networks)}.")


def _labels(classes: int) -> dict[int, str]:
    """Read Keras' names of the 1000 classes, if an earlier download left them."""
    try:
        index = json.loads(
            (keras_cache() / "models" / "imagenet_class_index.json").read_text(encoding="utf-8")
        )
        background = classes - len(index)  # TF-Slim's Inception has one class before the others
        return {int(key) + background: label for key, (_, label) in index.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # not there, or damaged
        return {}
