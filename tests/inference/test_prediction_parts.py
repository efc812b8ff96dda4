import pytest
from filelock import FileLock, Timeout

from cervix_tf.errors import UserError
from cervix_tf.inference import prediction_parts
from cervix_tf.inference.prediction_parts import parts_folder


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_folder_that_its_last_holder_is_removing_is_made_again(tmp_path, monkeypatch, when):
    """The lock is gone as it is opened, or another lies there once the old one is had."""
    file, left = tmp_path / "out.csv.parts/lock", [1]

    class Removed(FileLock):
        def acquire(self, **options):
            if left and when == "before":
                left.clear()
                file.unlink()
                file.parent.rmdir()
                raise FileNotFoundError
            super().acquire(**options)
            if left:
                left.clear()
                file.unlink()
                file.touch()

    monkeypatch.setattr(prediction_parts, "FileLock", Removed)
    with parts_folder(tmp_path / "out.csv") as folder:
        assert not left
        with pytest.raises(Timeout):
            FileLock(file).acquire(timeout=0)
    assert not folder.exists()


def test_one_process_alone_writes_a_file(tmp_path):
    (tmp_path / "out.csv.parts").mkdir()
    with (
        FileLock(tmp_path / "out.csv.parts/lock"),
        pytest.raises(UserError, match="out.csv is being written by another process"),
        parts_folder(tmp_path / "out.csv"),
    ):
        pass


def test_a_file_in_the_folders_place_is_told(tmp_path):
    (tmp_path / "out.csv.parts").touch()
    with (
        pytest.raises(UserError, match="out.csv.parts cannot be written"),
        parts_folder(tmp_path / "out.csv"),
    ):
        pass
