"""A folder as the docs assume it, small networks, recipes of two steps, nothing compiled or drawn.

Compiling a network takes longer than the few steps that are trained here, and drawing as long as these;
what the figures look like is tested in their own rooms.
"""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import cervix_tf as cx
from tests.planted.shortcuts import (
    bare_fits,
    quick_figures,
    short_recipes,
    small_networks,
    uncompiled,
)

PLACES = ("TFHUB_CACHE_DIR", "KERAS_HOME", "KAGGLEHUB_CACHE", "XDG_CACHE_HOME")


@pytest.fixture(scope="session")
def prepared(phantoms, recipe, tmp_path_factory, finished) -> Path:
    """What the pages take for granted: photographs, finished runs, weights, lists of photographs."""
    import keras
    import pandas as pd

    from cervix_tf.models.weights import hub

    place = tmp_path_factory.mktemp("docs")
    shutil.copytree(phantoms, place / "data")
    shutil.copytree(phantoms / "test", place / "photographs")
    manifest = cx.data.read_manifest(place / "data")

    # --- runs
    for name in ("first", "a", "b"):
        shutil.copytree(finished.folder, place / "runs" / name)
    stages = [{"train": "all", "steps": 1}]
    ensemble = place / "ensembles/first"
    with uncompiled(), pytest.MonkeyPatch.context() as patch:
        bare_fits(patch)
        cx.crossfit(manifest, recipe(stages=stages), ensemble, folds=2, cache=place / "squares")
    for number in (1, 2):
        shutil.copytree(ensemble / f"runs/1-{number}", place / f"runs/fold{number}")

    # --- weights, random ones in the form of those that are published
    with pytest.MonkeyPatch.context() as patch:
        small_networks(patch)
        patch.setenv("TFHUB_CACHE_DIR", str(place / "TFHUB_CACHE_DIR"))
        for name in ("inception", "resnet"):
            network = cx.models.backbone(name, image_size=32, top=True)
            module = hub.cached_at(cx.models.spec(name).imagenet)
            (module / "variables").mkdir(parents=True)
            (module / "saved_model.pb").touch()
            cx.models.save_slim_checkpoint(network, module / "variables/variables")
            if name == "inception":
                cx.models.save_slim_checkpoint(network, place / "inception_v2.ckpt")
    mobilenet = keras.applications.MobileNet((224, 224, 3), 0.25, include_top=False, weights=None)
    mobilenet.save(place / "mobilenet_2_5_224_tf_no_top.h5")

    # --- lists of photographs
    test = [path.name for path in sorted((place / "data/test").iterdir())]
    shares = {name: 1 / 3 for name in ("Type_1", "Type_2", "Type_3")}
    pd.DataFrame({"image_name": test, **shares}).to_csv(
        place / "sample_submission.csv", index=False
    )
    first = sorted((place / "data/train/Type_1").iterdir())
    (place / "Type_1_bbox.tsv").write_text(
        "".join(f"Type_1\\{path.name} 1 20 20 60 60\n" for path in first)
    )
    shutil.copy(place / "photographs" / test[0], place / "cat.jpg")
    return place


@pytest.fixture
def place(prepared, tmp_path, monkeypatch) -> Iterator[Path]:
    """A copy of the prepared folder to stand in, caches and downloads within it."""
    place = tmp_path / "place"
    shutil.copytree(prepared, place)
    runs = [*place.glob("runs/*"), *place.glob("ensembles/*"), *place.glob("ensembles/*/runs/*")]
    for run in runs:
        (run / "files.json").unlink()
    for table in (
        table for run in runs for table in run.glob("*.csv")
    ):  # they name photographs by their whole path
        table.write_text(table.read_text().replace(str(prepared), str(place)))
    monkeypatch.chdir(place)
    monkeypatch.delenv("CERVIX_DATA", raising=False)
    for name in PLACES:
        monkeypatch.setenv(name, str(place / name))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(place / "KERAS_HOME"))
    small_networks(monkeypatch)
    quick_figures(monkeypatch)
    bare_fits(monkeypatch)
    seen = {"cuda": True, "cuda_version": "12.5", "gpus": [], "backend": "tensorflow"}
    monkeypatch.setattr("cervix_tf.machine.devices.look", lambda: (seen, ""))
    kagglehub = ModuleType("kagglehub")
    kagglehub.competition_download = lambda handle, **options: str(place / "data")
    monkeypatch.setitem(sys.modules, "kagglehub", kagglehub)
    with uncompiled():
        yield place


