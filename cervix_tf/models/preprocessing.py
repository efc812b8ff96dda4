"""From RGB in [0, 255] to what a network expects, as the model's first layer."""

from typing import Any

import keras

from cervix_tf import errors

_VGG_MEAN = (123.68, 116.78, 103.94)  # of ImageNet, as TF-Slim's VGG preprocessing has it
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # the same for blue, green, red, as Keras has it
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet in [0, 1]

CONVENTIONS = ("inception", "vgg", "torch", "caffe", "none")


@keras.saving.register_keras_serializable("cervix_tf")
class BlueGreenRed(keras.layers.Rescaling):
    """Rescaling that first turns RGB into BGR, the order of its scales and offsets."""

    def call(self, inputs: Any) -> Any:
        """Reverse the last axis, then rescale."""
        return super().call(inputs[..., ::-1])


def preprocessing(convention: str) -> keras.layers.Layer:
    """Make the layer that normalises photographs for a network.

    Args:
        convention: "inception" for [-1, 1]; "vgg" for RGB less its mean over ImageNet; "torch" for
            RGB less its mean, over its standard deviation; "caffe" for BGR less its mean; "none" for
            networks that normalise inside.

    Returns:
        A layer called `preprocessing`, from RGB in [0, 255], uint8 or float, to float.
    """
    if convention not in CONVENTIONS:
        raise errors.unknown("preprocessing", convention, CONVENTIONS)
    name = "preprocessing"
    if convention == "inception":
        return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name=name)
    if convention == "vgg":
        return keras.layers.Rescaling(1.0, offset=[-m for m in _VGG_MEAN], name=name)
    if convention == "torch":
        offset = [-m / s for m, s in zip(_MEAN, _STD, strict=True)]
        return keras.layers.Rescaling([1 / (255 * s) for s in _STD], offset=offset, name=name)
    if convention == "caffe":
        return BlueGreenRed(1.0, offset=[-m for m in _CAFFE_MEAN], name=name)
    return keras.layers.Rescaling(1.0, name=name)
