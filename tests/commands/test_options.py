import io

import pandas as pd
import pytest

from cervix_tf.inference import engines
from tests.planted.engines import CLASSES, colours, plant


@pytest.fixture
def folder(tmp_path, photograph, monkeypatch):
    """Two classes of photographs, and a file that is left out."""
    for k, name in enumerate(("A/1.jpg", "A/2.jpg", "B/3.jpg", "B/4.jpg")):
        photograph(tmp_path / "in" / name, k)
    (tmp_path / "in/A/notes.txt").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engines, "engines", lambda *_, **__: [colours(tmp_path / "in/A/1.jpg")])
    plant(monkeypatch, colours(tmp_path / "in/A/1.jpg"))
    return tmp_path / "in"


@pytest.mark.parametrize(
    "words",
    [
        "fit --model cervixnet2 --data in",
        "crossfit --model cervixnet2 --out out --data in",
        "probe --model cervixnet2 --data in",
        "search --model cervixnet2 --space seed=[1,2] --study out --data in",
        "audit --data in --out out",
        "explore --data in --out out",
        "prepare --data in",
        "segment in --out out",
        "predict run in",
        "submit run --test in",
        "bench --data in",
        "reproduce --data in --out out",
    ],
)
def test_strict_refuses_what_is_left_out(folder, mistake, words):
    said = mistake(*words.split(), "--strict")
    assert "left out: files of other kinds (1: .txt)" in said
    assert "leave out --strict" in said
    assert not (folder.parent / "out").exists()


@pytest.mark.parametrize(
    "words",
    [
        "audit --data in --out in/out",
        "explore --data in --out in/out",
        "segment in --out in/A/out",
        "evaluate run --data in --out in",
        "explain run --data in --out in/A/map.png",
        "reproduce --data in --out link",
    ],
)
def test_no_picture_is_written_among_the_photographs(folder, mistake, words):
    (folder.parent / "link").symlink_to(folder)
    before = sorted(folder.rglob("*"))
    assert "lies in the folder of the photographs" in mistake(*words.split())
    assert sorted(folder.rglob("*")) == before


def test_into_a_run_among_the_photographs(folder, run):
    (folder / "run").mkdir()
    (folder / "run/recipe.yaml").touch()
    _, _, err = run("evaluate", "in/run", "--data", "in", "--out", "in/run/test")
    assert "training has not ended" in err, "where it writes is right: its plots are no photographs"


def test_a_table_on_the_screen_stays_a_table(folder, run):
    code, out, err = run("predict", "run", folder)
    assert code == 0
    assert pd.read_csv(io.StringIO(out)).columns.tolist() == ["image", "path", *CLASSES]
    assert err.startswith(f"{folder}: 4 photographs; left out: files of other kinds (1: .txt).\n")


def test_the_audit_tells_what_is_left_out(folder, run):
    code, _, err = run("audit", "--data", folder, "--cache", "memory")
    assert code == 0, err
    page = (folder.parent / "audit/audit.html").read_text()
    assert "Left out of the folder: files of other kinds (1)." in page


@pytest.mark.parametrize(
    "words",
    ["predict run ./run in", "submit run run --test in", "audit --data in --run run --run link"],
)
def test_no_run_counts_twice(tmp_path, photograph, monkeypatch, mistake, words):
    photograph(tmp_path / "in/1.jpg")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "run")
    assert "run is given twice" in mistake(*words.split()).replace("link", "run")


@pytest.mark.parametrize("verb", ["fit --model cervixnet2", "explore"])
def test_a_setting_has_one_value(folder, mistake, verb):
    words = (*verb.split(), "--data", folder, "--set", "seed=1", "--set", "seed=2")
    assert "--set seed is given twice, as 1 and as 2" in mistake(*words)
    words = ("fit", "--model", "cervixnet2", "--weights", "none", "--set", "model.weights=imagenet")
    assert "--set model.weights is given twice, as none and as imagenet" in mistake(*words)
