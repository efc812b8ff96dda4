import urllib.error

import keras
import numpy as np
import pytest

from cervix_tf import errors, models


@pytest.mark.parametrize(
    ("name", "weights", "words"),
    [
        ("inception", "nowhere.ckpt", "no such file, checkpoint or folder"),
        ("inception", "nowhere.keras", "no such file"),
        ("keras:MobileNet", "nowhere.h5", "no such file"),
        ("cervixnet1", "imagenet", "has no ImageNet weights"),
    ],
)
def test_weights_that_cannot_be_had_are_an_error(tmp_path, name, weights, words):
    path = weights if weights == "imagenet" else str(tmp_path / weights)
    with pytest.raises(errors.UserError, match=words):
        models.build(name, image_size=32, weights=path)


def test_a_checkpoint_for_a_network_that_has_none_is_refused(inception, tmp_path):
    prefix = str(models.save_slim_checkpoint(inception, tmp_path / "x.ckpt"))
    with pytest.raises(errors.UserError, match="not a TensorFlow checkpoint"):
        models.build("keras:MobileNet", image_size=32, weights=prefix)


def test_a_failed_download_of_keras_says_what_to_do(tmp_path, monkeypatch):
    def no_network(*args, **kwargs):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", no_network)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    with pytest.raises(errors.UserError) as caught:
        models.build("keras:MobileNet", image_size=128, weights="imagenet")
    message = str(caught.value)
    assert "\n" not in message
    file = "mobilenet_1_0_128_tf_no_top.h5"
    for part in (file, str(tmp_path / "models" / file), "KERAS_HOME", "--weights PATH"):
        assert part in message


def test_weights_keras_does_not_publish_are_an_error():
    with pytest.raises(errors.UserError, match="keras:MobileNet cannot be built with alpha=0.3: "):
        models.build("keras:MobileNet", image_size=128, weights="imagenet", alpha=0.3)


def test_random_weights_need_not_be_asked_for_by_name():
    def kernels(seed, **weights):
        keras.utils.set_random_seed(seed)
        model = models.build("cervixnet2", image_size=32, **weights)
        return [np.array(v) for v in model.weights if v.name == "kernel"]

    named, other = kernels(1, weights="none"), kernels(2, weights="none")
    for weights in ({}, {"weights": None}):
        for one, same, another in zip(kernels(1, **weights), named, other, strict=True):
            assert np.array_equal(one, same)
            assert np.abs(one - another).max() > 0.01
