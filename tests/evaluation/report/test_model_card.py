"""The folder that `card` writes: what a hub reads, what predicts, and what must not be in it."""

import json
import re
import shutil
import textwrap
import zipfile

import numpy as np
import pytest
import yaml

import cervix_tf as cx
from cervix_tf.errors import UserError
from cervix_tf.evaluation.report import card, card_wording
from tests.planted.ensembles import ensemble_of


@pytest.fixture(scope="module")
def carded(finished, tmp_path_factory):
    """A run with test figures, and its card's folder."""
    place = tmp_path_factory.mktemp("card")
    run = cx.load(shutil.copytree(finished.folder, place / "a run"))
    recipe = run.folder / "recipe.yaml"
    text = re.sub(
        r"(?<!_)weights: none", "weights: /home/someone/secret/w.ckpt", recipe.read_text()
    )
    assert "secret" in text
    recipe.write_text(text)
    (run.folder / "files.json").unlink()
    (run.folder / "test").mkdir()
    tested = {**run.metrics, "split": "test", "by": {"column": "patient", "values": ["Jane Doe"]}}
    (run.folder / "test/metrics.json").write_text(json.dumps(tested))
    run = cx.load(run.folder)
    return run, card(run, place / "hub").parent


def texts(folder):
    """The text of every file, those inside Keras files included."""
    for path in folder.rglob("*"):
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                yield from (
                    archive.read(name).decode()
                    for name in archive.namelist()
                    if name[-5:] == ".json"
                )
        elif path.is_file():
            yield path.read_text()


def test_the_hubs_own_reader_takes_the_front_matter(carded):
    from huggingface_hub import ModelCard
    from huggingface_hub.repocard import metadata_load
    from huggingface_hub.repocard_data import model_index_to_eval_results

    run, folder = carded
    loaded = ModelCard.load(folder / "README.md")
    assert loaded.data.pipeline_tag == "image-classification"
    assert loaded.data.license == "other"
    assert loaded.data.license_name == "to-be-filled-in"
    assert "phantoms" in loaded.data.tags
    name, results = model_index_to_eval_results(metadata_load(folder / "README.md")["model-index"])
    assert name == run.recipe.model.name
    found = {(one.dataset_split, one.metric_type): one for one in results}
    for split in ("validation", "test"):
        for key, metric in (("log_loss", "log_loss"), ("kappa", "cohen_kappa")):
            assert found[split, metric].metric_value == pytest.approx(run.metrics[key], abs=1e-6)
    assert "95 % interval" in found["test", "accuracy"].metric_name
    assert found["test", "accuracy"].dataset_type == "phantoms"


