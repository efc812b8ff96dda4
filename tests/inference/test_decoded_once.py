"""What reads photographs decodes each once and predicts each once a view, whatever it shows of them."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import cv2
import keras
import numpy as np
import pytest
import simplejpeg

from cervix_tf.data import read_manifest
from cervix_tf.evaluation import evaluate
from cervix_tf.evaluation.report import report
from cervix_tf.explanation import examine, explain
from cervix_tf.training import fit
from tests.planted.shortcuts import uncompiled


@pytest.fixture
def counted(monkeypatch):
    """How often the content of each file was decoded, each image predicted, and its features taken."""
    counts = SimpleNamespace(decoded=Counter(), predicted=Counter(), features=Counter())
    predict = keras.Model.predict_on_batch

    def counting(decode):
        def decoded(data, *rest, **options):
            counts.decoded[bytes(data)] += 1
            return decode(data, *rest, **options)

        return decoded

    def predicted(model, images):
        kind = counts.features if model.name == "features" else counts.predicted
        kind.update(image.tobytes() for image in np.asarray(images))
        return predict(model, images)

    monkeypatch.setattr(simplejpeg, "decode_jpeg", counting(simplejpeg.decode_jpeg))
    monkeypatch.setattr(cv2, "imdecode", counting(cv2.imdecode))
    monkeypatch.setattr(keras.Model, "predict_on_batch", predicted)
    return counts


def once(paths) -> Counter:
    return Counter(Path(path).read_bytes() for path in paths)


def paths_of(run, *splits):
    return run.manifest.loc[run.manifest["split"].isin(splits), "path"]


@pytest.mark.slow
def test_fit(counted, recipe, phantoms, tmp_path):
    with uncompiled():
        run = fit(
            read_manifest(phantoms),
            recipe(stages=[{"train": "all", "steps": 3}]),
            run=tmp_path / "run",
            cache="memory",
            on_validation=lambda step, loss: counted.predicted.clear(),
        )
    assert counted.decoded == once(paths_of(run, "train", "validation"))
    # After the last validation, which gave the run's predictions: the training photographs.
    assert len(counted.predicted) == len(paths_of(run, "train"))
    assert set(counted.predicted.values()) == {1}
    assert counted.features.total() == len(paths_of(run, "train", "validation"))


@pytest.mark.parametrize("views", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_evaluate(counted, finished, tmp_path, views):
    evaluate(finished, out=tmp_path / "out", tta=views, cache="memory")
    own = paths_of(finished, "validation")
    assert counted.decoded == once(own)
    assert len(counted.predicted) == views * len(own)
    assert set(counted.predicted.values()) == {1}


def test_explain(counted, finished, tmp_path):
    explain(
        finished, out=tmp_path / "sheet.png", methods=["gradient"], photographs=4, cache="memory"
    )
    own = paths_of(finished, "validation")
    assert counted.decoded == once(own)
    assert len(counted.predicted) == len(own)
    assert set(counted.predicted.values()) == {1}


def test_report(counted, finished, tmp_path):
    report(finished, tmp_path / "page.html")
    assert not counted.decoded
    assert not counted.predicted


def test_examine(counted, finished, phantoms):
    paths = sorted((phantoms / "test").glob("*.jpg"))
    examine(finished, paths)
    assert counted.decoded == once(paths)
    assert len(counted.predicted) == len(counted.features) == len(paths)
    assert set(counted.predicted.values()) == set(counted.features.values()) == {1}
