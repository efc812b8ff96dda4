import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cervix_tf as cx
from cervix_tf.errors import UserError
from tests.planted.onnx_files import colours_onnx

ROOT = Path(__file__).parents[2]
TYPES = ["Type_1", "Type_2", "Type_3"]


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "first.onnx"
    return cx.export(finished, path, format="onnx").path


def test_an_exported_file_gives_the_runs_probabilities(finished, exported, phantoms, tmp_path):
    test = phantoms / "test"
    table = cx.predict(exported, test, engine="onnx", batch_size=2)
    keras = cx.predict(finished, test)
    assert table[["image", "path"]].equals(keras[["image", "path"]])
    assert list(table) == list(keras)
    np.testing.assert_allclose(table[TYPES], keras[TYPES], atol=1e-5)
    assert keras[TYPES].to_numpy().std(axis=0).min() > 3e-4
    other = shutil.copy(exported, tmp_path / "other.onnx")
    both = cx.predict([exported, other], test, engine="onnx")
    np.testing.assert_allclose(both[TYPES], keras[TYPES], atol=1e-5)
    turned, keras = (
        cx.predict(model, test, tta=8, engine=engine)[TYPES]
        for model, engine in ((exported, "onnx"), (finished, "keras"))
    )
    np.testing.assert_allclose(turned, keras, atol=1e-3)  # averaged after, or before calibration


@pytest.mark.slow
def test_tensorflow_is_not_imported(finished, exported, phantoms, tmp_path):
    words = [
        "predict",
        exported,
        phantoms / "test",
        "--engine",
        "onnx",
        "--out",
        tmp_path / "a.csv",
    ]
    program = (
        "import sys\n"
        f"sys.argv = ['cervix-tf', *{[str(word) for word in words]!r}]\n"
        "from cervix_tf.cli import main\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "import json\n"
        "print(json.dumps([name for name in ('tensorflow', 'keras') if name in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said, modules = done.stdout.splitlines()
    assert said == f"5 photographs in {tmp_path / 'a.csv'}"
    assert json.loads(modules) == []
    keras = cx.predict(finished, phantoms / "test")
    np.testing.assert_allclose(pd.read_csv(tmp_path / "a.csv")[TYPES], keras[TYPES], atol=1e-5)


def test_mistakes(finished, exported, phantoms, tmp_path):
    test, other = phantoms / "test", tmp_path / "other.onnx"
    other.write_bytes(b"none")
    for run, given, message in [
        (exported, {}, "predict with --engine onnx"),
        (exported, {"engine": "onxx"}, "did you mean 'onnx'"),
        (exported, {"engine": "onnx", "raw": True}, "calibrates inside"),
        (finished, {"engine": "onnx"}, "is no file: --engine onnx takes"),
        (finished.folder, {"engine": "onnx"}, "is no file: --engine onnx takes"),
        (other, {"engine": "onnx"}, "no ONNX file that cervix-tf export wrote"),
        ([], {"engine": "onnx"}, "No run"),
        ([exported, str(exported)], {"engine": "onnx"}, "first.onnx is given twice"),
        ([finished, str(finished.folder)], {}, "run is given twice: give every run once"),
    ]:
        with pytest.raises(UserError, match=message):
            cx.predict(run, test, **given)


def test_another_content_is_another_engine(exported, tmp_path):
    from cervix_tf.inference.engines import engines

    copied = tmp_path / "copied.onnx"
    copied.write_bytes(exported.read_bytes())
    one, other = engines([exported, copied], "onnx")
    assert one.fingerprint() == other.fingerprint()
    copied.write_bytes(exported.read_bytes() + b"\0")
    assert one.fingerprint() != other.fingerprint()


@pytest.mark.parametrize(("change", "message"), [
    ({"class_names": '["a", "a", "b"]'}, "is damaged .its 'class_names' are no names.*export again"),
    ({"class_names": '["image", "path", "label"]'}, "cannot be called 'image', 'label', 'path'"),
    ({"class_names": '["a", "b"]'}, r"it names 2 classes and gives the shape \(1, 3\)"),
    ({"class_names": '["a", "b", "c", "d"]'}, "it names 4 classes"),
    ({"class_names": "3"}, "it has|its 'class_names'"),
    ({"class_names": '["a", " ", "b"]'}, "' ' is no name of a class"),
    ({"class_names": '["a", "b\\nc", "d"]'}, r"'b\\nc' is no name of a class"),
    ({"square_size": "11"}, "its sizes are 12 and 11"),
    ({"square_size": "1000000"}, "its sizes are 12 and 1000000"),
    ({"square_size": "-1"}, "its sizes are 12 and -1"),
    ({"image_size": "10", "square_size": "10"}, r"its 'image_size' is 10, and the network takes \[12"),
    ({"crop": "/etc"}, "its 'crop' is '/etc'"),
])  # fmt: skip
def test_a_card_that_export_does_not_write(tmp_path, phantoms, change, message):
    import onnx

    path = colours_onnx(tmp_path / "colours.onnx")
    assert len(cx.predict(path, phantoms / "test", engine="onnx")) == 5
    model = onnx.load(path)
    card = {entry.key: entry.value for entry in model.metadata_props}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, card | change)
    onnx.save(model, path)
    with pytest.raises(UserError, match=f"colours.onnx.*{message}"):
        cx.predict(path, phantoms / "test", engine="onnx")


def test_a_flipped_bit_is_told(exported, phantoms, tmp_path):
    content = bytearray(exported.read_bytes())
    place = len(content) // 2  # among the weights, where every bit is allowed
    content[place] ^= 1
    (tmp_path / "flipped.onnx").write_bytes(content)
    with pytest.raises(UserError, match=r"flipped\.onnx is damaged .its checksum.*export again"):
        cx.predict(tmp_path / "flipped.onnx", phantoms / "test", engine="onnx")


def test_an_export_of_an_earlier_version_is_read_with_a_warning(phantoms, tmp_path):
    path = colours_onnx(tmp_path / "colours.onnx")
    with pytest.warns(UserWarning, match=r"colours\.onnx holds no checksum.*Export again"):
        assert len(cx.predict(path, phantoms / "test", engine="onnx")) == 5


def test_an_export_that_gives_no_probabilities_is_damaged(exported, phantoms, tmp_path):
    import onnx
    from onnx import numpy_helper

    model = onnx.load(exported)
    for weights in model.graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.dtype == np.float32:
            weights.CopyFrom(numpy_helper.from_array(values * np.float32("nan"), weights.name))
    (held,) = (entry for entry in model.metadata_props if entry.key == "sha256")
    model.metadata_props.remove(held)  # of an earlier version, which the checksum does not guard
    onnx.save(model, tmp_path / "nan.onnx")
    with pytest.raises(UserError, match=r"nan\.onnx.*no probabilities"):
        cx.predict(tmp_path / "nan.onnx", phantoms / "test", engine="onnx")
