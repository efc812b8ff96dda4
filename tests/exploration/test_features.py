import numpy as np
import pytest

from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.exploration.features import pooled_features


@pytest.fixture(scope="module")
def some(phantoms):
    return read_manifest(phantoms).iloc[:6].reset_index(drop=True)


@pytest.mark.slow
def test_keras_own_features_with_its_published_weights(shared, some):
    import keras

    from cervix_tf.data import centre_crop, prepare, square_size

    path = str(shared / "weights" / "mobilenet_2_5_224_tf_no_top.h5")
    calls = []
    found = pooled_features(
        some, "keras:MobileNet", path, {"alpha": 0.25, "image_size": 96}, cache="memory",
        progress=lambda *done: calls.append(done),
    )  # fmt: skip
    theirs = keras.applications.MobileNet(
        input_shape=(96, 96, 3), alpha=0.25, include_top=False, weights=path, pooling="avg"
    )
    crops = centre_crop(prepare(some, square_size(96), cache="memory").array, 96)
    expected = theirs.predict_on_batch(crops / np.float32(127.5) - 1)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert calls[-1] == (6, 6)


@pytest.mark.parametrize(("name", "width"), [("cervixnet1", 16), ("cervixnet2", 8)])
def test_random_weights_are_seeded_and_taken_only_when_asked_for(some, name, width):
    options = {"image_size": 32, "widths": [8, 8, width] if name == "cervixnet1" else [8] * 5}
    one, again, other = (
        pooled_features(some, name, "none", options, seed=seed, cache="memory")
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert one.shape == (6, width)
    assert np.abs(one - other).max() > 1e-3
    with pytest.raises(UserError, match="no ImageNet weights"):
        pooled_features(some, name, "imagenet", options, cache="memory")
