"""What a run of an earlier version holds, which no table of checksums protects, is checked when read."""

import json
import shutil

import pytest

import cervix_tf as cx
from cervix_tf.errors import UserError
from cervix_tf.evaluation.report import card, report
from cervix_tf.inference.set_column import set_threshold
from cervix_tf.runs import load
from tests.planted.ensembles import ensemble_of


@pytest.fixture
def unsealed(finished, tmp_path):
    """A copy of the finished run without its table."""
    folder = shutil.copytree(finished.folder, tmp_path / "run")
    (folder / "files.json").unlink()
    return folder


@pytest.fixture
def ensemble(finished, tmp_path):
    """The folder of an ensemble without a table of its own."""
    folder = ensemble_of(finished, tmp_path / "ensemble").folder
    (folder / "files.json").unlink()
    return folder


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("values", [
    {"slope": -1.0}, {"slope": 1e308}, {"slope": float("nan")}, {"slope": float("inf")},
    {"offsets": [True, False, True]}, {"offsets": [0, 0]}, {"offsets": [0, 0, 1e300]},
    {"offsets": [0, 0, float("nan")]}, {"offsets": ["0", "0", "0"]}, {"offsets": [[0], [0], [0]]},
    {"groups": 0}, {"photographs": -5}, {"groups": 10**6}, {"odd": 1},
])  # fmt: skip
def test_a_calibration_that_no_fit_gives(unsealed, values):
    assert load(unsealed).calibration
    change(unsealed / "calibration.json", **values)
    with pytest.raises(UserError, match="calibration.json is damaged"):
        _ = load(unsealed).calibration


def test_a_calibration_by_the_shares_alone_is_read(unsealed):
    shares = {"slope": 0, "offsets": [0, 0.5, -0.5], "photographs": 0, "groups": 0}
    change(unsealed / "calibration.json", **shares)
    assert load(unsealed).calibration.slope == 0


def cell(column, value):
    def changed(table):
        table.loc[table.index[1], column] = value
        return table

    return changed


TABLES = {
    "empty": cell("Type_1", None),
    "below 0": cell("Type_1", -0.5),
    "above 1": cell("raw:Type_2", 5),
    "no sum of 1": cell("Type_1", 0.999999),
    "twice": lambda table: table.loc[[*table.index, table.index[0]]],
    "one is missing": lambda table: table[1:],
    "no rows": lambda table: table[:0],
    "no group": cell("group", None),
    "another label": lambda table: table.assign(label=table["label"].tolist()[::-1]),
    "swapped": lambda table: table.rename(columns={"label": "group", "group": "label"}),
    "another photograph": cell("path", "other.jpg"),
    "no column of groups": lambda table: table.drop(columns="group"),
    "another class": lambda table: table.rename(columns={"Type_1": "Type_9"}),
}


@pytest.mark.parametrize("how", TABLES)
def test_predictions_that_no_run_writes(ensemble, unsealed, how):
    path = ensemble / "oof.csv"
    assert set_threshold(load(ensemble), 0.7) > 0
    table = TABLES[how](load(ensemble).predictions)
    table.to_csv(path, index=False)
    with pytest.raises(UserError, match="oof.csv is damaged"):
        set_threshold(load(ensemble), 0.7)
    if how == "another class":
        return
    path = unsealed / "predictions.csv"
    TABLES[how](load(unsealed).predictions).to_csv(path, index=False)
    with pytest.raises(UserError, match="predictions.csv is damaged"):
        cx.inference.distance_limit(load(unsealed))


@pytest.mark.parametrize("values", [
    {"intervals": None}, {"intervals": {}}, {"intervals": {"log_loss": 1, "accuracy": None}},
    {"log_loss": float("nan")}, {"kappa": float("nan")}, {"classes": ["x"]},
    {"gain": None}, {"prevalence": {}}, {"kappa": "x"}, {"recall": None}, {"confusion": "x"}, {"raw": 1},
    {"bootstrap": None}, {"training": "x"}, {"classes": ["Type_1", "Type_2", "x"]},
    {"classes": [["x"], 1, None]},
])  # fmt: skip
def test_figures_that_no_run_writes(unsealed, tmp_path, values):
    change(unsealed / "metrics.json", **values)
    for write, out in ((report, tmp_path / "page.html"), (card, tmp_path / "card")):
        with pytest.raises(UserError, match="metrics.json is damaged"):
            write(unsealed, out)
        assert not out.exists()


def test_figures_of_test_photographs(unsealed, tmp_path):
    (unsealed / "test").mkdir()
    figures = {**load(unsealed).metrics, "seen": False, "classes": ["x"]}
    (unsealed / "test/metrics.json").write_text(json.dumps(figures))
    with pytest.raises(UserError, match="test/metrics.json is damaged"):
        report(unsealed, tmp_path / "page.html")
