import hashlib
import json
import os
import sys
import zipfile

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from cervix_tf import cli, models
from cervix_tf.data import prepare, read_manifest
from cervix_tf.errors import UserError
from cervix_tf.inference import export, exports, runtimes
from cervix_tf.recipes import load_recipe
from cervix_tf.runs import Run
from cervix_tf.runs.provenance import samples, with_content
from tests.planted.shortcuts import small_networks, two_blocks

TYPES = ["Type_1", "Type_2", "Type_3"]
FORMATS = ["savedmodel", "onnx", "litert"]
# As small as each network allows; keras:MobileNet is below, with real weights.
NETWORKS = {
    "cervixnet1": {"image_size": 32, "widths": (32, 32, 64), "dense": 64},
    "cervixnet2": {"image_size": 32, "widths": (32, 32, 64)},
    "inception": {"image_size": 32},
    "resnet": {"image_size": 32, "depth": 50},
    "keras:MobileNetV3Small": {"image_size": 32, "alpha": 0.75},
}


@pytest.fixture
def make_run(tmp_path):
    """A run of any network, its logits spread so that a wrong number anywhere would show."""

    def make(name, manifest, weights="none", **options) -> Run:
        size = options["image_size"]
        recipe = load_recipe(
            "cervixnet1", [f"model.name={name}", f"image_size={size}", "stages.0.steps=1"]
        )
        run = Run(tmp_path / "run")
        keras.utils.set_random_seed(0)
        model = models.build(name, weights=weights, **options)
        manifest = manifest.assign(split="validation")
        run.write_inputs(recipe, with_content(manifest, samples(manifest)), {})
        run.write_model(model, TYPES)  # its card has the size of the squares
        images = prepare(manifest, run.square_size, cache="memory").array[:, :size, :size]
        if weights == "none":
            rng = np.random.default_rng(0)
            for variable in model.weights:  # values of their own, where all are 1
                if variable.path.endswith(("gamma", "moving_variance")):
                    variable.assign(variable * rng.uniform(0.8, 1.2, variable.shape))
        part = keras.Model(model.input, model.get_layer("logits").output)
        last = [layer for layer in model.layers if layer.weights][-1]
        norm = isinstance(last, keras.layers.BatchNormalization)  # CervixNet-1's
        scale, shift = (last.gamma, last.beta) if norm else (last.kernel, last.bias)
        scale.assign(scale / np.std(part(images, training=False), axis=0).mean())
        shift.assign(shift - part(images, training=False).numpy().mean(axis=0))
        run.write_model(model, TYPES)
        return run

    return make


def _crops(run):
    own = run.manifest[run.manifest["split"] == "validation"].reset_index(drop=True)
    squares = prepare(own, run.square_size, cache="memory").array
    margin = (run.square_size - run.image_size) // 2
    return np.ascontiguousarray(squares[:, margin:-margin, margin:-margin])


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_in_onnx_and_litert(name, phantoms, make_run, monkeypatch):
    """A SavedModel is what LiteRT's converter reads; that of `exported` is run by itself as well."""
    small_networks(monkeypatch)
    two_blocks(monkeypatch)
    run = make_run(name, read_manifest(phantoms).iloc[::3], **NETWORKS[name])
    spread = run.model.predict_on_batch(_crops(run)).std(axis=0)
    assert spread.min() > 0.02, "probabilities that hardly differ would agree whatever happens"
    for format in ("onnx", "litert"):
        done = export(run, format=format)
        assert done.difference <= 1e-4, format
        assert done.photographs == len(run.manifest)
        assert done.size > 1e5
        assert done.accuracy == done.keras_accuracy


@pytest.mark.slow
def test_real_weights_on_real_photographs(shared, make_run):
    table = read_manifest(shared / "data/annocerv").head(6).assign(label=None)
    weights = str(shared / "weights/mobilenet_2_5_224_tf_no_top.h5")
    run = make_run("keras:MobileNet", table, weights, image_size=224, alpha=0.25)
    for format in ("onnx", "litert"):
        done = export(run, format=format)
        assert done.difference <= 1e-4
        assert done.accuracy is None


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory):
    folder, before = tmp_path_factory.mktemp("exported"), os.umask(0o002)
    try:
        return {f: export(finished, folder / exports.NAMES[f], format=f) for f in FORMATS}
    finally:
        os.umask(before)


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_the_runtime_takes_any_number_of_raw_squares(finished, exported, format):
    images = _crops(finished)
    assert len(images) == exported[format].photographs >= 4
    wanted = finished.calibration(finished.model.predict_on_batch(images))
    batches = [images[:1], images[1:4], images[4:]]
    found = np.concatenate(list(runtimes.RUNTIMES[format](exported[format].path, batches)))
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_who_may_read_an_export_is_as_the_umask_has_it(exported):
    made = [done.path for done in exported.values()]
    for path in (*made, *exported["savedmodel"].path.rglob("*")):
        wanted = 0o775 if path.is_dir() else 0o664
        assert path.stat().st_mode & 0o777 == wanted, path


