import logging
import re
import shutil

import pytest

from cervix_tf import load
from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.recipes import load_recipe
from cervix_tf.recipes.recipe_files import HERE
from cervix_tf.reproduction import report_tables as report
from cervix_tf.reproduction import reproduce
from cervix_tf.reproduction.experiments import plan, scaled
from cervix_tf.reproduction.page import write_page
from tests.planted.shortcuts import bare_fits, quick_figures, uncompiled

RECIPES = sorted({name for names in report.PARTS.values() for name in names})
ROWS = [*report.TABLE_2, *report.TABLE_4, *report.TABLE_5]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_tables_say_what_the_recipes_heads_say(row):
    head = (HERE / f"{row.recipe}.yaml").read_text(encoding="utf-8")
    if row.recipe == "inception-exp4":
        head += (HERE / "inception.yaml").read_text(encoding="utf-8")  # the best, with all figures
    for figure in (row.validation_loss, row.test_loss):
        assert figure is None or str(figure) in head
    if row.validation_accuracy and row.recipe != "cervixnet1":
        assert f"{100 * row.validation_accuracy:.1f} %" in head


@pytest.mark.parametrize("name", RECIPES)
def test_scaling(name):
    shipped = load_recipe(name)
    assert scaled(name, 1.0, None, []) == shipped
    small = scaled(name, 0.01, "none", ["batch_size=4"])
    for stage, whole in zip(small.stages, shipped.stages, strict=True):
        assert stage.steps == max(1, round(whole.steps / 100))
        assert stage.train == whole.train
    if shipped.optimizer.anneal:
        assert small.optimizer.anneal.every == shipped.optimizer.anneal.every // 100
        assert small.optimizer.anneal.factor == shipped.optimizer.anneal.factor
    total = sum(stage.steps for stage in small.stages)
    assert 5 <= total / small.validate_every <= 10
    assert small.model.weights == "none"
    assert small.batch_size == 4
    one = scaled(name, 0.5, {"resnet": "r.ckpt"}, [])
    expected = "r.ckpt" if name == "resnet-report" else shipped.model.weights
    assert one.model.weights == expected
    other = scaled(name, 0.5, None, ["optimizer.name=adamw"])
    assert other.optimizer.weight_decay == 0.004, "the default of the optimiser asked for"


@pytest.fixture
def quick(monkeypatch):
    """Nothing compiled, and no figure drawn."""
    quick_figures(monkeypatch)
    bare_fits(monkeypatch)
    with uncompiled():
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_runs_are_made_once_and_gone_on_with(phantoms, tmp_path, caplog):
    caplog.set_level(logging.INFO, "cervix_tf")
    manifest = read_manifest(phantoms)
    tiny = [
        "model.widths=[4,4]",
        "model.dense=8",
        "image_size=32",
        "batch_size=8",
        "validation=0.2",
    ]
    given = dict(
        only=["table2"], steps_scale=0.001, out=tmp_path / "out", settings=tiny, cache="memory"
    )
    page = reproduce(manifest, **given)
    text = page.read_text(encoding="utf-8")
    for row in report.TABLE_2:
        assert f"<td>{row.name}</td><td>{row.validation_loss:.4f}</td>" in text
        run = load(tmp_path / "out/runs" / row.recipe)
        assert f"{run.metrics['raw']['log_loss']:.4f}" in text, "as the report's, not calibrated"
    assert text.count("trained on the original data") == 3, "of the rows it is true of"
    assert "phantoms" in text
    assert "stages.0.steps 3 instead of 3000" in text
    assert "image_size 32 instead of 160" in text
    assert "No labelled test photographs" in text

    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "out/runs").glob("*/model.keras")}
    gone = tmp_path / "out/runs/cervixnet1-row3"
    shutil.rmtree(gone)
    caplog.clear()
    reproduce(manifest, **given)
    assert sum("nothing is left to train" in line for line in caplog.messages) == 3
    later = {p: p.stat().st_mtime_ns for p in stamps}
    assert {p.parent for p in stamps if later[p] != stamps[p]} == {gone}

    with pytest.raises(UserError, match="was run with other settings: choose another --out"):
        reproduce(manifest, **{**given, "settings": [*tiny, "seed=1"]})
    shutil.rmtree(gone)
    swapped = manifest["label"].map({"Type_1": "Type_2", "Type_2": "Type_1", "Type_3": "Type_3"})
    for changed in (
        manifest[manifest["split"] != "test"].iloc[:-1],
        manifest.assign(label=swapped),
        manifest.assign(group=manifest["group"].where(manifest.index != 0, manifest["group"][1])),
        manifest.assign(split=manifest["split"].where(manifest.index != 0, "test")),
    ):
        with pytest.raises(UserError, match="was run on other photographs"):
            reproduce(changed, **given)
        assert not gone.exists(), "nothing is trained before all are looked at"


