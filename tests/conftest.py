import gc
import os
import shutil
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
if "PYTEST_XDIST_WORKER" in os.environ:  # a worker a core: more threads would wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import filelock
import hypothesis
import numpy as np
import pytest

gc.set_threshold(20_000, 20, 50)  # Keras' graphs are many objects: looking at all takes a second
hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("untimed")

SHARED = Path(__file__).parents[2] / "shared"
# Begun last, a test of half a minute would leave the other worker idle. Next to each other, those that
# share phantoms fall to one worker.
FIRST = (
    "phantoms/test_drawing.py",
    "explanation/test_attribution.py",
    "faults/test_faults.py",
    "docs/test_commands.py",
    "docs/test_docstrings.py",
    "training/test_cross_validation.py",
    "training/test_hyperparameter_search.py",
    "notebooks/test_notebooks.py",
    "inference/test_exports.py",
)


def pytest_collection_modifyitems(items):
    """The files of the longest tests first."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(FIRST))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real photographs, weights and reference outputs, which lie beside the project."""
    if not SHARED.is_dir():
        pytest.skip("../shared, with the photographs and weights of this test, is not here")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def _graphs_as_traced():
    """TensorFlow runs graphs as they are traced: rewriting one takes longer than its few steps here.

    Notebooks and the processes that tests start rewrite theirs, as a user's do; those that they fork
    do not.
    """
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@pytest.fixture(scope="session", autouse=True)
def _user_cache(tmp_path_factory):
    """The user's cache folder, which squares are kept in by default, lies elsewhere."""
    folder = tmp_path_factory.mktemp("user_cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("platformdirs.user_cache_dir", lambda *_: str(folder))
        yield


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Maker of a folder that the worker which needs it first fills, for all to read."""
    base = tmp_path_factory.getbasetemp()
    together = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, fill) -> Path:
        folder, done = together / name, together / f"{name}.done"
        with filelock.FileLock(together / f"{name}.lock"):
            if not done.exists():
                fill(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def phantoms(once) -> Path:
    """A folder of small phantoms: 12 of each type to train on, 5 to test on."""
    from cervix_tf.data import phantom

    given = {"per_class": 12, "test": 5, "seed": 3, "sizes": [(120, 160), (160, 120)]}
    return once("phantoms", lambda folder: phantom(folder, **given))


@pytest.fixture(scope="session")
def many_phantoms(tmp_path_factory):
    """The manifest of phantoms enough to learn from: 110 of each type."""
    from cervix_tf.data import phantom

    return phantom(tmp_path_factory.mktemp("many") / "set", 110, seed=1, sizes=[(96, 128)])


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


@pytest.fixture
def audited(tmp_path, photograph):
    """A manifest as `audit` returns it, of ten small photographs with known findings.

    0 and 1 are one file, 2 and 3 near-duplicates of two labels, 4 (train) and 5 (test) a leak, 6 is
    empty, 7 blurred, 8 dark and blurred; nothing is known against 9.
    """
    import pandas as pd

    from cervix_tf.data.manifests import validated

    rows = [
        ("Type_1", "train", "c1", "exact duplicate; near-duplicate"),
        ("Type_1", "train", "c1", "exact duplicate; near-duplicate"),
        ("Type_1", "train", "c2", "near-duplicate; label conflict"),
        ("Type_2", "train", "c2", "near-duplicate; label conflict"),
        ("Type_3", "train", "c3", "near-duplicate; leak"),
        (None, "test", "c3", "near-duplicate; leak"),
        ("Type_2", "train", None, "zero bytes"),
        ("Type_2", "train", None, "blurred"),
        ("Type_3", "train", None, "blurred; dark"),
        ("Type_3", "train", None, None),
    ]
    table = pd.DataFrame(rows, columns=["label", "source", "cluster", "flags"])
    folder = tmp_path / "photographs"
    table["path"] = [
        str(photograph(folder / f"{source}/{label or ''}/{k}.jpg", k, (48, 64)))
        for k, (label, source, *_) in enumerate(rows)
    ]
    Path(table["path"][1]).write_bytes(Path(table["path"][0]).read_bytes())
    Path(table["path"][6]).write_bytes(b"")
    table = validated(table, "ten photographs")
    table["group"] = table["cluster"].fillna(table["group"])
    table["sha256"] = [f"{max(k, 1):064x}" for k in range(len(table))]
    read = table["flags"] != "zero bytes"
    measures = {"width": 64, "height": 48, "sharpness": 120.5, "brightness": 118.0, "distance": 1.5}
    for column, value in measures.items():
        table[column] = pd.Series(value, table.index).where(read)
    table.loc[[7, 8], "sharpness"] = [9.0, 4.0]
    table.loc[8, "brightness"] = 12.0
    return validated(table)


TINY = {
    "model": {"name": "cervixnet1", "widths": [8, 16], "dense": 16, "conv_dropout": 0.2},
    "image_size": 32,
    "batch_size": 8,
    "optimizer": {"learning_rate": 0.02, "clip_norm": 2.0, "layer_decay": 0.9, "ema": 0.5},
    "sampling": "balanced",
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
def finished(phantoms, recipe, once, tmp_path_factory):
    """A finished run of the tiny recipe on the phantoms, in a folder of the worker's own."""
    from cervix_tf.data import read_manifest
    from cervix_tf.runs import load
    from cervix_tf.training import fit

    given = read_manifest(phantoms), recipe()
    made = once("finished", lambda folder: fit(*given, run=folder, cache="memory"))
    return load(shutil.copytree(made, tmp_path_factory.mktemp("runs") / "run"))


@pytest.fixture
def with_crop(finished, tmp_path):
    """Maker of a copy of the finished run that says of itself to be trained with another crop."""
    from cervix_tf.runs import load

    def copied(crop: str):
        folder = shutil.copytree(finished.folder, tmp_path / f"trained-on-{crop}")
        (folder / "files.json").unlink()
        recipe = folder / "recipe.yaml"
        text = recipe.read_text()
        assert "crop: square" in text
        recipe.write_text(text.replace("crop: square", f"crop: {crop}"))
        run = load(folder)
        run.write_model(finished.model, finished.class_names)
        return run

    return copied


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line in this process: exit code, standard output, standard error."""

    from cervix_tf import cli

    def call(*words) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cervix-tf", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return (0 if code is None else code), out, err

    return call


CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium with an empty profile, as Playwright's `Browser`.

    Of one module, since Playwright keeps an event loop running in this thread as long as it is open.
    """
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        reason = f"none of {', '.join(CHROMIUM)} is on the path: apt-get install chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=CHROMIUM_OPTIONS)
        yield started
        started.close()


@pytest.fixture
def mistake(run):
    """Run what must fail: one line on standard error, exit code 2, no traceback."""

    def call(*words) -> str:
        code, out, err = run(*words)
        assert code == 2, (out, err)
        assert err.startswith("Error: ")
        assert err.count("\n") == 1, err
        return err

    return call
