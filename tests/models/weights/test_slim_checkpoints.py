import numpy as np
import pytest
import tensorflow as tf

from cervix_tf import errors, models

pytestmark = pytest.mark.usefixtures("small")


def assert_same(model, other):
    for a, b in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


def load(path, **options):
    return models.backbone("inception", image_size=32, weights=str(path), **options)


def test_a_v2_checkpoint_comes_back_bit_for_bit(inception, tmp_path):
    prefix = models.save_slim_checkpoint(inception, tmp_path / "new" / "inception_v2.ckpt")
    assert_same(inception, load(prefix, top=True))
    assert_same(inception, load(f"{prefix}.index", top=True))


@pytest.mark.parametrize("preprocessing", ["inception", "vgg"])
def test_a_resnet_comes_back_with_its_head_and_preprocessing(shaken, tmp_path, preprocessing):
    options = {"depth": 50, "preprocessing": preprocessing}
    model = shaken(models.build("resnet", image_size=32, **options))
    prefix = models.save_slim_checkpoint(model, tmp_path / "resnet.ckpt")
    again = models.build("resnet", image_size=32, weights=str(prefix), depth=50)
    assert_same(model, again)
    assert again.get_layer("preprocessing").scale == model.get_layer("preprocessing").scale


@pytest.mark.slow
def test_a_v1_file_is_read(inception, inception_variables, graph_saver, tmp_path):
    def write(session):
        version = tf.compat.v1.train.SaverDef.V1
        tf.compat.v1.train.Saver(write_version=version).save(
            session, str(tmp_path / "inception_v2.ckpt"), write_meta_graph=False
        )

    graph_saver(inception_variables, write)
    assert (tmp_path / "inception_v2.ckpt").is_file()
    assert_same(inception, load(tmp_path / "inception_v2.ckpt", top=True))


def test_a_folder_left_by_training_is_read(inception, inception_variables, write_v2, tmp_path):
    write_v2(inception_variables, tmp_path / "model.ckpt-7")
    tf.compat.v1.train.update_checkpoint_state(str(tmp_path), str(tmp_path / "model.ckpt-7"))
    assert_same(inception, load(tmp_path, top=True))


def test_whatever_precedes_the_scope_and_what_training_adds_are_passed_over(
    inception, inception_variables, write_v2, tmp_path
):
    values = {f"outer/InceptionV2/{name}": value for name, value in inception_variables.items()}
    one = next(name for name in values if name.endswith("weights"))
    for slot in ("Momentum", "RMSProp", "RMSProp_1", "Adam", "ExponentialMovingAverage"):
        values[f"{one}/{slot}"] = values[one]
    values |= {"global_step": np.int64(1), "beta1_power": np.float32(0.9)}
    assert_same(inception, load(write_v2(values, tmp_path / "x"), top=True))


def test_logits_are_left_out_without_top(inception, inception_variables, write_v2, tmp_path):
    model = load(write_v2(inception_variables, tmp_path / "x"))
    assert len(model.weights) == len(inception.weights) - 2


@pytest.mark.slow
def test_the_stem_is_the_checkpoints(shaken, tmp_path):
    model = shaken(models.backbone("inception", image_size=32, stem="batch_norm"))
    again = load(models.save_slim_checkpoint(model, tmp_path / "x.ckpt"))
    assert again.get_layer("Conv2d_1a_7x7_BatchNorm").beta.shape == (64,)
    assert_same(model, again)
    with pytest.raises(errors.UserError, match="missing: InceptionV2/Conv2d_1a_7x7/biases"):
        load(tmp_path / "x.ckpt", stem="bias")


NAME = "InceptionV2/Mixed_5c/Branch_2/Conv2d_0b_3x3/weights"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.pop(NAME), f"missing: {NAME}"),
        (lambda v: v.update({NAME: v[NAME][..., :5]}), rf"another shape: {NAME} \[3, 3, 192, 5\]"),
        (lambda v: v.update({f"{NAME}_2": v[NAME]}), f"left over: {NAME}_2"),
        (lambda v: v.update({f"twice/{NAME}": v[NAME]}), f"left over: .*{NAME}"),
        (lambda v: v.update({"decoder/weights": v[NAME]}), "left over: decoder/weights"),
    ],
)
def test_what_does_not_fit_is_named(inception_variables, write_v2, tmp_path, change, words):
    values = dict(inception_variables)
    change(values)
    with pytest.raises(errors.UserError, match=words):
        load(write_v2(values, tmp_path / "x"))


def test_another_network_is_named(tmp_path):
    model = models.backbone("resnet", image_size=32, depth=50)
    prefix = str(models.save_slim_checkpoint(model, tmp_path / "x.ckpt"))
    with pytest.raises(errors.UserError, match="it holds resnet_v1_50"):
        load(prefix)
    with pytest.raises(errors.UserError, match="it holds resnet_v1_50; set the option depth"):
        models.backbone("resnet", image_size=32, weights=prefix)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "x.ckpt").write_text("not one")
    with pytest.raises(errors.UserError, match="cannot be read as a TensorFlow checkpoint"):
        load(tmp_path / "x.ckpt")
    with pytest.raises(errors.UserError, match="neither saved_model.pb nor"):
        load(tmp_path)


def test_other_networks_cannot_be_written(tmp_path):
    with pytest.raises(errors.UserError, match="only inception and resnet"):
        models.save_slim_checkpoint(models.build("cervixnet2", image_size=32), tmp_path / "x")
