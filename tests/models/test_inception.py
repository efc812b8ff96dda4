import keras
import numpy as np
import pytest

from cervix_tf import errors, models


def reference_model(slim, name, folder):
    reference = slim.load_reference(name)
    slim.write_checkpoint(reference, folder / "slim.ckpt")
    network = "inception" if "inception" in reference["network"] else "resnet"
    model = models.backbone(network, weights=str(folder / "slim.ckpt"), top=True)
    return reference, model


@pytest.mark.parametrize("name", ["inception_v2_224.npz", "inception_v2_stem_bn_224.npz"])
def test_every_end_point_is_that_of_tf_slim(slim, tmp_path, name):
    reference, model = reference_model(slim, name, tmp_path)
    layers = [model.get_layer(end_point) for end_point in reference["means"]]
    view = keras.Model(model.input, [model.output, *(layer.output for layer in layers)])
    logits, *maps = view.predict(slim.reference_input(reference), verbose=0)
    expected = reference["logits"]
    assert np.abs(logits - expected).max() < 3e-5 * expected.std()
    for (end_point, means), values in zip(reference["means"].items(), maps, strict=True):
        error = np.abs(values.mean((1, 2)) - means).max()
        assert error < 3e-5 * means.std(), end_point


def test_maps_shrink_as_same_padding_has_it():
    model = models.backbone("inception", image_size=97)
    assert model.get_layer("Conv2d_1a_7x7").output.shape[1:] == (49, 49, 64)
    assert model.get_layer("MaxPool_3a_3x3").output.shape[1:] == (13, 13, 192)
    assert model.output.shape[1:] == (4, 4, 1024)


def test_normalisation_is_tf_slims():
    layer = models.backbone("inception", image_size=32).get_layer(
        "Mixed_3b_Branch_0_Conv2d_0a_1x1_BatchNorm"
    )
    assert (layer.momentum, layer.epsilon, layer.scale, layer.center) == (
        0.9997,
        0.001,
        False,
        True,
    )


def test_an_unknown_stem_names_the_known_ones():
    with pytest.raises(errors.UserError, match="batch_norm"):
        models.backbone("inception", image_size=32, stem="batchnorm")
