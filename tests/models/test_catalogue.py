"""The harness: what must hold for every registered network, run on tiny members of each family."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cervix_tf import models
from cervix_tf.models.keras_facts import FACTS

# The smallest member of each family, as narrow and on as small images as it allows.
SMALLEST = {
    "cervixnet1": {"image_size": 32, "widths": (8, 8, 16), "dense": 16},
    "cervixnet2": {"image_size": 32, "widths": (8, 8, 16)},
    "inception": {"image_size": 32},
    "resnet": {"image_size": 32, "depth": 50},
    "keras:ConvNeXtTiny": {"image_size": 32},
    "keras:DenseNet121": {"image_size": 32},
    "keras:EfficientNetB0": {"image_size": 32},
    "keras:EfficientNetV2B0": {"image_size": 32},
    "keras:InceptionResNetV2": {"image_size": 75},
    "keras:InceptionV3": {"image_size": 75},
    "keras:MobileNet": {"image_size": 32, "alpha": 0.25},
    "keras:MobileNetV2": {"image_size": 32, "alpha": 0.35},
    "keras:MobileNetV3Small": {"image_size": 32, "alpha": 0.75},
    "keras:NASNetMobile": {"image_size": 32},
    "keras:ResNet50": {"image_size": 32},
    "keras:ResNet50V2": {"image_size": 32},
    "keras:VGG16": {"image_size": 32},
    "keras:Xception": {"image_size": 71},
}
LARGE = {"keras:InceptionResNetV2", "keras:NASNetMobile", "keras:DenseNet121"}


def test_every_network_has_its_family_here():
    families = {"keras:" + facts.family for facts in FACTS} | {"keras:VGG16"} - {"keras:VGG19"}
    natives = {name for name in models.names() if ":" not in name}
    assert set(SMALLEST) == (families | natives) - {"keras:VGG19"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in SMALLEST]
)
def test_network(name, photographs, tmp_path):
    keras.utils.set_random_seed(0)
    options = SMALLEST[name]
    size = options["image_size"]
    model = models.build(name, l2=1e-4, head_l2=1e-3, dropout=0.1, **options)
    assert [layer.name for layer in model.layers[-2:]] == ["logits", "probabilities"]
    assert model.get_layer("preprocessing") is model.layers[1]
    images = photographs(4, size)
    predict = tf.function(lambda x: model(x, training=False))

    # uint8 and float32, the same photographs
    probabilities = predict(tf.constant(images)).numpy()
    assert probabilities.shape == (4, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(
        predict(tf.constant(images.astype("float32"))), probabilities, atol=1e-6
    )

    # one training step
    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            loss = -tf.reduce_mean(tf.math.log(outputs[:, 0])) + tf.add_n(model.losses)
        return tape.gradient(loss, model.trainable_variables)

    found = gradients()
    for variable, gradient in zip(model.trainable_variables, found, strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path
        variable.assign_sub(0.01 * gradient)

    # saved and loaded
    model.save(tmp_path / "model.keras")
    again = models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        again(images, training=False).numpy(), model(images, training=False).numpy()
    )
    assert len(again.losses) == len(model.losses) > 0
    assert [x.name for x in models.head_layers(again)] == [
        x.name for x in models.head_layers(model)
    ]
