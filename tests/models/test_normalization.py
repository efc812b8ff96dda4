import keras
import numpy as np
import pytest

from cervix_tf import models
from cervix_tf.models.normalization import FusedBatchNormalization


@pytest.fixture
def maps():
    return np.random.default_rng(0).normal(3, 2, (4, 6, 5, 8)).astype("float32")


def test_statistics_move_by_the_decay_with_bessels_correction(maps):
    layer = FusedBatchNormalization(momentum=0.9)
    layer.build(maps.shape)
    layer(maps, training=True)
    flat = maps.reshape(-1, 8).astype("float64")
    np.testing.assert_allclose(layer.moving_mean, 0.1 * flat.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * flat.var(0, ddof=1), rtol=1e-5)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize(("training", "trainable"), [(False, True), (True, False), (True, True)])
def test_outputs_are_those_of_kerass_own(maps, shaken, scale, training, trainable):
    ours, theirs = (
        kind(scale=scale, epsilon=1e-3)
        for kind in (FusedBatchNormalization, keras.layers.BatchNormalization)
    )
    for layer in (ours, theirs):
        layer.build(maps.shape)
        shaken(layer)
        layer.trainable = trainable
    before = [w.numpy() for w in ours.non_trainable_weights]
    np.testing.assert_allclose(
        ours(maps, training=training), theirs(maps, training=training), atol=2e-5
    )
    if not (training and trainable):
        for old, new in zip(before, ours.non_trainable_weights, strict=True):
            np.testing.assert_array_equal(old, new.numpy())


def test_half_precision_keeps_its_type_and_float_statistics(maps):
    layer = FusedBatchNormalization(dtype="mixed_bfloat16")
    for training in (True, False):
        assert layer(maps, training=training).dtype == "bfloat16"
    assert layer.moving_mean.dtype == "float32"


@pytest.mark.parametrize(("name", "decay"), [("inception", 0.9997), ("resnet", 0.997)])
def test_networks_move_their_statistics_by_tf_slims_decay(name, decay, photographs, small):
    options = {"depth": 50} if name == "resnet" else {"stem": "batch_norm"}
    model = models.build(name, image_size=64, **options)
    first = "conv1" if name == "resnet" else "Conv2d_1a_7x7"
    norm, convolution = (
        model.get_layer(f"{first}_{kind}") for kind in ("BatchNorm", "convolution")
    )
    norm.moving_mean.assign(np.ones(64))
    images = photographs(2, 64)
    maps = keras.Model(model.input, convolution.output)(images).numpy()
    model(images, training=True)
    expected = decay + (1 - decay) * maps.mean((0, 1, 2))
    np.testing.assert_allclose(norm.moving_mean, expected, rtol=1e-6)


def test_keras_is_told_not_to_compile_with_xla_on_a_cpu(small):
    model = models.build("inception", image_size=32)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert not model.jit_compile
