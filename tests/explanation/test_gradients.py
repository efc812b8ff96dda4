import keras
import numpy as np
import pytest

from cervix_tf import models
from cervix_tf.errors import UserError
from cervix_tf.explanation import gradcam_layer, saliency


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def nested():
    """A user's own model, with a network nested as one layer, and the same network laid out flat."""
    keras.utils.set_random_seed(0)
    inner = keras.Sequential(
        [
            keras.layers.Input((32, 32, 3)),
            keras.layers.Conv2D(6, 3, strides=2, activation="relu", name="first"),
            keras.layers.Conv2D(5, 3, activation="relu", name="second"),
        ],
        name="backbone",
    )
    image = keras.Input((32, 32, 3))
    scaled = keras.layers.Rescaling(1 / 255)(image)
    pool = keras.layers.GlobalAveragePooling2D()
    logits, softmax = keras.layers.Dense(3, name="logits"), keras.layers.Softmax()
    whole = keras.Model(image, softmax(logits(pool(inner(scaled)))))
    flat = scaled
    for layer in inner.layers:
        flat = layer(flat)
    return whole, keras.Model(image, softmax(logits(pool(flat))))


@pytest.mark.parametrize("method", ["gradient", "smoothgrad", "integrated", "gradcam"])
def test_a_nested_network_is_explained_as_the_flat_one(nested, images, method):
    whole, flat = nested
    assert gradcam_layer(whole) == "backbone"
    np.testing.assert_allclose(
        saliency(whole, images, [0, 2], method),
        saliency(flat, images, [0, 2], method),
        rtol=1e-4,
        atol=1e-7,
    )


def test_a_layer_inside_a_nested_network_can_be_named(nested, images):
    whole, flat = nested
    found = saliency(whole, images, [0, 1], "gradcam", layer="first")
    np.testing.assert_allclose(found, saliency(flat, images, [0, 1], "gradcam", layer="first"))
    assert np.abs(found - saliency(whole, images, [0, 1], "gradcam")).max() > 0


def test_the_model_is_left_as_it_was(nested, images):
    whole, _ = nested
    before = whole(images.astype("float32")).numpy()
    with pytest.raises(UserError, match="Grad-CAM needs"):
        saliency(whole, images, [0, 1], "gradcam", layer="logits")
    assert "call" not in vars(whole.get_layer("logits"))
    np.testing.assert_array_equal(whole(images.astype("float32")).numpy(), before)


def test_averaging_heads_make_both_weightings_one(nested, images):
    """Grad-CAM's mean gradient is each position's own, times the positions, under a pooled head."""
    whole, _ = nested
    mean, own = (saliency(whole, images, [1, 1], "gradcam", average=a) for a in (True, False))
    np.testing.assert_allclose(mean, own, rtol=1e-4, atol=1e-9)


def test_flat_heads_weight_each_position_by_default(images):
    keras.utils.set_random_seed(0)
    model = models.build("cervixnet2", image_size=32, widths=(8, 8))
    maps = [saliency(model, images, [0, 1], "gradcam", average=a) for a in (None, False, True)]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert np.abs(maps[0] - maps[2]).max() > 0


@pytest.mark.slow
def test_gradcam_layer():
    assert gradcam_layer(models.build("cervixnet2", image_size=64)) == "pool5"
    assert gradcam_layer(models.build("inception", image_size=64)) == "Mixed_5c"
    dense = keras.Sequential([keras.layers.Input((4, 4, 3)), keras.layers.Flatten()])
    with pytest.raises(UserError, match="no layer with feature maps"):
        gradcam_layer(dense)
