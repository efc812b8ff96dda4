import keras
import numpy as np
import pytest

from cervix_tf import errors, models
from cervix_tf.models.keras_facts import FAMILIES
from cervix_tf.models.preprocessing import CONVENTIONS, preprocessing

MODULES = {
    "DenseNet121": "densenet", "EfficientNetB0": "efficientnet", "ConvNeXtTiny": "convnext",
    "EfficientNetV2B0": "efficientnet_v2", "InceptionResNetV2": "inception_resnet_v2",
    "InceptionV3": "inception_v3", "MobileNet": "mobilenet", "MobileNetV2": "mobilenet_v2",
    "MobileNetV3Small": "mobilenet_v3", "NASNetMobile": "nasnet", "ResNet50": "resnet",
    "ResNet50V2": "resnet_v2", "VGG16": "vgg16", "VGG19": "vgg19", "Xception": "xception",
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family[0].name)
def test_each_of_keras_networks_has_kerass_own_preprocessing(family, photographs):
    images = photographs(1, 4)
    module = getattr(keras.applications, MODULES[family[0].name.removeprefix("keras:")])
    expected = module.preprocess_input(images.astype("float32"))
    for member in family:
        np.testing.assert_allclose(preprocessing(member.convention)(images), expected, atol=1e-4)


def test_tf_slims_conventions():
    white = np.full((1, 1, 1, 3), 255, "uint8")
    np.testing.assert_allclose(preprocessing("inception")(white)[0, 0, 0], [1, 1, 1])
    np.testing.assert_allclose(
        preprocessing("vgg")(white)[0, 0, 0], [255 - 123.68, 255 - 116.78, 255 - 103.94], rtol=1e-6
    )


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_layers_survive_their_configuration(convention, photographs):
    layer = preprocessing(convention)
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    np.testing.assert_array_equal(again(photographs(1, 4)), layer(photographs(1, 4)))


def test_resnet_takes_either_of_tf_slims(small):
    for convention, scale in (("inception", 1 / 127.5), ("vgg", 1.0), ("auto", 1 / 127.5)):
        model = models.build("resnet", image_size=32, depth=50, preprocessing=convention)
        assert model.get_layer("preprocessing").scale == pytest.approx(scale)


def test_an_unknown_convention_names_the_known_ones():
    with pytest.raises(errors.UserError, match="did you mean 'inception'"):
        preprocessing("incepton")
