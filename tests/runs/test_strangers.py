"""A run folder that somebody else wrote runs no code, and leads to nothing outside of it."""

import json
import shutil
import zipfile

import pandas as pd
import pytest

from cervix_tf.errors import UserError
from cervix_tf.runs import load
from cervix_tf.runs.checked_folder import RECORDED


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of a finished run, which no table of checksums protects."""
    folder = shutil.copytree(finished.folder, tmp_path / "stranger")
    (folder / "files.json").unlink()
    return folder


def test_a_lambda_in_the_model_is_not_run(finished, copied, tmp_path, mistake, phantoms):
    import keras

    proof = tmp_path / "run"
    code = f"lambda x: (__import__('pathlib').Path({str(proof)!r}).touch(), x)[1]"
    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Lambda(eval(code))])
    assert proof.exists()  # building it ran it
    proof.unlink()
    model.save(tmp_path / "lambda.keras")
    with (
        zipfile.ZipFile(finished.path("model.keras")) as own,
        zipfile.ZipFile(tmp_path / "lambda.keras") as evil,
        zipfile.ZipFile(copied / "model.keras", "w") as made,
    ):
        for name in evil.namelist():
            made.writestr(name, evil.read(name))
        made.writestr("cervix_tf.json", own.read("cervix_tf.json"))
    assert "model.keras cannot be read" in mistake("predict", copied, phantoms / "test")
    assert not proof.exists()


@pytest.mark.parametrize("name", RECORDED[:8])
def test_a_link_that_leads_out_is_not_read(copied, tmp_path, name):
    (tmp_path / name).write_bytes((copied / name).read_bytes() if (copied / name).exists() else b"")
    (copied / name).unlink(missing_ok=True)
    (copied / name).symlink_to(tmp_path / name)
    with pytest.raises(UserError, match=f"{name} is a link that leads out of"):
        load(copied).file(name)


def test_a_link_within_the_run_is_followed(copied):
    (copied / "model.keras").rename(copied / "first.keras")
    (copied / "model.keras").symlink_to("first.keras")
    assert load(copied).class_names == ["Type_1", "Type_2", "Type_3"]


def test_a_run_behind_a_link_of_the_user_is_read(copied, tmp_path):
    (tmp_path / "link").symlink_to(copied)
    assert load(tmp_path / "link").class_names == ["Type_1", "Type_2", "Type_3"]


@pytest.mark.parametrize("name", ["report.html", "plots", "test"])
def test_nothing_is_written_through_a_link(copied, tmp_path, mistake, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "metrics.json").write_text("{}")
    place = copied / name
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.symlink_to(outside / "kept.html" if name == "report.html" else outside)
    words = {
        "report.html": ("report", copied),
        "plots": ("explain", copied, "--method", "gradient", "--photographs", 1),
        "test": ("report", copied),
    }
    assert "is a link that leads out of" in mistake(*words[name])
    assert [path.name for path in outside.iterdir()] == ["metrics.json"]


def test_members_of_an_ensemble_lie_inside_it(copied, tmp_path, finished):
    (copied / "crossfit.json").write_text(json.dumps({"folds": 1, "repeats": 1}))
    (copied / "runs").mkdir()
    (copied / "runs/1-1").symlink_to(finished.folder)
    with pytest.raises(UserError, match="1-1 is a link that leads out of"):
        _ = load(copied).members


def test_masks_of_a_table_with_dots_lie_in_the_folder_named(tmp_path, photograph, run):
    photograph(tmp_path / "work/data/a/0.jpg", 0, (64, 64))
    photograph(tmp_path / "1.jpg", 1, (64, 64))
    table = tmp_path / "work/data/list.csv"
    table.write_text("path\na/0.jpg\n../../1.jpg\n")
    before = {path for path in tmp_path.rglob("*")}
    code, _, error = run("segment", table, "--out", tmp_path / "work/out/deep")
    assert code == 0, error
    new = {path for path in tmp_path.rglob("*")} - before - {tmp_path / "work/out"}
    assert {path for path in new if not path.is_relative_to(tmp_path / "work/out/deep")} == set()


@pytest.mark.parametrize("change", [
    {"image_size": 10**9, "square_size": 10**9}, {"square_size": 10**6}, {"image_size": 0},
    {"class_names": []}, {"class_names": ["a", "a", "b"]}, {"class_names": [1, 2, 3]}, {"crop": "/etc"},
])  # fmt: skip
def test_a_card_that_no_recipe_makes_is_refused(copied, change):
    with zipfile.ZipFile(copied / "model.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["cervix_tf.json"] = json.dumps(json.loads(members["cervix_tf.json"]) | change)
    with zipfile.ZipFile(copied / "model.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(UserError, match="model.keras is damaged"):
        _ = load(copied).class_names


@pytest.mark.parametrize("verb", ["evaluate", "explain", "export"])
@pytest.mark.parametrize("way", ["named", "without the column"])
def test_a_photograph_that_the_run_was_not_made_of_is_not_read(
    copied, tmp_path, photograph, mistake, verb, way
):
    """Else a run could have any photograph of its reader's drawn into a sheet."""
    photograph(tmp_path / "private.jpg", 99)
    table = pd.read_csv(copied / "manifest.csv", dtype=str)
    row = table.index[table["split"] == "validation"][0]
    table.loc[row, "path"] = str(tmp_path / "private.jpg")
    table = table if way == "named" else table.drop(columns="content")
    table.to_csv(copied / "manifest.csv", index=False)
    words = ["--method", "gradient"] if verb == "explain" else []
    said = mistake(verb, copied, "--out", tmp_path / "out" / "maps.png", *words)
    assert "give the photographs with --data" in said
    assert ("private.jpg is not the photograph" in said) == (way == "named")
    assert not (tmp_path / "out").exists()
