import hashlib
import os
import re
import shutil
from pathlib import Path

import cv2
import pandas as pd
import pytest

import cervix_tf.quality
from cervix_tf.data import read_manifest, write_manifest

ADDED = ["cluster", "flags", "sha256", "width", "height", "sharpness", "brightness", "distance"]


@pytest.fixture
def data(audited, tmp_path, monkeypatch):
    """A CSV of the photographs of `audited`; what is found in them is known, not looked for."""
    plain = audited.drop(columns=ADDED).assign(group=None)
    write_manifest(plain, tmp_path / "photographs/list.csv")
    found = audited.set_index("path")

    def audit(manifest, cache=None, progress=None):
        groups = manifest["path"].map(found["group"])
        return manifest.assign(
            group=groups, **{c: manifest["path"].map(found[c]) for c in ADDED if c != "group"}
        )

    monkeypatch.setattr(cervix_tf.quality, "audit", audit)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photographs/list.csv"


def contents(folder: Path) -> dict[Path, str]:
    return {
        p: f"{hashlib.sha256(p.read_bytes()).hexdigest()} {p.stat().st_mtime_ns}"
        for p in folder.rglob("*")
        if p.is_file()
    }


def images(path) -> list[str]:
    return pd.read_csv(path, dtype=str)["image"].tolist()


def decide(path: Path, **cells: str) -> None:
    """Write into the CSV as a person would: `p7="drop"`, `p3="Type_1"`."""
    table = pd.read_csv(path, dtype=str).astype("object")
    for name, word in cells.items():
        column = "decision" if word in ("keep", "drop") else "new_label"
        table.loc[table["image"] == f"{name[1:]}.jpg", column] = word
    table.to_csv(path, index=False)


def test_counts_and_files_and_nothing_changed(run, data, audited):
    before = contents(data.parent)
    code, out, err = run("audit", "--data", data)
    assert code == 0, err
    assert contents(data.parent) == before
    counted = dict(re.findall(r"^(\w[\w -]*?) {2,}(\d+) {2}", out, re.MULTILINE))
    assert counted["blurred"] == counted["leak"] == counted["label conflict"] == "2"
    assert counted["near-duplicate"] == "6"
    assert len(counted) == 7
    assert "10 of 10 photographs are in audit/manifest.csv" in out
    assert len(images("audit/audit.csv")) == 9
    page = Path("audit/audit.html").read_text()
    assert f"cervix-tf audit --data {data} --out audit --decisions audit/audit.csv" in page
    again = read_manifest("audit/manifest.csv", labelled=False)
    for column in ("path", "image", "label", "group", "cluster", "flags", "sha256"):
        assert again[column].fillna("").tolist() == audited[column].fillna("").tolist(), column
    assert again["sharpness"].fillna(0).tolist() == audited["sharpness"].fillna(0).tolist()


def test_the_whole_way_from_decisions_to_the_manifest(run, data):
    run("audit", "--data", data)
    decide(Path("audit/audit.csv"), p2="drop", p3="Type_1", p7="keep")
    given = ("--decisions", "audit/audit.csv", "--drop", "blurred", "--drop", "zero bytes")
    code, out, err = run("audit", "--data", data, *given)
    assert code == 0, err
    assert "1 dropped: decided in audit.csv" in out
    assert "1 relabelled: decided in audit.csv" in out
    assert "1 dropped: flag blurred" in out, "7 is kept, 8 is not"
    assert "(3 decided)" in out
    left = read_manifest("audit").set_index("image")
    assert left.index.tolist() == [f"{k}.jpg" for k in (0, 1, 3, 4, 5, 7, 9)]
    assert left.loc["3.jpg", "label"] == "Type_1"
    assert left.loc["3.jpg", "group"] == "c2"
    page = Path("audit/audit.html").read_text()
    assert page.count('"decided": ') == 3, "they stand on the page"
    assert "decided in audit.csv, row 4" in page
    assert "relabelled to Type_1" in page
    assert all(p.is_file() for p in map(Path, cervix_tf.data.read_manifest(data)["path"]))


def test_an_edited_csv_is_never_overwritten_silently(run, mistake, data):
    run("audit", "--data", data)
    decide(Path("audit/audit.csv"), p2="drop")
    code, out, _ = run("audit", "--data", data)
    assert code == 0
    assert "(1 decided, 1 of them not done yet: add --decisions audit/audit.csv)" in out
    table = pd.read_csv("audit/audit.csv", dtype=str)
    assert table.set_index("image").loc["2.jpg", "decision"] == "drop"
    assert len(images("audit/manifest.csv")) == 10
    other = Path("mine.csv")
    table.to_csv(other, index=False)
    decide(other, p2="keep")
    before = contents(Path("audit"))
    message = mistake("audit", "--data", data, "--decisions", other)
    assert "audit/audit.csv, row 4, column 'decision': decides otherwise" in message
    assert contents(Path("audit")) == before


