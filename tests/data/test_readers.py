import tracemalloc
from pathlib import Path

import pytest

from cervix_tf.data import class_names, read_manifest, write_manifest
from cervix_tf.data.decoding_pass import PhotographList
from cervix_tf.data.manifests import labels, validated
from cervix_tf.data.readers import find_data
from cervix_tf.errors import UserError


def test_folder_for_each_class(tmp_path, photograph):
    for seed, name in enumerate(["Type_10/a.png", "Type_2/a.jpg", "Type_2/b.JPG"]):
        photograph(tmp_path / name, seed)
    (tmp_path / "Type_2/notes.txt").write_text("no photograph")
    table = read_manifest(tmp_path)
    assert class_names(table) == ["Type_2", "Type_10"]
    assert labels(table, ["Type_2", "Type_10"]).tolist() == [0, 0, 1]
    assert table["group"].nunique() == 3


def test_class_folder_without_photograph(tmp_path, photograph):
    photograph(tmp_path / "x/a.jpg")
    (tmp_path / "y").mkdir()
    with pytest.raises(UserError, match="class folder .*y holds no photograph"):
        read_manifest(tmp_path)


def test_missing_and_empty_folder(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_manifest(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no photograph"):
        read_manifest(tmp_path)


def test_plain_folder_only_to_predict(tmp_path, photograph):
    photograph(tmp_path / "10.jpg", 0)
    photograph(tmp_path / "9.jpg", 1)
    with pytest.raises(UserError, match="in no class folder"):
        read_manifest(tmp_path)
    table = read_manifest(tmp_path, labelled=False)
    assert table["image"].tolist() == ["9.jpg", "10.jpg"]
    assert table["label"].isna().all()
    assert (table["split"] == "test").all()
    one = read_manifest(tmp_path / "9.jpg", labelled=False)
    assert one["image"].tolist() == ["9.jpg"]


@pytest.mark.parametrize("name", ["manifest.csv", "metadata.csv", "phantom.csv"])
def test_csv_in_a_folder_is_found(tmp_path, photograph, name):
    photograph(tmp_path / "a.jpg")
    (tmp_path / name).write_text("path,label\na.jpg,x\n")
    assert read_manifest(tmp_path)["label"].tolist() == ["x"]


def test_photographs_are_found_where_none_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CERVIX_DATA", raising=False)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UserError, match="No photographs: give --data"):
        find_data()
    kaggle = tmp_path / "cache/competitions/intel-mobileodt-cervical-cancer-screening"
    for place in (kaggle, Path("data")):
        place.mkdir(parents=True)
        assert find_data() == place
    monkeypatch.setenv("CERVIX_DATA", "elsewhere")
    assert find_data() == Path("elsewhere")
    assert find_data(Path("mine")) == Path("mine")


def test_a_folder_without_a_photograph_says_what_it_holds(tmp_path, mistake):
    for name in ("page.pdf", "1.cr2", ".DS_Store"):
        (tmp_path / name).touch()
    for words in (("fit", "--model", "cervixnet2", "--data"), ("segment", "--out", "out")):
        said = mistake(*words, tmp_path)
        assert "left out: " in said
        assert "files of other kinds (2: .cr2, .pdf)" in said


def test_one_photograph_has_no_label(tmp_path, photograph):
    with pytest.raises(UserError, match="is one photograph: give a CSV or a folder"):
        read_manifest(photograph(tmp_path / "1.jpg"))


@pytest.mark.parametrize("path", [None, b"data", 3, ""])
def test_what_is_no_path_is_called_so(path):
    with pytest.raises(UserError, match="path is .*: give a path"):
        read_manifest(path)


def test_a_path_too_long_does_not_exist(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_manifest(tmp_path / f"{'x' * 300}.csv")


def test_blanks_in_file_names_are_kept_where_a_file_is_called_so(tmp_path, photograph):
    for k, name in enumerate((" a.jpg", "b.jpg", "c.jpg ")):
        (tmp_path / name).write_bytes(photograph(tmp_path / "x/1.jpg", k).read_bytes())
    (tmp_path / "list.csv").write_text('path,label\n" a.jpg",x\n" b.jpg ",y\n"c.jpg ",y\n')
    table = read_manifest(tmp_path / "list.csv")
    assert [Path(path).name for path in table["path"]] == [" a.jpg", "b.jpg", "c.jpg "]
    assert table["image"].tolist() == ["a.jpg", "b.jpg", "c.jpg"]
    write_manifest(table, tmp_path / "again.csv", movable=True)
    assert read_manifest(tmp_path / "again.csv").equals(table)


def test_a_photograph_more_takes_some_hundred_bytes(tmp_path):
    count = 3000
    for kind in ("Type_1", "Type_2"):
        (tmp_path / kind).mkdir()
        for k in range(count // 2):
            (tmp_path / kind / f"{k}.jpg").touch()
    read_manifest(tmp_path)  # what is imported or kept once does not count
    text = len(str(tmp_path / "Type_1" / "1000.jpg"))
    tracemalloc.start()
    try:
        manifest = read_manifest(tmp_path)
        held, most = (size / count - text for size in tracemalloc.get_traced_memory())
        again = validated(manifest, "again")
        listed = PhotographList(again["path"], [None] * count)
        both = tracemalloc.get_traced_memory()[0] / count - text
    finally:
        tracemalloc.stop()
    assert len(listed) == len(again) == count
    assert held < 300, "a path, a name, a group, and what is shared"
    assert most < 600, "while it is read"
    assert both - held < 100, "tables share their texts"
