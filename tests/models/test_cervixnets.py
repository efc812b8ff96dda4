import keras
import numpy as np
import pytest

from cervix_tf import errors, models


def trainable(layers):
    return sum(int(np.prod(v.shape)) for layer in layers for v in layer.trainable_variables)


@pytest.mark.parametrize("image_size", [160, 224])
def test_cervixnet1_has_the_reports_parameters(image_size):
    model = models.build("cervixnet1", image_size=image_size)
    assert trainable(model.layers) == 12_684_876
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert len(dense) == 2
    assert round(100 * trainable(dense) / 12_684_876, 1) == 33.1


def test_cervixnet1_strides_instead_of_pooling():
    layers = models.build("cervixnet1", image_size=64).layers
    convolutions = [layer for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.strides for layer in convolutions] == [(2, 2)] * 7
    assert not [layer for layer in layers if isinstance(layer, keras.layers.MaxPooling2D)]
    drops = [
        layer.rate for layer in layers if layer.name.startswith("conv") and "dropout" in layer.name
    ]
    assert drops == [0.2] * 7


def test_cervixnet1_takes_depth_and_widths():
    model = models.backbone("cervixnet1", image_size=64, widths=(8, 16, 24), depth=2)
    assert model.output.shape[1:] == (16, 16, 16)


def test_cervixnet2_pools_and_has_no_batch_norm():
    layers = models.build("cervixnet2", image_size=96).layers
    convolutions = [layer for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.strides for layer in convolutions] == [(2, 2), *[(1, 1)] * 4]
    assert sum(isinstance(layer, keras.layers.MaxPooling2D) for layer in layers) == 4
    assert not [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert models.build("cervixnet2", image_size=96).get_layer("head_dropout").rate == 0.5


def test_cervixnet2_takes_batch_norm():
    layers = models.build("cervixnet2", image_size=32, batch_norm=True).layers
    assert sum(isinstance(layer, keras.layers.BatchNormalization) for layer in layers) == 5


@pytest.mark.slow
def test_cervixnet2_learns_where_a_ring_is_with_the_reports_setting():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 96)
    rows, columns = np.mgrid[:32, :32]
    images = rng.normal(128, 20, (96, 32, 32, 3))
    for image, label in zip(images, labels, strict=True):
        radius = np.hypot(rows - rng.uniform(12, 20), columns - rng.uniform(12, 20))
        image[(radius > 3 * label) & (radius < 3 * label + 4)] += (60, -30, -30)
    model = models.build("cervixnet2", image_size=32, widths=(16, 24, 32, 32))
    model.compile(
        keras.optimizers.RMSprop(0.0012), "sparse_categorical_crossentropy", jit_compile=False
    )
    images = images.clip(0, 255).astype("uint8")
    model.fit(images, labels, batch_size=16, epochs=12, verbose=0)
    probabilities = model.predict(images, verbose=0)[np.arange(96), labels]
    assert -np.log(probabilities).mean() < 0.5  # shuffled labels give 0.7, the prior 1.1


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cervixnet1", {"depth": 8}, "depth is 8"),
        ("cervixnet1", {"depth": 0}, "depth is 0"),
        ("cervixnet2", {"widths": (8,)}, "at least two"),
    ],
)
def test_impossible_stacks_are_refused(name, options, words):
    with pytest.raises(errors.UserError, match=words):
        models.build(name, image_size=32, **options)
