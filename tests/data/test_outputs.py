import pytest

from cervix_tf.data.outputs import check_no_photographs, check_not_among, check_not_read
from cervix_tf.errors import UserError


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
    for out in ("data/Type_1", "data/Type_1/1.jpg", "data/Type_1/new.png", "link/maps.png"):
        with pytest.raises(UserError, match="lies in a folder of the photographs"):
            check_not_among(tmp_path / out, [str(path)])
    for out in ("data/maps.png", "evaluation", "data/Type_1/run/test"):
        check_not_among(tmp_path / out, [str(path)])