def test_the_page_says_figures_beside_the_priors_and_limits(carded):
    run, folder = carded
    text = (folder / "README.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    low, high = run.metrics["intervals"]["log_loss"]
    prior = f"{run.metrics['prior']['log_loss']:.4f}"
    loss = f"{run.metrics['log_loss']:.4f}"
    assert any(
        row[:3] == ["log loss", loss, f"{low:.4f} to {high:.4f}"] and row[-1] == prior
        for row in rows
    )
    assert ["", *run.class_names] in rows
    assert "**no medical device**" in text
    assert "**phantoms, which are drawn**" in text
    assert f"multiplied by {run.calibration.slope:.4f}" in text
    assert run.environment["data_fingerprint"] in text
    training = run.manifest[run.manifest["split"] == "train"]
    assert ["train", str(len(training)), str(training["group"].nunique())] in [r[:3] for r in rows]


def test_the_linear_probe_stands_beside(finished):
    probe = {"log_loss": 0.71234, "accuracy": 0.5}
    intervals = {**finished.metrics["intervals"], "probe": {"log_loss": [0.6, 0.8]}}
    figures = {**finished.metrics, "probe": probe, "intervals": intervals}
    text = card_wording.page(finished, {"": figures}, ["model.keras"])
    assert re.search(r"\| log loss \|.*\| 0\.7123 \|", text)
    assert re.search(r"\| Brier score \|.*\|  \|", text)


def test_nothing_of_photographs_or_patients_is_in_it(carded):
    run, folder = carded
    assert not [
        p for p in folder.rglob("*") if p.suffix in (".png", ".jpg", ".html", ".csv", ".npz")
    ]
    secrets = {
        str(run.folder),
        "secret",
        "Jane Doe",
        *run.manifest["image"],
        *run.manifest["group"],
    }
    everything = "\n".join(texts(folder))
    assert not [one for one in secrets if re.search(rf"(?<!\w){re.escape(one)}(?!\w)", everything)]
    assert "w.ckpt" in (folder / "recipe.yaml").read_text()


def test_the_folder_predicts_as_the_run_does(carded, phantoms):
    run, folder = carded
    paths = sorted((phantoms / "test").iterdir())[:3]
    expected = cx.predict(run, paths)[run.class_names]
    assert np.allclose(cx.predict(folder, paths)[run.class_names], expected, atol=1e-6)
    config = json.loads((folder / "config.json").read_text())
    assert list(config["id2label"].values()) == config["class_names"] == run.class_names
    assert config["image_size"] == run.image_size
    needed = (folder / "requirements.txt").read_text().split()
    assert [line.split("==")[0] for line in needed] == ["cervix-tf", "tensorflow", "keras"]


def test_the_code_on_the_page_runs(carded, phantoms, tmp_path, monkeypatch):
    run, folder = carded
    shutil.copytree(folder, tmp_path / "model")
    shutil.copytree(phantoms / "test", tmp_path / "photographs")
    monkeypatch.chdir(tmp_path)
    code = (folder / "README.md").read_text().split("In Python:\n\n")[1].split("\n\n")[0]
    names: dict = {}
    exec(textwrap.dedent(code), names)
    assert len(names["table"]) == len(list((tmp_path / "photographs").iterdir()))
    assert names["network"].output_shape == (None, len(run.class_names))


def test_an_ensemble_is_given_on_whole(finished, phantoms, tmp_path):
    ensemble = ensemble_of(finished, tmp_path / "ensemble")
    ensemble.write_json("metrics.json", finished.metrics)
    folder = card(str(ensemble.folder), tmp_path / "hub").parent
    assert "An ensemble of 2 networks" in (folder / "README.md").read_text()
    paths = sorted((phantoms / "test").iterdir())[:2]
    names = finished.class_names
    expected = cx.predict(ensemble, paths)[names]
    assert np.allclose(cx.predict(folder, paths)[names], expected, atol=1e-6)


def test_a_card_with_changes_is_never_overwritten(carded, tmp_path):
    run, folder = carded
    folder = shutil.copytree(folder, tmp_path / "hub")
    (folder / "config.json").unlink()
    card(run, folder)  # the same again
    assert (folder / "config.json").is_file()
    page = (folder / "README.md").read_text().replace("to-be-filled-in", "mine")
    (folder / "README.md").write_text(page)
    with pytest.raises(UserError, match="is the folder of a run"):
        card(run, run.folder)
    with pytest.raises(UserError, match="says something else"):
        card(run, folder)
    assert (folder / "README.md").read_text() == page
    with pytest.raises(UserError, match="is a file"):
        card(run, folder / "README.md")


def test_a_run_that_has_not_ended_has_none(carded, tmp_path):
    run, _ = carded
    unfinished = shutil.copytree(run.folder, tmp_path / "run")
    for name in ("metrics.json", "report.html"):
        (unfinished / name).unlink()
    with pytest.raises(UserError, match="training has not ended"):
        card(unfinished, tmp_path / "hub")
    assert not (tmp_path / "hub").exists()


def test_names_are_shown_as_they_are():
    assert card_wording._plain("a|b\n<i> `x` _y_ Type_1") == r"a\|b \<i\> \`x\` \_y\_ Type_1"
    facts = {
        "model": "x",
        "data": "a: #1",
        "split": "test",
        "photographs": 1,
        "groups": 1,
        "seed": 0,
    }
    front = yaml.safe_load(card_wording.front_matter("x: y", [{**facts, "intervals": {}}]))
    assert front["model-index"][0]["name"] == "x: y"
    assert front["model-index"][0]["results"][0]["dataset"]["name"] == "a: #1"
