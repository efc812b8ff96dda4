"""The example of every public function runs, in the folder that the docs assume.

What it is said to show is compared with all numbers alike: recipes are shortened here, weights random.
"""

import contextlib
import doctest
import inspect
import io
import re
import shutil
from pathlib import Path

import pytest

import cervix_tf as cx

ROOMS = sorted(path.parent.name for path in Path(cx.__file__).parent.glob("*/__init__.py"))
ROOMS.remove("commands")
LOOSELY = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture
def names(place, short, monkeypatch) -> dict:
    """What examples take for granted beside the functions: arrays, a manifest, a run, files."""
    import matplotlib.figure
    import numpy as np
    import pandas as pd
    import PIL.Image

    monkeypatch.setattr(cx.training.bench, "__defaults__", (None, 0.02, None))  # seconds a part
    _, *others = cx.training.crossfit.__defaults__
    monkeypatch.setattr(cx.training.crossfit, "__defaults__", (2, *others))  # folds

    # --- files
    manifest = cx.data.read_manifest("data")
    audited = cx.quality.audit(manifest, cache="memory")
    cx.quality.write_decisions(audited, "audit/audit.csv")
    cx.data.write_manifest(audited, "audit/manifest.csv")
    Path("empty.jpg").touch()
    for label in ("Type_1", "Type_2", "Type_3"):
        photograph = next(Path("data/train", label).iterdir())
        Path("data/additional", label).mkdir(parents=True)
        shutil.copy(photograph, Path("data/additional", label))

    # --- names
    run = cx.load("runs/first")
    validation = run.manifest[run.manifest["split"] == "validation"]
    predictions = cx.inference.predictions_of(run, validation)
    ensemble = cx.load("ensembles/first")
    held_out = ensemble.validation
    raw = np.random.default_rng(0).dirichlet(np.ones(3), len(held_out))
    squares = np.random.default_rng(0).integers(0, 256, (40, 256, 256, 3), "uint8")
    return {
        **{name: thing for room in ROOMS for name, thing in _public(room)},
        **{
            "cx": cx,
            "np": np,
            "pd": pd,
            "PIL": PIL,
            "matplotlib": matplotlib,
            "Path": Path,
            "manifest": manifest,
            "audited": audited,
        },
        **{"run": run, "predictions": predictions, "ensemble": ensemble, "raw": raw},
        **{"targets": held_out["label"].map(ensemble.class_names.index).to_numpy()},
        **{name: held_out[name[:-1]].to_numpy() for name in ("groups", "folds")},
        **{"figures": run.metrics, "model": run.model, "squares": squares},
        **{"image": squares[0], "images": squares[:1], "labels": np.arange(40) % 3},
        **{"one_hot": np.eye(3, dtype="float32")[:1], "keys": np.array([[0, 7]], "int32")},
        "test": cx.data.read_manifest("data/test", labelled=False),
    }


def _public(room: str) -> list[tuple]:
    module = getattr(cx, room)
    return [(name, getattr(module, name)) for name in module.__all__]


def _examples(thing) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.getdoc(thing) or "")


def _masked(text: str) -> str:
    return re.sub(r"-?\d[\d.,]*(e[-+]\d+)?", "0", text)


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_the_examples_run(room, names):
    checker = doctest.OutputChecker()
    for name, thing in _public(room):
        here = {**names, **dict(_public(room))}
        for example in _examples(thing) if callable(thing) else ():
            printed = io.StringIO()
            source = re.sub(r"\bsteps=\d+", "steps=2", example.source)
            with contextlib.redirect_stdout(printed):
                exec(compile(source, name, "single"), here)
            want, got = _masked(example.want), _masked(printed.getvalue())
            assert not want or checker.check_output(want, got, LOOSELY), f"{name}: {got}"


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_function_has_one(room):
    functions = {name: thing for name, thing in _public(room) if inspect.isroutine(thing)}
    assert [name for name, thing in functions.items() if not _examples(thing)] == []
