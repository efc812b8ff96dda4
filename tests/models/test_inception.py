import keras
import numpy as np
import pytest
import tensorflow as tf

from cervix_tf import errors, models


def reference_model(slim, name, folder):
    reference = slim.load_reference(name)
    slim.write_checkpoint(reference, folder / "slim.ckpt")
    network = "inception" if "inception" in reference["network"] else "resnet"
    model = models.backbone(network, weights=str(folder / "slim.ckpt"), top=True)
    return reference, model


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inception_v2_224.npz", "inception_v2_stem_bn_224.npz"])
def test_every_end_point_is_that_of_tf_slim(slim, tmp_path, name):
    reference, model = reference_model(slim, name, tmp_path)
    layers = [model.get_layer(end_point) for end_point in reference["means"]]
    view = keras.Model(model.input, [model.output, *(layer.output for layer in layers)])
    logits, *maps = (out.numpy() for out in view(slim.reference_input(reference), training=False))
    expected = reference["logits"]
    assert np.abs(logits - expected).max() < 3e-5 * expected.std()
    for (end_point, means), values in zip(reference["means"].items(), maps, strict=True):
        error = np.abs(values.mean((1, 2)) - means).max()
        assert error < 3e-5 * means.std(), end_point
    prefix = models.save_slim_checkpoint(model, tmp_path / "ours.ckpt")
    written = tf.train.load_checkpoint(str(prefix)).get_variable_to_shape_map()
    assert written == reference["variables"]


@pytest.mark.slow
def test_maps_shrink_as_same_padding_has_it_and_normalisation_is_tf_slims():
    model = models.backbone("inception", image_size=97)
    assert model.get_layer("Conv2d_1a_7x7").output.shape[1:] == (49, 49, 64)
    assert model.get_layer("MaxPool_3a_3x3").output.shape[1:] == (13, 13, 192)
    assert model.output.shape[1:] == (4, 4, 1024)
    norm = model.get_layer("Mixed_3b_Branch_0_Conv2d_0a_1x1_BatchNorm")
    assert (norm.momentum, norm.epsilon) == (0.9997, 0.001)
    assert (norm.scale, norm.center) == (False, True)


def test_an_unknown_stem_names_the_known_ones():
    with pytest.raises(errors.UserError, match="batch_norm"):
        models.backbone("inception", image_size=32, stem="batchnorm")


@pytest.mark.slow
def test_one_step_after_loading_has_finite_gradients_for_every_variable(
    slim, tmp_path, photographs
):
    reference = slim.load_reference("inception_v2_224.npz")
    slim.write_checkpoint(reference, tmp_path / "slim.ckpt")
    model = models.build("inception", image_size=96, weights=str(tmp_path / "slim.ckpt"))
    means = {v.path: v.numpy() for v in model.weights if v.path.endswith("moving_mean")}
    with tf.GradientTape() as tape:
        outputs = model(photographs(4, 96), training=True)
        loss = -tf.reduce_mean(tf.math.log(outputs[:, 1]))
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert np.isfinite(gradient).all(), variable.path
        assert np.any(gradient), variable.path
    for variable in model.weights:
        if variable.path in means:
            assert np.any(variable.numpy() != means[variable.path]), variable.path
