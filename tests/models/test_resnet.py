import keras
import numpy as np
import pytest
import tensorflow as tf

from cervix_tf import errors, models
from cervix_tf.models import resnet


@pytest.mark.slow
def test_every_end_point_is_that_of_tf_slim(slim, tmp_path):
    reference = slim.load_reference("resnet_v1_101_224.npz")
    slim.write_checkpoint(reference, tmp_path / "slim.ckpt")
    model = models.backbone("resnet", weights=str(tmp_path / "slim.ckpt"), top=True)
    points = {
        name.removeprefix("resnet_v1_101/").replace("/", "_"): means
        for name, means in reference["means"].items()
        if name not in ("resnet_v1_101/logits", "predictions")
    }
    view = keras.Model(model.input, [model.output, *(model.get_layer(p).output for p in points)])
    logits, *maps = (out.numpy() for out in view(slim.reference_input(reference), training=False))
    expected = reference["logits"]
    assert np.abs(logits - expected).max() < 3e-5 * expected.std()
    for (end_point, means), values in zip(points.items(), maps, strict=True):
        assert np.abs(values.mean((1, 2)) - means).max() < 3e-5 * means.std(), end_point
    prefix = models.save_slim_checkpoint(model, tmp_path / "ours.ckpt")
    written = tf.train.load_checkpoint(str(prefix)).get_variable_to_shape_map()
    assert written == reference["variables"]


def test_strides_are_in_the_last_unit_of_a_block():
    model = models.backbone("resnet", image_size=96, depth=50)
    sizes = {
        name: model.get_layer(f"{name}_bottleneck_v1").output.shape[1]
        for name in (
            "block1_unit_2",
            "block1_unit_3",
            "block2_unit_4",
            "block3_unit_6",
            "block4_unit_3",
        )
    }
    assert list(sizes.values()) == [24, 12, 6, 3, 3]
    assert sum(isinstance(layer, keras.layers.Conv2D) for layer in model.layers) == 50 - 1 + 4


@pytest.mark.slow
def test_depth_counts_the_layers():
    for depth, units in resnet._UNITS.items():
        assert 3 * sum(units) + 2 == depth, "three a unit, the first one and the logits"


def test_an_unknown_depth_names_the_known_ones():
    with pytest.raises(errors.UserError, match="50, 101 or 152"):
        models.backbone("resnet", image_size=32, depth=18)