@pytest.mark.slow
def test_every_table_and_figure_on_one_page(finished, phantoms, tmp_path, monkeypatch):
    """The page from one small run in every run's place, its figures blank."""
    quick_figures(monkeypatch)
    runs = {}
    for name in RECIPES:
        shutil.copytree(finished.folder, tmp_path / "runs" / name)
        runs[name] = load(tmp_path / "runs" / name)
    notes = {name: ["batch_size 8 instead of 32"] for name in RECIPES}
    notes["inception-exp2"] = [*notes["inception-exp2"], "seed 1 instead of 0"]
    page = write_page(
        tmp_path, list(report.PARTS), read_manifest(phantoms), runs, notes, 0.5, "memory"
    )
    text = page.read_text(encoding="utf-8")
    plain = re.sub(r"base64,[^\"]*", "", text)
    for number in (1, 2, 3, 4, 5):
        assert f"<h2>Table {number}: " in plain
    for number in (2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15, 16, 17):
        assert re.search(rf"Figure {number}\b", plain), number
    assert "Type_2 782 (52.7 %)" in plain
    for figure in ("0.86433", "0.898", "0.95655", "0.97413", "0.81768", "1.08586", "0.499"):
        assert figure in plain
    assert plain.count("All: batch_size 8 instead of 32.") == 3
    assert "2: dropout 0.5" not in plain.split("seed 1 instead of 0")[0].split("<li>")[-1]
    assert "0.5 of the steps" in plain
    assert 'src="http' not in text
    assert text.count("data:image/png;base64,") == 13
    ours = finished.metrics
    assert plain.count(f"<td>{ours['prior']['log_loss']:.4f}</td>") == 4 + 6 + 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"only": ["table6"]}, "Unknown part 'table6': did you mean 'table"),
        ({"steps_scale": 0}, "above 0 and up to 1"),
        ({"steps_scale": "1"}, "above 0 and up to 1"),
        ({"only": "table3"}, "only='table3': give a list"),
        ({"settings": "batch_size=3"}, "settings='batch_size=3': give a list"),
        ({"settings": ["bath_size=3"]}, "did you mean 'batch_size'"),
    ],
)
def test_mistakes_before_any_run(phantoms, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        reproduce(read_manifest(phantoms), **{"out": tmp_path / "out", **changes})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        ("gone.ckpt", "gone.ckpt"),
        ({"inception": "gone.h5"}, "gone.h5"),
        ({"inception": "http://x/y", "resnet": "gone"}, "gone"),
        ({"incepton": "gone.ckpt"}, "did you mean 'inception'"),
    ],
)
def test_weights_that_are_not_there_end_it_before_the_first_run(phantoms, tmp_path, weights, named):
    with pytest.raises(UserError, match=named):
        reproduce(read_manifest(phantoms), out=tmp_path / "page", weights=weights)
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize(
    ("only", "weights", "named"),
    [
        ("table3", {"inception": "none"}, "Weights inception=none: no run of table3 starts from"),
        ("table2", "gone.ckpt", "Weights gone.ckpt: no run of table2 starts from them"),
        ("table1", "gone.ckpt", "Weights gone.ckpt: no run of table1"),
    ],
)
def test_weights_that_no_run_asks_for(only, weights, named):
    with pytest.raises(UserError, match=named):
        plan([only], 1.0, weights, [])
    assert len(plan(["table2"], 1.0, "none", [])) == 4
    assert list(plan(["table3"], 1.0, {"resnet": "none"}, [])) == ["resnet-report"]