def test_metadata(exported):
    saved = exported["savedmodel"].path
    archive = zipfile.ZipFile(exported["litert"].path)
    session = onnxruntime.InferenceSession(str(exported["onnx"].path))
    props = session.get_modelmeta().custom_metadata_map
    cards = [
        json.loads((saved / "assets.extra/cervix_tf.json").read_text()),
        json.loads(archive.read("cervix_tf.json")),
        {**props, "class_names": json.loads(props["class_names"])},
    ]
    for card in cards:
        assert card["class_names"] == TYPES
        assert int(card["image_size"]) == 32
        assert card["model"] == "cervixnet1"
    for name, digest in cards[0]["sha256"].items():
        assert hashlib.sha256((saved / name).read_bytes()).hexdigest() == digest
    assert "variables/variables.index" in cards[0]["sha256"]
    bare, litert = exported["litert"].path, cards[1]["sha256"]
    begin = min(entry.header_offset for entry in archive.infolist())
    assert hashlib.sha256(bare.read_bytes()[:begin]).hexdigest() == litert
    assert archive.read("labels.txt").decode().split() == TYPES
    (entry,), (exit_,) = session.get_inputs(), session.get_outputs()
    assert (entry.name, entry.type, entry.shape) == ("image", "tensor(uint8)", ["batch", 32, 32, 3])
    assert (exit_.name, exit_.shape) == ("probabilities", ["batch", 3])


def test_weights_are_written_once(finished, exported):
    weights = 4 * finished.model.count_params()
    (data,) = (exported["savedmodel"].path / "variables").glob("*.data*")
    assert data.stat().st_size < 1.1 * weights + 10_000


def test_no_random_layer(exported):
    """The network was trained with dropout after every convolution; none of it is exported."""
    saved = tf.saved_model.load(str(exported["savedmodel"].path)).signatures["serving_default"]
    kinds = {node.op for node in saved.graph.as_graph_def().node}
    for function in saved.graph.as_graph_def().library.function:
        kinds |= {node.op for node in function.node_def}
    kinds |= {node.op_type for node in onnx.load(exported["onnx"].path).graph.node}
    assert len(kinds) > 5
    assert not [kind for kind in kinds if "andom" in kind or kind == "Dropout"]


@pytest.mark.parametrize(("quantize", "most"), [("float16", 0.02), ("int8", 0.2)])
def test_quantised(finished, exported, tmp_path, quantize, most):
    done = export(finished, tmp_path / "q.tflite", format="litert", quantize=quantize)
    assert 0 < done.difference < most
    assert done.size < exported["litert"].size
    assert 0 <= done.accuracy <= 1
    table = finished.predictions
    probabilities = finished.calibration(table[[f"raw:{name}" for name in TYPES]].to_numpy())
    right = probabilities.argmax(axis=1) == table["label"].map(TYPES.index)
    assert done.keras_accuracy == pytest.approx(right.mean())


@pytest.mark.parametrize("format", FORMATS)
def test_what_differs_from_keras_is_not_kept(finished, tmp_path, monkeypatch, format):
    run_it = runtimes.RUNTIMES[format]

    def wrong(path, batches):
        for probabilities in run_it(path, batches):
            yield probabilities + np.array([2e-4, 0, -2e-4], "float32")

    monkeypatch.setitem(runtimes.RUNTIMES, format, wrong)
    target = tmp_path / "new" / exports.NAMES[format]
    with pytest.raises(UserError, match=r"differs from Keras by up to 2\.0e-04"):
        export(finished, target, format=format)
    assert not list(target.parent.iterdir())


def test_a_saved_model_is_replaced_and_nothing_else_is(finished, exported, tmp_path, monkeypatch):
    first = export(finished, tmp_path / "model")
    again = export(finished, tmp_path / "model")
    assert again.size == pytest.approx(first.size, rel=0.01)
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    other = tmp_path / "photographs"
    other.mkdir()
    (other / "1.jpg").write_text("mine")
    with pytest.raises(UserError, match="is no SavedModel"):
        export(finished, other)
    assert (other / "1.jpg").read_text() == "mine"


def test_mistakes(finished, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="did you mean 'onnx'"):
        export(finished, tmp_path / "x", format="onxx")
    with pytest.raises(UserError, match="did you mean 'float16'"):
        export(finished, tmp_path / "x", format="litert", quantize="float6")
    with pytest.raises(UserError, match="litert alone"):
        export(finished, tmp_path / "x", format="onnx", quantize="int8")
    moved = Run(finished.folder)
    vars(moved)["manifest"] = finished.manifest.assign(path="nowhere.jpg")
    with pytest.raises(UserError, match="--data"):
        export(moved, tmp_path / "x")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"tf2onnx.*pip install 'cervix-tf\[export\]'"):
        export(finished, tmp_path / "x", format="onnx")
    assert not list(tmp_path.iterdir())


def test_the_verb(finished, phantoms, monkeypatch, capsys, tmp_path):
    words = f"export {finished.folder} --format onnx --out {tmp_path}/a.onnx --data {phantoms}/test"
    monkeypatch.setattr(sys, "argv", ["cervix-tf", *words.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code in (0, None)
    out = capsys.readouterr().out
    assert "Largest difference from Keras on 5 photographs" in out
    assert "Accuracy" not in out, "the test photographs have no labels"
    assert (tmp_path / "a.onnx").is_file()
