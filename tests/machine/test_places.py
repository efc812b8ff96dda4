import os
import tempfile

import pytest

from cervix_tf.files import scratch
from cervix_tf.machine import places


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home, a user's cache and a folder for temporary files, all empty."""
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR", "TMPDIR",
                 "TFHUB_CACHE_DIR", "KERAS_HOME", "KAGGLEHUB_CACHE"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(look):
    return {finding.name: finding for finding in look()}


def test_caches_are_measured_each_by_itself(home):
    assert "not there" in found(places.caches)["prepared squares"].says
    for name, size in {"cache/a": 2, "cache/tfhub_modules/m/b": 3, ".keras/models/c": 1}.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(b"x" * size * 1_000_000)
    os.symlink(home / ".keras", home / "cache/link")  # is not followed
    says = {name: finding.says for name, finding in found(places.caches).items()}
    assert says["prepared squares"] == f"{home}/cache (2.0 MB)"
    assert says["TensorFlow Hub"] == f"{home}/cache/tfhub_modules (3.0 MB)"
    assert says["Keras"] == f"{home}/.keras (1.0 MB)"


def test_folders_that_cannot_be_written(home, monkeypatch):
    with scratch():  # as in every verb
        assert not any(finding.mend for finding in places.writing())
    (home / "cache").write_text("a file")
    monkeypatch.setenv("TMPDIR", "/dev/null/tmp")
    monkeypatch.setattr(tempfile, "tempdir", None)
    told = found(places.writing)
    assert "is a file" not in told["working folder"].says
    assert told["prepared squares"].mend == "--cache FOLDER, or --cache memory"
    assert "TMPDIR (/dev/null/tmp) cannot be written" in told["temporary files"].says
    assert not any(finding.broken for finding in told.values())

    def nowhere():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    assert found(places.writing)["temporary files"].broken


def test_a_working_folder_that_was_deleted_is_broken(home, monkeypatch):
    (home / "here").mkdir()
    monkeypatch.chdir(home / "here")
    (home / "here").rmdir()
    assert [finding.broken for finding in places.writing()] == [True]
    os.chdir(home)


def test_a_token_is_told_and_not_read(home, monkeypatch):
    assert found(places.kaggle)["token"].says == "none"
    (home / ".kaggle").mkdir()
    token = home / ".kaggle/kaggle.json"
    token.write_text('{"key": "secret"}')
    token.chmod(0o644)
    told = found(places.kaggle)["token"]
    assert told.says == f"{token}, mode 644: others can read it"
    assert told.mend == f"chmod 600 {token}"
    token.chmod(0o200)  # even its owner may not read it
    assert found(places.kaggle)["token"].says == f"{token}, mode 200"
    monkeypatch.setenv("KAGGLE_API_TOKEN", "secret")
    assert "secret" not in str(places.kaggle())


def test_letters_that_no_font_has(monkeypatch):
    monkeypatch.setattr("cervix_tf.pages.lettering._fonts", lambda: {})
    (told,) = places.fonts()
    assert told.says.startswith("none for Chinese")
    assert "Cyrillic" not in told.says
    assert "Noto" in told.mend
