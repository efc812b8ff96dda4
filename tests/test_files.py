import errno

import pandas as pd
import pytest

from cervix_tf.errors import UserError, unknown
from cervix_tf.files import replacing, write_csv, write_text


def test_written_whole(tmp_path):
    path = tmp_path / "new/folder/a.txt"
    write_text(path, "old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old", "the old file stays until the block ends"
    assert path.read_text() == "new"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def half():
        with replacing(path) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_table_in_as_many_digits_as_asked_for(tmp_path):
    table = pd.DataFrame({"name": ["é"], "share": [1 / 3]}, index=["row"])
    write_csv(table, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == "name,share\né,0.3333333333333333\n".encode()
    write_csv(table, tmp_path / "a.csv", index=True, digits="%.2f")
    assert (tmp_path / "a.csv").read_bytes() == ",name,share\nrow,é,0.33\n".encode()


def test_full_disk_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"disk is full: .*a\.txt"), replacing(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_place_of_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another place"):
        write_text(tmp_path / "file/a.txt", "")


def test_unknown_names_the_nearest():
    message = str(unknown("model", "incepton", ["inception", "resnet"]))
    assert message.startswith("Unknown model 'incepton': did you mean 'inception'?")
    assert "resnet" in message
