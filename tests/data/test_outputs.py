import pandas as pd
import pytest

from cervix_tf.data import write_manifest
from cervix_tf.data.outputs import check_no_photographs, check_not_among, check_not_read
from cervix_tf.errors import UserError
from cervix_tf.evaluation.report import report
from cervix_tf.inference import write_submission


def test_what_is_read_is_not_written_over(tmp_path):
    (tmp_path / "photographs").mkdir()
    table, listed = tmp_path / "table.csv", tmp_path / "photographs/metadata.csv"
    for file in (table, listed):
        file.write_text("path,label\n")
    (tmp_path / "link.csv").symlink_to(table)
    inputs = [None, 3, str(table), tmp_path / "photographs", tmp_path / "missing.csv"]
    for path in (table, listed, tmp_path / "link.csv"):
        with pytest.raises(UserError, match="is read here: name another file to write"):
            check_not_read(path, inputs)
    other = tmp_path / "photographs/predictions.csv"
    other.write_text("of an earlier prediction")
    check_not_read(other, inputs)
    check_not_read(tmp_path / "new.csv", inputs)


def test_photographs_do_not_become_a_runs_pictures(tmp_path, photograph):
    photograph(tmp_path / "data/Type_1/1.jpg")
    photograph(tmp_path / "run/plots/1.jpg")
    (tmp_path / "run/recipe.yaml").write_text("model: {name: cervixnet2}\n")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/idea.txt").write_text("mine")
    for folder in ("data", "data/Type_1"):
        with pytest.raises(UserError, match="holds photographs, such as .*1.jpg: name another"):
            check_no_photographs(tmp_path / folder)
    for folder in ("run", "notes", "missing"):
        check_no_photographs(tmp_path / folder)


def test_nothing_is_written_among_photographs(tmp_path, photograph):
    path = photograph(tmp_path / "data/Type_1/1.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "data/Type_1")
    dotted = photograph(tmp_path / "set.v2/1.jpg")
    with pytest.raises(UserError, match="lies among the photographs"):
        check_not_among(tmp_path / "set.v2", [str(dotted)])
    with pytest.raises(UserError, match="lies among the photographs"):
        check_not_among(tmp_path / "data/Type_1", [str(path)])
    for out in ("data/Type_1/1.jpg", "data/Type_1/new.png", "link/maps.png"):
        with pytest.raises(UserError, match="lies among the photographs"):
            check_not_among(tmp_path / out, [str(path)], kind="file")
    check_not_among(tmp_path / "data/maps.png", [str(path)], kind="file")
    for out in ("evaluation", "data/Type_1/run/test"):
        check_not_among(tmp_path / out, [str(path)])


@pytest.mark.parametrize("photographed", ["data/Type_1", "data/Type_1/patient"])
def test_nothing_becomes_a_class(tmp_path, photograph, photographed):
    path = photograph(tmp_path / photographed / "1.jpg")
    (tmp_path / "data/run").mkdir()
    (tmp_path / "data/run/recipe.yaml").touch()
    for out, kind in (
        ("data", "folder"),  # with plots/ in it
        ("data/new", "folder"),
        ("data/new.v2", "folder"),
        ("data/new/deep", "folder"),
        ("data/Type_1/new", "folder"),
        ("data/maps.png", "file"),
        ("data/new/maps.png", "file"),
    ):
        with pytest.raises(UserError, match=r"data, where nothing is changed"):
            check_not_among(tmp_path / out, [str(path)], ["Type_1"], kind)
        check_not_among(tmp_path / out, [str(path)], [None], kind)
    for out in ("data/run", "data/run/test", "evaluation"):
        check_not_among(tmp_path / out, [str(path)], ["Type_1"])
    check_not_among(tmp_path / "data.png", [str(path)], ["Type_1"], "file")


def test_nothing_becomes_a_test_photograph(tmp_path, photograph):
    path = photograph(tmp_path / "data/test/1.jpg")
    with pytest.raises(UserError, match=r"test, where nothing is changed"):
        check_not_among(tmp_path / "data/test/evaluation", [str(path)], [None])
    check_not_among(tmp_path / "data/evaluation", [str(path)], [None])


def test_from_python_too(tmp_path, photograph, finished):
    path = photograph(tmp_path / "1.jpg")
    before = path.read_bytes()
    manifest = pd.DataFrame({"path": [str(path)]})
    with pytest.raises(UserError, match="is a photograph of the manifest"):
        write_manifest(manifest, path)
    with pytest.raises(UserError, match=r"1\.jpg: name a file that ends in \.html"):
        report(finished, path)
    assert path.read_bytes() == before
    sample = tmp_path / "sample.csv"
    sample.write_text("image_name,Type_1,Type_2\n1.jpg,0,1\n")
    made = pd.DataFrame({"image": ["1.jpg"], "Type_1": [0.5], "Type_2": [0.5]})
    with pytest.raises(UserError, match="is read here"):
        write_submission(made, sample, sample=sample)
