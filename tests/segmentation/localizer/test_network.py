import keras
import numpy as np
import pytest

from cervix_tf.errors import UserError
from cervix_tf.segmentation import localizer_network


def test_the_network_is_small_and_sees_the_whole_picture():
    import tensorflow as tf

    network = localizer_network(128)
    assert network.output_shape == (None, 32, 32, 1)
    assert network.count_params() < 1_000_000
    images = tf.Variable(
        np.random.default_rng(0).uniform(0, 255, (1, 128, 128, 3)), dtype="float32"
    )
    with tf.GradientTape() as tape:
        logit = network(images)[0, 16, 16, 0]
    slope = np.abs(tape.gradient(logit, images).numpy()[0]).max(axis=2)
    # The normalisation alone gives every pixel some weight; the convolutions give much more.
    assert (slope > 0).all()


def test_light_does_not_matter():
    keras.utils.set_random_seed(0)
    network = localizer_network(32, width=8)
    images = np.random.default_rng(0).uniform(60, 180, (2, 32, 32, 3)).astype("float32")
    plain = network.predict_on_batch(images)
    tinted = network.predict_on_batch(images * [1.3, 0.9, 1.1] + [0, 10, -20])
    assert tinted == pytest.approx(plain, abs=float(0.1 * plain.std() + 1e-3))
    assert np.isfinite(network.predict_on_batch(np.zeros((1, 32, 32, 3), "uint8"))).all()


@pytest.mark.parametrize(("size", "width"), [(30, 8), (16, 8), (32, 1)])
def test_sizes_that_cannot_be(size, width):
    with pytest.raises(UserError):
        localizer_network(size, width)
