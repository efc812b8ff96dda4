import json
import re
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.exploration import explore
from tests.planted.shortcuts import quick_figures

PICTURES = {
    f"{n}.png" for n in ("classes", "sizes", "samples", "means", "pixels_pca", "pixels_tsne")
}


@pytest.fixture(scope="module")
def manifest(phantoms):
    return read_manifest(phantoms)


@pytest.fixture(scope="module")
def found(manifest, tmp_path_factory):
    out = tmp_path_factory.mktemp("explore") / "new"
    return explore(manifest, out, components=3, size=16, cache="memory", name="drawn")


def page_of(found) -> str:
    return Path(found["files"]["explore.html"]).read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_picture_shows_something(found):
    assert {name for name in found["files"] if name.endswith(".png")} == PICTURES
    for name in PICTURES:
        picture = cv2.imread(found["files"][name])
        assert min(picture.shape[:2]) > 300, name
        assert len(np.unique(picture.astype(int) @ [1, 256, 65536])) > 30, name


def test_what_is_returned_is_written_and_counts(found):
    with open(found["files"]["explore.json"], encoding="utf-8") as file:
        assert json.load(file) == found
    assert found["classes"] == {"Type_1": 12, "Type_2": 12, "Type_3": 12, "no label": 5}
    assert (found["photographs"], found["labelled"]) == (41, 36)
    assert found["data"] == "phantoms (drawn photographs)"
    sizes = {(each["width"], each["height"]) for each in found["sizes"]}
    assert sizes == {(160, 120), (120, 160)}
    assert sum(each["photographs"] for each in found["sizes"]) == 41
    table = pd.read_csv(found["files"]["classes.csv"], index_col=0)
    assert table.loc["train", "all"] == 36
    embedded = found["embeddings"]["pixels"]
    assert len(embedded["explained"]) == embedded["components"] == 3
    assert embedded["perplexity"] == pytest.approx(40 / 3)
    points = pd.read_csv(found["files"]["embedding.csv"])
    assert len(points) == 41
    assert points["pixels_component_3"].notna().all()
    assert points["pixels_tsne_2"].notna().all()


def test_the_page_needs_no_other_file_and_says_what_it_is_about(found):
    page = page_of(found)
    assert page.count("data:image/png;base64,") == len(PICTURES)
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "41 phantoms (drawn photographs)" in page
    assert "16 × 16 RGB pixels" in page
    near = found["embeddings"]["pixels"]["neighbour"]
    assert f"{100 * near['accuracy']:.1f} %" in page
    assert f"{100 * near['prior']:.1f} %" in page
    assert "<built-in" not in page
    assert "{{" not in page


@pytest.mark.slow
def test_the_order_of_rows_does_not_matter(found, manifest, tmp_path):
    shuffled = manifest.sample(frac=1, random_state=1)
    again = explore(shuffled, tmp_path, components=3, size=16, cache="memory", name="drawn")
    assert again["embeddings"] == found["embeddings"]
    for name in ("samples.png", "means.png", "pixels_pca.png"):
        one, other = (cv2.imread(each["files"][name]) for each in (found, again))
        np.testing.assert_array_equal(one, other)


def test_one_class_gives_the_pictures_and_says_what_is_missing(manifest, tmp_path, monkeypatch):
    quick_figures(monkeypatch)
    one = manifest[manifest["label"] == "Type_2"].assign(label="<b>one</b>")
    found = explore(one, tmp_path, size=16, cache="memory", name="<i>x</i>")
    assert found["embeddings"]["pixels"]["neighbour"] is None
    assert any("at least two classes" in note for note in found["notes"])
    assert set(found["files"]) >= PICTURES
    page = page_of(found)
    assert "at least two classes" in page
    assert "<b>one" not in page, "names are escaped"
    assert "<i>x" not in page


def test_photographs_without_any_label_and_fewer_than_the_components(
    manifest, tmp_path, monkeypatch
):
    quick_figures(monkeypatch)
    five = manifest[manifest["label"].isna()]
    found = explore(five, tmp_path, components=6, size=16, cache="memory")
    assert found["classes"] == {"no label": 5}
    assert len(found["embeddings"]["pixels"]["explained"]) == 4
    assert "4 principal components, not 6" in found["notes"][0]
    assert set(found["files"]) >= PICTURES


def test_mistakes_end_before_anything_is_written(manifest, tmp_path, photograph):
    out = tmp_path / "out"
    with pytest.raises(UserError, match="There are 2 photographs"):
        explore(manifest.iloc[:2], out)
    with pytest.raises(UserError, match="components=1: give at least 2"):
        explore(manifest, out, components=1)
    with pytest.raises(UserError, match="at least 8 pixels"):
        explore(manifest, out, size=4)
    with pytest.raises(UserError, match="need a backbone"):
        explore(manifest, out, weights="imagenet")
    with pytest.raises(UserError, match="did you mean 'keras:MobileNet'"):
        explore(manifest, out, backbone="keras:MobileNett")
    with pytest.raises(UserError, match="among the photographs"):
        explore(manifest, Path(manifest["path"].iloc[0]).parent)
    mine = tmp_path / "mine/classes.csv"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(UserError, match=r"mine holds a classes\.csv that no exploration wrote"):
        explore(manifest, mine.parent)
    assert mine.read_text() == "mine"
    good = [photograph(tmp_path / f"{k}.jpg", seed=k) for k in range(4)]
    broken = [tmp_path / "empty.jpg", tmp_path / "text.jpg"]
    broken[0].touch()
    broken[1].write_text("no picture")
    faulty = pd.DataFrame({"path": [str(p) for p in good + broken], "label": list("ababab")})
    with pytest.raises(UserError, match=r"empty\.jpg.*text\.jpg"):
        explore(faulty, out, cache="memory")
    assert not out.exists()
