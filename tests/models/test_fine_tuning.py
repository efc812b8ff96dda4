import keras
import numpy as np
import pytest

from cervix_tf import errors, models

pytestmark = pytest.mark.usefixtures("small")


def trained(model):
    return {variable.path for variable in model.trainable_variables}


def fit_once(model, photographs, size=32):
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", run_eagerly=True)
    model.fit(photographs(4, size), np.array([0, 1, 2, 0]), verbose=0)


@pytest.mark.parametrize(
    "name", ["inception", "cervixnet1", pytest.param("keras:MobileNet", marks=pytest.mark.slow)]
)
def test_not_a_variable_outside_the_head_changes_in_the_head_stage(name, photographs):
    options = {"widths": (8, 8), "dense": 8} if name == "cervixnet1" else {}
    model = models.set_trainable(models.build(name, image_size=32, **options), "head")
    head = {id(variable) for layer in models.head_layers(model) for variable in layer.weights}
    before = [weight.numpy() for weight in model.weights]
    fit_once(model, photographs)
    changed = {
        id(weight): weight.path
        for old, weight in zip(before, model.weights, strict=True)
        if not np.array_equal(old, weight.numpy())
    }
    assert changed
    assert set(changed) <= head, changed.values()


def test_all_can_leave_batch_norm_frozen(photographs):
    model = models.set_trainable(models.build("inception", image_size=32), "all", True)
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    before = [weight.numpy() for layer in norms for weight in layer.weights]
    kernel = model.get_layer("Conv2d_2c_3x3_convolution").kernel.numpy()
    fit_once(model, photographs)
    after = [weight.numpy() for layer in norms for weight in layer.weights]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert not np.array_equal(kernel, model.get_layer("Conv2d_2c_3x3_convolution").kernel.numpy())
    models.set_trainable(model, "all")
    assert all(layer.trainable for layer in model.layers)


def test_a_block_is_trained_whole_with_all_after_it():
    model = models.set_trainable(models.build("inception", image_size=32), "Mixed_5a")
    blocks = {path.split("/")[0][:8] for path in trained(model)}
    assert blocks == {"Mixed_5a", "Mixed_5c", "logits"}
    assert "Mixed_5a_Branch_1_Conv2d_0a_1x1_convolution/kernel" in trained(model)
    model = models.set_trainable(models.build("resnet", image_size=32, depth=50), "block3")
    assert {path.split("_")[0].split("/")[0] for path in trained(model)} == {"block3", "logits"}


def test_an_unknown_layer_names_the_nearest_block():
    model = models.build("inception", image_size=32)
    with pytest.raises(errors.UserError, match="did you mean 'Mixed_5a'"):
        models.set_trainable(model, "Mixed5a")


def penalty(model):
    return float(sum(model.losses))


def squares(layer, name="kernel"):
    return float((getattr(layer, name).numpy().astype("float64") ** 2).sum())


def test_strengths_are_tf_slims_and_leave_depthwise_kernels_and_norms_alone():
    model = models.build("inception", image_size=32, l2=0.02, head_l2=0.5)
    charged = squares(model.get_layer("Conv2d_1a_7x7_convolution"), "pointwise_kernel")
    charged += sum(squares(x) for x in model.layers if type(x) is keras.layers.Conv2D)
    logits = squares(model.get_layer("logits"))
    assert penalty(model) == pytest.approx(0.01 * (charged + logits) + 0.25 * logits, rel=1e-5)


def test_head_l2_is_on_the_dense_kernels_of_the_head():
    model = models.build("cervixnet1", image_size=32, widths=(8, 8), dense=8, head_l2=1.0)
    dense = [x for x in model.layers if isinstance(x, keras.layers.Dense)]
    assert penalty(model) == pytest.approx(sum(squares(x) for x in dense) / 2, rel=1e-5)
    assert len(model.losses) == 2


def test_strengths_can_be_taken_back_and_are_charged_for_what_trains():
    model = models.build("keras:MobileNet", image_size=32, l2=0.1)
    assert len(models.set_trainable(model, "head").losses) == 1
    assert models.regularise(model).losses == []


@pytest.mark.parametrize("key", ["l2", "head_l2"])
def test_a_negative_strength_is_refused(key):
    with pytest.raises(errors.UserError, match=f"{key} is -1"):
        models.build("cervixnet2", image_size=32, **{key: -1})
