import h5py
import keras
import numpy as np
import pytest

from cervix_tf import errors, models

pytestmark = pytest.mark.usefixtures("small")
OPTIONS = {"image_size": 32, "alpha": 0.25}


@pytest.fixture(scope="module")
def mobilenet(shaken):
    return shaken(models.build("keras:MobileNet", **OPTIONS))


def same(model, other, head=True):
    count = len(model.weights) if head else len(model.weights) - 2
    return all(
        np.array_equal(a.numpy(), b.numpy())
        for a, b in zip(model.weights[:count], other.weights[:count], strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5", "model.h5"])
def test_a_whole_classifier_comes_back_with_its_head(mobilenet, tmp_path, name):
    path = tmp_path / name
    (mobilenet.save_weights if "weights" in name else mobilenet.save)(path)
    assert same(mobilenet, models.build("keras:MobileNet", weights=str(path), **OPTIONS))
    other = models.build("keras:MobileNet", classes=5, weights=str(path), **OPTIONS)
    assert same(mobilenet, other, head=False)
    assert other.output_shape == (None, 5)


@pytest.mark.slow
def test_a_backbones_file_sets_all_but_the_head(shaken, tmp_path):
    backbone = shaken(models.backbone("keras:MobileNet", **OPTIONS))
    for name in ("b.keras", "b.weights.h5", "b.h5"):
        (backbone.save_weights if "weights" in name else backbone.save)(tmp_path / name)
        model = models.build("keras:MobileNet", weights=str(tmp_path / name), **OPTIONS)
        assert same(backbone, keras.Model(model.input, model.get_layer("head_pool").input))


@pytest.mark.slow
def test_kerass_published_file_gives_kerass_own_features(shared, photographs):
    path = str(shared / "weights" / "mobilenet_2_5_224_tf_no_top.h5")
    images = photographs(2, 96).astype("float32")
    ours = models.build("keras:MobileNet", image_size=96, alpha=0.25, weights=path)
    theirs = keras.applications.MobileNet((96, 96, 3), 0.25, include_top=False, weights=path)
    features = keras.Model(ours.input, ours.get_layer("head_pool").input)(images)
    expected = theirs(keras.applications.mobilenet.preprocess_input(images))
    np.testing.assert_allclose(features, expected, atol=2e-4)
    backbone = models.backbone("keras:MobileNet", image_size=96, alpha=0.25, weights=path)
    assert same(theirs, backbone)


@pytest.mark.parametrize("name", ["keras:MobileNet", "keras:MobileNetV2"])
def test_a_file_that_does_not_fit_names_the_layer_and_both_shapes(shared, name):
    path = str(shared / "weights" / "mobilenet_2_5_224_tf_no_top.h5")
    with pytest.raises(
        errors.UserError, match=r"conv1, has shapes \[3, 3, 3, 8\].*\[3, 3, 3, 32\]"
    ):
        models.build(name, image_size=32, weights=path)


@pytest.mark.parametrize("name", ["w.keras", "w.weights.h5", "w.h5"])
def test_a_file_of_another_network_is_refused(shaken, tmp_path, name):
    model = models.build("cervixnet2", image_size=32, widths=(8, 8))
    (model.save_weights if "weights" in name else model.save)(tmp_path / name)
    with pytest.raises(errors.UserError, match="does not fit"):
        models.build("keras:MobileNet", weights=str(tmp_path / name), **OPTIONS)
    with pytest.raises(errors.UserError, match="conv3"):
        models.build("cervixnet2", image_size=32, widths=(8, 8, 8), weights=str(tmp_path / name))


@pytest.mark.parametrize("name", ["w.keras", "w.weights.h5", "w.h5"])
def test_a_damaged_file_is_named(tmp_path, name):
    (tmp_path / name).write_text("not one")
    with pytest.raises(errors.UserError, match=f"{name} cannot be read"):
        models.build("keras:MobileNet", weights=str(tmp_path / name), **OPTIONS)


@pytest.mark.slow
def test_a_saved_inception_brings_its_stem(tmp_path, shaken):
    model = shaken(models.build("inception", image_size=32, stem="batch_norm"))
    model.save(tmp_path / "m.keras")
    assert same(model, models.build("inception", image_size=32, weights=str(tmp_path / "m.keras")))


@pytest.mark.slow
def test_a_resnets_preprocessing_is_taken_from_the_file_or_asked_for(tmp_path):
    options = {"image_size": 32, "depth": 50}
    model = models.build("resnet", preprocessing="vgg", **options)
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    again = models.build("resnet", weights=str(tmp_path / "m.keras"), **options)
    assert again.get_layer("preprocessing").scale == 1
    with pytest.raises(errors.UserError, match="set the option preprocessing"):
        models.build("resnet", weights=str(tmp_path / "m.weights.h5"), **options)
    again = models.build(
        "resnet", weights=str(tmp_path / "m.weights.h5"), preprocessing="vgg", **options
    )
    assert same(model, again)


@pytest.mark.slow
def test_published_efficientnets_are_divided_once_more(tmp_path, shaken, photographs):
    """Keras adds a layer for it where weights is "imagenet", which its own file needs as well."""
    model = shaken(models.backbone("keras:EfficientNetB0", image_size=32))
    model.save(tmp_path / "efficientnetb0_notop.h5")
    again = models.backbone(
        "keras:EfficientNetB0", image_size=32, weights=str(tmp_path / "efficientnetb0_notop.h5")
    )
    scale = np.sqrt([0.229, 0.224, 0.225]).astype("float32").reshape(1, 1, 3, 1)
    kernels = [m.get_layer("stem_conv").kernel.numpy() for m in (model, again)]
    np.testing.assert_allclose(kernels[1] * scale, kernels[0], rtol=1e-6)


@pytest.mark.parametrize("form", ["model_weights", "layers"])
def test_a_file_that_declares_a_huge_array_is_refused_by_its_shape(tmp_path, form):
    path = tmp_path / "huge.h5"
    with h5py.File(path, "w") as file:
        if form == "layers":
            group = file.create_group("layers/dense/vars")
            group.create_dataset("0", (2**20, 2**30), "float32", chunks=(1, 1024))
        else:
            group = file.create_group("model_weights/conv1")
            group.create_dataset("kernel", (2**20, 2**30), "float32", chunks=(1, 1024))
            group.attrs["weight_names"] = ["kernel"]
            file["model_weights"].attrs["layer_names"] = ["conv1"]
    assert path.stat().st_size < 100_000
    with pytest.raises(errors.UserError, match=r"huge\.h5 does not fit.*1048576, 1073741824"):
        models.build("keras:MobileNet", image_size=32, weights=str(path))


@pytest.mark.parametrize("kind", ["link", "external", "virtual"])
def test_a_file_that_leads_to_another_is_refused(shaken, tmp_path, kind):
    """Of a file that somebody else wrote nothing but itself is read."""
    model = models.build("cervixnet2", image_size=32, widths=(8, 8))
    model.save_weights(tmp_path / "other.weights.h5")
    model.save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "r+") as file:
        place = "layers/conv2d/vars/1"
        shape = file[place].shape
        del file[place]
        if kind == "link":
            file[place] = h5py.ExternalLink(str(tmp_path / "other.weights.h5"), place)
        elif kind == "external":
            (tmp_path / "secret").write_bytes(bytes(1000))
            raw = [(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)]
            file.create_dataset(place, shape, "float32", external=raw)
        else:
            layout = h5py.VirtualLayout(shape, "float32")
            layout[:] = h5py.VirtualSource(tmp_path / "other.weights.h5", place, shape)
            file.create_virtual_dataset(place, layout)
    with pytest.raises(errors.UserError, match="is a link|lies in another file"):
        models.build("cervixnet2", image_size=32, widths=(8, 8), weights=tmp_path / "w.weights.h5")
