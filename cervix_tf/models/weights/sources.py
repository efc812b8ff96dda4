"""Where a network's weights come from: nowhere, a download, or a file of one of five kinds."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cervix_tf import errors

if TYPE_CHECKING:
    import keras

    from cervix_tf.models.specs import Spec


class Source:
    """Random weights; every other source does what this one does, and more."""

    def implied_options(self) -> dict[str, Any]:
        """Give the network's options that the weights need, unless the user says otherwise."""
        return {}

    def feature_arguments(self) -> dict[str, Any]:
        """Give what the function that builds the network has to be told of the weights."""
        return {}

    def top_classes(self) -> int | None:
        """Count the ImageNet logits in the weights, if it is known before they are loaded."""
        return None

    def load(self, model: "keras.Model") -> None:
        """Set the model's variables."""


class SlimSource(Source):
    """A TF-Slim checkpoint, or a SavedModel from TensorFlow Hub."""

    def __init__(self, path: Path):
        from cervix_tf.models.weights import slim_checkpoints

        self._checkpoint = slim_checkpoints.Checkpoint(path)

    def implied_options(self) -> dict[str, Any]:
        """Give the stem of Inception v2, and the preprocessing ResNet v1 was trained with.

        TF-Slim's ResNet v1 checkpoints were converted from Caffe and take RGB less its mean, which is
        mostly in them; the modules on TensorFlow Hub were trained anew with Inception's preprocessing,
        as their page says; what is written here has the mean of its own.
        """
        if "InceptionV2" in self._checkpoint.scopes():
            normed = "Conv2d_1a_7x7/BatchNorm/beta" in self._checkpoint.within("InceptionV2")
            return {"stem": "batch_norm" if normed else "bias"}
        inception_range = self._checkpoint.is_saved_model
        for name in self._checkpoint.shapes:
            if name.endswith("/mean_rgb"):
                inception_range = bool((abs(self._checkpoint.value(name) - 127.5) < 0.01).all())
        return {"preprocessing": "inception" if inception_range else "vgg"}

    def top_classes(self) -> int | None:
        """Count the logits by their biases."""
        for name, shape in self._checkpoint.shapes.items():
            if re.search(r"(Logits/Conv2d_1c_1x1|resnet_v1_\d+/logits)/biases$", name):
                return shape[0]
        return None

    def load(self, model: "keras.Model") -> None:
        """Set each variable from the one of its name."""
        from cervix_tf.models.weights import slim_checkpoints

        slim_checkpoints.load(self._checkpoint, model)


class KerasDownload(Source):
    """What Keras Applications publishes, fetched by Keras while the network is built."""

    def feature_arguments(self) -> dict[str, Any]:
        """Ask for the published weights."""
        return {"weights": "imagenet"}


class KerasModelFile(Source):
    """A `.keras` file: a whole model of the same network."""

    def __init__(self, path: Path):
        from cervix_tf.models import classifier_file

        self._path, self._model = path, classifier_file.load_model(path)

    def implied_options(self) -> dict[str, Any]:
        """Give the stem and the preprocessing the saved model has."""
        layers = {layer.name: layer for layer in self._model.layers}
        implied = {}
        if "Mixed_5c" in layers:
            normed = "Conv2d_1a_7x7_BatchNorm" in layers
            implied["stem"] = "batch_norm" if normed else "bias"
        if "block4" in layers and "preprocessing" in layers:
            implied["preprocessing"] = "vgg" if layers["preprocessing"].scale == 1 else "inception"
        return implied

    def load(self, model: "keras.Model") -> None:
        """Copy each layer's variables."""
        from cervix_tf.models.weights import keras_files

        keras_files.copy_weights(self._model, model, self._path)


class KerasWeightsFile(Source):
    """A `.weights.h5` or `.h5` file, which says nothing of how photographs were normalised."""

    def __init__(self, path: Path):
        self._path = path

    def implied_options(self) -> dict[str, Any]:
        """Leave ResNet's preprocessing to the user."""
        return {"preprocessing": "unknown"}

    def load(self, model: "keras.Model") -> None:
        """Load the whole model, or the network without its head."""
        from cervix_tf.models.weights import keras_files

        keras_files.load_weights_file(self._path, model)


def find(spec: "Spec", weights: str | os.PathLike[str] | None) -> Source:
    """Find the weights asked for, before the network is built.

    Args:
        spec: Which network they are for.
        weights: None or "none"; "imagenet"; a TensorFlow Hub handle; or the path of a TF-Slim
            checkpoint, a SavedModel's folder, a `.keras`, `.h5` or `.weights.h5` file.

    Returns:
        A `Source`, which is random only where `weights` is None or "none".
    """
    if weights is None or weights == "none":
        return Source()
    if weights == "imagenet":
        if spec.imagenet == "keras":
            return KerasDownload()
        if spec.imagenet is None:
            raise errors.UserError(
                f"{spec.name} has no ImageNet weights: take weights none, or a file."
            )
        weights = spec.imagenet
    path = Path(weights)
    if "://" in str(weights):
        from cervix_tf.models.weights import hub

        path = hub.resolve(str(weights))
    if path.name.endswith((".keras", ".h5", ".hdf5")):
        if not path.is_file():
            raise errors.UserError(f"Weights {path}: there is no such file.")
        return KerasModelFile(path) if path.suffix == ".keras" else KerasWeightsFile(path)
    if not (path.exists() or Path(f"{path}.index").exists()):
        raise errors.UserError(
            f"Weights {path}: there is no such file, checkpoint or folder. Take none"
            f"{', imagenet' if spec.imagenet else ''} or a path."
        )
    if not spec.slim:
        raise errors.UserError(
            f"Weights {path}: {spec.name} takes a .keras, .h5 or .weights.h5 file, not a TensorFlow "
            "checkpoint."
        )
    return SlimSource(path)
