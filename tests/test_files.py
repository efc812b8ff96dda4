import errno
import os
import stat

import pandas as pd
import pytest

from cervix_tf.errors import UserError, unknown
from cervix_tf.files import check_output, replacing, write_csv, write_text


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


@pytest.mark.parametrize("error", [
    OSError("Can't write data (errno = 28, error message = 'No space left on device')"),
    RuntimeError("RESOURCE_EXHAUSTED: model.keras; No space left on device"),
    OSError(errno.EFBIG, "File too large"),
])  # fmt: skip
def test_a_full_disk_as_other_libraries_put_it(tmp_path, error):
    with pytest.raises(UserError, match="disk is full"), replacing(tmp_path / "a.txt"):
        raise error


def test_other_failures_of_a_disk_as_tensorflow_puts_them(tmp_path):
    import tensorflow as tf

    path, of_name = tmp_path / "saved", "/saved/part-00000; File name too long [Op:SaveV2]"
    said = f"{path} cannot be written .File name too long.: choose another place"
    with pytest.raises(UserError, match=said), replacing(path):
        raise tf.errors.InvalidArgumentError(None, None, of_name)
    with pytest.raises(OSError, match="Too many open files") as caught, replacing(path):
        raise tf.errors.ResourceExhaustedError(
            None, None, "/saved/fingerprint.pb; Too many open files"
        )
    assert (caught.value.errno, caught.value.filename) == (errno.EMFILE, str(path))
    with pytest.raises(tf.errors.InvalidArgumentError), replacing(path):
        raise tf.errors.InvalidArgumentError(None, None, "Shapes (2, 3) and (4,) are incompatible")


def test_files_are_as_the_umask_has_them_or_the_file_they_replace(tmp_path):
    def mode(name):
        write_text(tmp_path / name, "text")
        return stat.S_IMODE((tmp_path / name).stat().st_mode)

    before = os.umask(0o077)
    try:
        assert mode("private") == 0o600
        os.umask(0o002)
        assert mode("shared") == 0o664
        assert mode("private") == 0o600
    finally:
        os.umask(before)


@pytest.mark.parametrize("name", ["\u00e9" * 120 + ".csv", "a." + "b" * 250, "\U0001f600" * 60])
def test_names_as_long_as_a_disk_takes_them(tmp_path, name):
    check_output(tmp_path / name)
    write_text(tmp_path / name, "text")
    assert os.listdir(tmp_path) == [name]


def test_outputs_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    check_output(tmp_path / "new/folder/a.csv")
    check_output(tmp_path / "folder", "folder")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"], "nothing is made"
    for path, kind, message in (
        (tmp_path / "folder", "file", "is a folder: name the file"),
        (tmp_path / "file", "folder", "is a file: name a folder"),
        (tmp_path / "file/a.csv", "file", "Not a directory"),
        (tmp_path / "new" / ("n" * 256) / "a.csv", "file", "longer than 255 bytes"),
        (tmp_path / ("\u00e9" * 128), "folder", "longer than 255 bytes"),
        ("/dev/null", "file", "no ordinary file"),
        ("/proc/a.csv", "file", "cannot be written"),
    ):
        with pytest.raises(UserError, match=message):
            check_output(path, kind)


def test_a_file_that_a_run_reads_back_is_not_written_over(tmp_path):
    (tmp_path / "files.json").write_text('{"manifest.csv": {}}')
    with pytest.raises(UserError, match=r"manifest\.csv is a file of the run"):
        check_output(tmp_path / "manifest.csv")
    check_output(tmp_path / "new.csv")
