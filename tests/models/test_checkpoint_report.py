import numpy as np
import pytest

from cervix_tf import errors, models

pytestmark = pytest.mark.usefixtures("small")
LOGITS = "InceptionV2/Logits/Conv2d_1c_1x1"


def test_every_variable_is_accounted_for(inception_variables, write_v2, tmp_path):
    values = dict(inception_variables)
    name = "InceptionV2/Mixed_5a/Branch_0/Conv2d_0a_1x1/weights"
    values[f"{name}/Momentum"] = values[name]
    values["InceptionV2/Mixed_9z/weights"] = values.pop(name)
    table = models.match_names(write_v2(values, tmp_path / "x")).set_index("name")
    assert table.status[name] == "missing"
    assert table.status["InceptionV2/Mixed_9z/weights"] == "left over"
    assert table.status[f"{name}/Momentum"] == "ignored"
    rest = table.drop([name, f"{name}/Momentum", "InceptionV2/Mixed_9z/weights"])
    assert set(rest.status) == {"matched"}
    assert len(rest) == len(inception_variables) - 1
    assert rest.variable.is_unique


def test_the_likeliest_classes_are_those_of_the_networks_own_logits(
    inception_variables, write_v2, tmp_path, photograph
):
    picture = photograph(tmp_path / "photo.jpg", size=(240, 224))
    values = dict(inception_variables)
    values[f"{LOGITS}/weights"] = 0 * values[f"{LOGITS}/weights"]
    values[f"{LOGITS}/biases"] = np.arange(1001, dtype="float32") / 100
    table = models.likeliest_classes(write_v2(values, tmp_path / "x"), picture)
    assert len(table) == 5
    assert table.probability.is_monotonic_decreasing
    assert list(table["class"]) == [1000, 999, 998, 997, 996]
    assert 0 < table.probability.sum() <= 1


def test_names_come_from_kerass_cache(
    inception_variables, write_v2, tmp_path, photograph, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    entries = ", ".join(f'"{i}": ["n{i}", "class {i}"]' for i in range(1000))
    (tmp_path / "models" / "imagenet_class_index.json").write_text(f"{{{entries}}}")
    values = dict(inception_variables)
    values[f"{LOGITS}/weights"] = 0 * values[f"{LOGITS}/weights"]
    values[f"{LOGITS}/biases"] = 99 * np.eye(1001, dtype="float32")[7]
    picture = photograph(tmp_path / "photo.jpg", size=(240, 224))
    table = models.likeliest_classes(write_v2(values, tmp_path / "x"), picture, top=1)
    assert list(table["class"]) == [7]
    assert list(table["label"]) == ["class 6"]  # the first of 1001 is the background


def test_without_logits_there_are_no_classes(inception_variables, write_v2, tmp_path, photograph):
    values = {name: v for name, v in inception_variables.items() if "Logits" not in name}
    picture = photograph(tmp_path / "photo.jpg")
    with pytest.raises(errors.UserError, match="has no logits"):
        models.likeliest_classes(write_v2(values, tmp_path / "x"), picture)


def test_another_checkpoint_is_refused(write_v2, tmp_path):
    prefix = write_v2({"vgg_16/conv1/weights": np.zeros((3, 3), "float32")}, tmp_path / "x")
    with pytest.raises(errors.UserError, match="holds none of InceptionV2"):
        models.match_names(prefix)
