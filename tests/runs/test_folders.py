import json
import zipfile

import numpy as np
import pandas as pd
import pytest

import cervix_tf as cx
from cervix_tf.errors import UserError
from cervix_tf.runs.folders import CARD, Run


def test_load_by_path(finished):
    run = cx.load(str(finished.folder))
    assert run.complete
    assert run.class_names == ["Type_1", "Type_2", "Type_3"]
    assert (run.image_size, run.square_size) == (32, 36)
    assert run.manifest["path"].tolist() == finished.manifest["path"].tolist()
    assert cx.load(run) is run


def test_a_class_called_as_missing_values_are_stays_a_class(tmp_path):
    table = pd.DataFrame({"path": ["7", "8"], "label": ["None", "NA"], "None": [0.1, 2 / 3]})
    run = Run(tmp_path)
    run.write_table("predictions.csv", table.assign(NA=1 - table["None"]))
    assert run.predictions[["path", "label"]].to_numpy().tolist() == [["7", "None"], ["8", "NA"]]
    assert run.predictions["None"].tolist() == [0.1, 2 / 3]


def test_the_model_file_alone_carries_classes_and_size(finished):
    with zipfile.ZipFile(finished.path("model.keras")) as archive:
        card = json.loads(archive.read(CARD))
    assert card["class_names"] == finished.class_names
    assert card["image_size"] == 32
    images = np.zeros((2, 32, 32, 3), "uint8")
    shares = np.asarray(finished.model(images))
    assert shares.sum(1) == pytest.approx(1)


def test_what_is_not_a_run(tmp_path, finished):
    with pytest.raises(UserError, match="does not exist"):
        cx.load(tmp_path / "none")
    with pytest.raises(UserError, match="not a run: it has no recipe.yaml"):
        cx.load(tmp_path)
    (tmp_path / "recipe.yaml").write_text(finished.path("recipe.yaml").read_text())
    with pytest.raises(UserError, match="--resume"):
        _ = cx.load(tmp_path).card
    (tmp_path / "model.keras").write_bytes(b"damaged")
    with pytest.raises(UserError, match="holds no cervix_tf.json: it was not written by cervix-tf"):
        _ = cx.load(tmp_path).class_names
    with pytest.raises(UserError, match="cannot be read as a Keras model"):
        _ = cx.load(tmp_path).model
