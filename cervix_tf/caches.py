"""Where the package, and the libraries that download for it, keep their files."""

import os
from pathlib import Path

import platformdirs


def user_cache() -> Path:
    """Give the user's cache folder, in which the prepared squares lie unless `--cache` names another."""
    return Path(platformdirs.user_cache_dir("cervix_tf"))


def hub_cache() -> Path:
    """Give TensorFlow Hub's: `$TFHUB_CACHE_DIR`, or a folder of the user's own cache."""
    return Path(os.environ.get("TFHUB_CACHE_DIR") or user_cache() / "tfhub_modules")


def keras_cache() -> Path:
    """Give Keras': `$KERAS_HOME`, or `~/.keras`."""
    return Path(os.environ.get("KERAS_HOME") or _home(".keras"))


def kaggle_cache() -> Path:
    """Give kagglehub's: `$KAGGLEHUB_CACHE`, or `~/.cache/kagglehub`."""
    return Path(os.environ.get("KAGGLEHUB_CACHE") or _home(".cache/kagglehub"))


def kaggle_settings() -> Path:
    """Give the folder of Kaggle's token: `$KAGGLE_CONFIG_DIR`, or `~/.kaggle`."""
    return Path(os.environ.get("KAGGLE_CONFIG_DIR") or _home(".kaggle"))


def _home(name: str) -> Path:
    """A path below the user's home, `~` itself where there is none: Python's own would be an error."""
    return Path(os.path.expanduser("~"), name)