def test_mistakes_before_any_work(mistake, data, tmp_path, monkeypatch):
    monkeypatch.setattr(cervix_tf.quality, "audit", None)
    assert "did you mean 'blurred'" in mistake("audit", "--data", data, "--drop", "blured")
    assert "nowhere" in mistake("audit", "--data", data, "--decisions", "nowhere.csv")
    assert "not a run" in mistake("audit", "--data", data, "--runs", tmp_path)
    assert "is the folder of" in mistake("audit", "--data", data, "--out", data.parent)
    assert "holds no additional photographs" in mistake(
        "audit", "--data", data.parent, "--additional"
    )
    inside = ("--data", data.parent, "--out", data.parent / "audit")
    assert "lies in the folder of the photographs" in mistake("audit", *inside)
    Path("audit").mkdir()
    Path("audit/manifest.csv").write_text("mine")
    assert "no audit wrote" in mistake("audit", "--data", data)
    assert Path("audit/manifest.csv").read_text() == "mine"


def test_fit_leaves_out_flagged_photographs(run, mistake, data, monkeypatch):
    import cervix_tf.training

    seen = []

    def fit(manifest, recipe, **_):
        seen.append(manifest)
        raise cervix_tf.errors.UserError("enough")

    monkeypatch.setattr(cervix_tf.training, "fit", fit)
    run("audit", "--data", data)
    drop = ("--drop", "zero bytes", "--drop", "near-duplicate")
    assert "enough" in mistake("fit", "--model", "cervixnet2", "--data", "audit", *drop)
    assert seen[0]["image"].tolist() == ["0.jpg", "2.jpg", "5.jpg", "7.jpg", "8.jpg", "9.jpg"]
    bare = ("fit", "--model", "cervixnet2", "--data", data, "--drop", "blurred")
    assert "run `cervix-tf audit` first" in mistake(*bare)
    assert "leave out --drop" in mistake("fit", "--resume", "runs/x", "--drop", "blurred")


def test_label_errors_of_a_run_and_cleanvision(run, data, audited):
    pytest.importorskip("cleanlab")
    pytest.importorskip("cleanvision")
    classes = ["Type_1", "Type_2", "Type_3"]
    labelled = audited[audited["label"].notna()].assign(split="validation")
    table = labelled[["image", "path", "label", "group"]].copy()
    for name in classes:
        table[name] = [0.9 if name == label else 0.05 for label in table["label"]]
    table.loc[9, classes] = [0.98, 0.01, 0.01]  # and it is called Type_3
    folder = Path("runs/fold1")
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text("")
    labelled.to_csv(folder / "manifest.csv", index=False)
    table.to_csv(folder / "predictions.csv", index=False)

    code, out, err = run("audit", "--data", data, "--runs", folder, "--cleanvision")
    assert code == 0, err
    assert "among the 9 of 9 labelled photographs that " in out
    left = read_manifest("audit").set_index("image")
    assert left.loc["9.jpg", "flags"].startswith("label error")
    assert left.loc["9.jpg", "label_quality"] == pytest.approx(0.01)
    assert "label error" not in "".join(left.loc["0.jpg":"4.jpg", "flags"])
    assert "cleanvision: exact_duplicates" in left.loc["0.jpg", "flags"]
    assert "9.jpg" in images("audit/audit.csv"), "flagged now, so to be decided on"
    page = Path("audit/audit.html").read_text()
    assert "1. Label Type_3, probability 0.01; guess Type_1, probability 0.98" in page
    assert "older versions hold none" in page.lower()
    assert f"--data {data} --cleanvision --run runs/fold1 --out audit" in page


def test_faults_planted_in_phantoms_are_found_reported_and_dropped(
    run, phantoms, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    tree = shutil.copytree(phantoms, tmp_path / "tree", copy_function=os.link)
    (tree / "phantom.csv").unlink()  # a plain tree in Kaggle's form
    one, two, three = (min(tree.glob(f"train/Type_{k}/*.jpg")) for k in (1, 2, 3))
    shutil.copy(one, tree / "test/leaked.jpg")
    cv2.imwrite(str(tree / "train/Type_1/again.jpg"), cv2.imread(str(two)), [1, 80])
    (tree / "train/Type_2/empty.jpg").touch()
    (tree / "train/Type_3/cut.jpg").write_bytes(three.read_bytes()[:900])
    before = contents(tree)
    given = ("audit", "--data", tree, "--cache", "memory")
    code, out, err = run(*given)
    assert code == 0, err
    flags = read_manifest("audit", labelled=False).set_index("image")["flags"]
    for name, flag in {
        "leaked.jpg": "leak",
        "again.jpg": "label conflict",
        "empty.jpg": "zero bytes",
        "cut.jpg": "truncated",
    }.items():
        assert flag in flags[name].split("; "), name
        assert f'"name": "{name}"' in Path("audit/audit.html").read_text()
    drop = [
        word for flag in set("; ".join(flags.dropna()).split("; ")) for word in ("--drop", flag)
    ]
    code, out, err = run(*given, *drop)
    assert code == 0, err
    left = read_manifest("audit")
    assert not {"leaked.jpg", "again.jpg", "empty.jpg", "cut.jpg"} & set(left["image"])
    assert set(left["flags"].dropna()) <= {"near-duplicate"}, "of duplicates one stays"
    assert contents(tree) == before, "nothing is changed or deleted"
