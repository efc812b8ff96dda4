from pathlib import Path

from cervix_tf import caches


def test_a_cache_is_where_its_library_is_told(monkeypatch, tmp_path):
    for name, cache in {
        "TFHUB_CACHE_DIR": caches.hub_cache, "KERAS_HOME": caches.keras_cache,
        "KAGGLEHUB_CACHE": caches.kaggle_cache, "KAGGLE_CONFIG_DIR": caches.kaggle_settings,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(tmp_path / name))
        assert cache() == tmp_path / name
        monkeypatch.delenv(name)
        assert cache() != tmp_path / name


def test_no_home_is_no_error(monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as where nobody knows the user
    assert caches.keras_cache() == Path("~/.keras")
