import zipfile

import pytest

from cervix_tf import archives


def written(path, **members: int):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, size in members.items():
            archive.writestr(name, bytes(size))
    return path


def test_the_sizes_of_an_archives_members(tmp_path):
    assert archives.check_archive(written(tmp_path / "a.zip", a=3, b=0)) == {"a": 3, "b": 0}
    (tmp_path / "b.zip").write_bytes(b"PK")
    with pytest.raises(zipfile.BadZipFile):
        archives.check_archive(tmp_path / "b.zip")


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path, monkeypatch):
    path = written(tmp_path / "a.zip", a=300_000, b=300_000)
    archives.check_archive(path)
    monkeypatch.setattr(archives, "SMALL", 599_999)
    with pytest.raises(ValueError, match="bytes that would unpack to 600000"):
        archives.check_archive(path)


def test_an_archive_of_too_many_members_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MEMBERS", 1)
    with pytest.raises(ValueError, match="2 members, more than 1"):
        archives.check_archive(written(tmp_path / "a.zip", a=0, b=0))
