import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import pytest

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real photographs, weights and reference outputs, which lie beside the project."""
    if not SHARED.is_dir():
        pytest.skip("../shared, with the photographs and weights of this test, is not here")
    return SHARED


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory) -> Path:
    """A folder of small phantoms: 12 of each type to train on, 5 to test on."""
    from cervix_tf.data import phantom

    folder = tmp_path_factory.mktemp("phantoms")
    phantom(folder, per_class=12, test=5, seed=3, sizes=[(120, 160), (160, 120)])
    return folder


@pytest.fixture
def photograph():
    """Writer of a small JPEG with a different content for every seed."""
    import cv2

    def write(path: Path, seed: int = 0, size: tuple[int, int] = (24, 32)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), "uint8")
        assert cv2.imwrite(str(path), cv2.blur(noise, (3, 3)))
        return path

    return write


TINY = {
    "model": {"name": "cervixnet1", "widths": [8, 8, 16], "dense": 16, "conv_dropout": 0.2},
    "image_size": 32,
    "batch_size": 8,
    "optimizer": {"name": "sgd", "learning_rate": 0.02, "clip_norm": 2.0},
    "stages": [{"train": "head", "steps": 8}, {"train": "all", "steps": 9}],
    "validate_every": 2,
    "checkpoint_every": 3,
    "validation": 0.2,
}


@pytest.fixture(scope="session")
def recipe():
    """Maker of a recipe that trains a tiny network in two stages within seconds."""
    from cervix_tf.recipes import load_recipe

    return lambda **changes: load_recipe({**TINY, **changes})


@pytest.fixture(scope="session")
def finished(phantoms, recipe, tmp_path_factory):
    """A finished run of the tiny recipe on the phantoms."""
    from cervix_tf.data import read_manifest
    from cervix_tf.training import fit

    folder = tmp_path_factory.mktemp("runs") / "run"
    return fit(read_manifest(phantoms), recipe(), run=folder, cache="memory")