@pytest.fixture
def short(monkeypatch):
    """Every recipe at 32 pixels, in batches of 8, each stage of two steps."""
    short_recipes(monkeypatch)


@pytest.fixture
def spoiled(place, monkeypatch, tmp_path):
    """What goes wrong before a message of the docs is printed, while that message is waited for."""

    def none_here(patch):
        (tmp_path / "empty").mkdir()
        patch.chdir(tmp_path / "empty")

    def refused(patch):
        error = OSError("403 Client Error.")
        error.response = SimpleNamespace(status_code=403)
        patch.setattr("kagglehub.competition_download", _raises(error))

    def damaged(patch):
        first, second, *_ = sorted((place / "data/train/Type_2").iterdir())
        whole = first.read_bytes(), second.read_bytes()
        first.write_bytes(b"")
        second.write_bytes(whole[1][:800])
        return lambda: (first.write_bytes(whole[0]), second.write_bytes(whole[1]))

    def offline(patch):
        patch.setenv("TFHUB_CACHE_DIR", str(place / "nothing"))
        error = OSError("Name or service not known")
        patch.setattr("urllib.request.urlopen", _raises(error))
        patch.setattr("tensorflow_hub.resolver.HttpResolverBase._call_urlopen", _raises(error))

    def too_large(patch):
        import tensorflow as tf

        from cervix_tf.training.steps import Stepper

        error = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        patch.setattr(Stepper, "_step", _raises(error))

    def full(patch):
        free = SimpleNamespace(free=1000)
        patch.setattr("cervix_tf.data.cache_file.shutil.disk_usage", lambda _: free)

    def killed(patch):
        """A run that was begun and has not ended."""

        class Killed(Exception):
            pass

        def kill(step, loss):
            raise Killed

        with contextlib.suppress(Killed):
            manifest = cx.data.read_manifest("data")
            cx.training.fit(manifest, "cervixnet2", "runs/killed", on_validation=kill)

    def other_stage(patch):
        sample = place / "sample_submission.csv"
        whole = sample.read_text()
        sample.write_text(whole + "stage_2.jpg,0.2,0.3,0.5\n")
        return lambda: sample.write_text(whole)

    def lacks(name):
        def cause(patch):
            patch.setitem(sys.modules, name, None)
            patch.delitem(vars(cx.training), "search", raising=False)
            # These are imported anew, and look for it.
            for module in ("hyperparameter_search", "study", "storages"):
                patch.delitem(sys.modules, f"cervix_tf.training.{module}", raising=False)

        return cause

    causes = {
        "No photographs:": none_here,
        "Kaggle refused": refused,
        "photographs in": damaged,
        "https://tfhub.dev": offline,
        "A step of": too_large,
        "has no room": full,
        "runs/killed": killed,
        "The photographs are not those of": other_stage,
        "A search needs Optuna": lacks("optuna"),
        "cleanvision is not installed": lacks("cleanvision"),
    }

    @contextlib.contextmanager
    def spoil(message: str):
        with monkeypatch.context() as patch:
            found = [cause for part, cause in causes.items() if part in message]
            mend = [undo for cause in found if (undo := cause(patch))]
            try:
                yield
            finally:
                for undo in mend:
                    undo()

    return spoil


def _raises(error):
    def fail(*args, **options):
        raise error

    return fail
