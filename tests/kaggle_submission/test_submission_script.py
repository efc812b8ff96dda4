import csv
import math
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cervix_tf as cx
from tests.planted.shortcuts import bare_fits, quick_figures, uncompiled

SCRIPT = Path(__file__).parents[2] / "kaggle_submission" / "submission.py"
NO_NETWORK = """
import socket

def refuse(*_, **__):
    raise OSError("no network in a Kaggle kernel without internet")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""
FIRST = [f"{k}.jpg" for k in range(60)]
SECOND = [f"{k}.jpg" for k in range(10000, 10200)]


def sample(path, names):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{name},0.17,0.53,0.3\n" for name in names)
    path.write_text(f"image_name,Type_1,Type_2,Type_3\n{rows}")


@pytest.fixture
def attached(tmp_path, phantoms):
    """A tree of the shape of /kaggle/input, its photographs hard links to a few phantoms."""
    folder = tmp_path / "input"
    data = folder / "competitions" / "intel-mobileodt-cervical-cancer-screening"
    shutil.copytree(phantoms / "train", data / "train" / "train", ignore=_masks)
    pictures = sorted((phantoms / "test").glob("*.jpg"))
    (data / "test" / "test").mkdir(parents=True)
    for k, name in enumerate(FIRST):
        os.link(pictures[k % len(pictures)], data / "test" / "test" / name)
    sample(data / "sample_submission.csv", FIRST)
    return folder


def _masks(folder, names):
    return [name for name in names if not name.endswith(".jpg") and "." in name]


@pytest.fixture
def kernel(tmp_path):
    """Run the script as a kernel would, the network blocked: exit code, output."""
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text(NO_NETWORK)

    def call(*words):
        environment = {**os.environ, "PYTHONPATH": f"{blocked}:{SCRIPT.parents[1]}"}
        done = subprocess.run(
            [sys.executable, SCRIPT, *words], capture_output=True, text=True, env=environment
        )
        return done.returncode, done.stdout + done.stderr

    return _placed(call, tmp_path)


@pytest.fixture
def script(tmp_path, monkeypatch, capsys):
    """The same in this process, nothing compiled or drawn."""
    for name in ("socket.connect", "socket.connect_ex"):
        monkeypatch.setattr(f"socket.{name}", _refuse)
    monkeypatch.setattr("socket.getaddrinfo", _refuse)
    quick_figures(monkeypatch)
    bare_fits(monkeypatch)

    def call(*words):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, words)])
        code = 0
        with uncompiled():
            try:
                runpy.run_path(str(SCRIPT), run_name="__main__")
            except SystemExit as ended:
                code = ended.code
        return code, f"{capsys.readouterr()} {code}"

    return _placed(call, tmp_path)


def _placed(call, folder):
    (folder / "working").mkdir(exist_ok=True)  # of both
    return lambda attached, *words: call(
        "--input", attached, "--working", folder / "working", *words
    )


def _refuse(*_, **__):
    raise OSError("no network in a Kaggle kernel without internet")


def check(path, names):
    """What KAGGLE.md says of a submission, and nothing of the package's."""
    with open(path, newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["image_name", "Type_1", "Type_2", "Type_3"]
    assert [row[0] for row in rows] == names
    for row in rows:
        shares = [float(value) for value in row[1:]]
        assert all(0 < share < 1 for share in shares)
        assert math.isclose(sum(shares), 1, abs_tol=1e-6)


@pytest.mark.slow
def test_attached_run_both_stages(attached, kernel, script, finished, tmp_path, phantoms):
    shutil.copytree(finished.folder, attached / "cervix-tf-runs" / "first")
    code, out = kernel(attached)
    assert code == 0, out
    assert "runs: first" in out
    check(tmp_path / "working" / "submission.csv", FIRST)

    sample(attached / "stage2" / "sample_submission_stg2.csv", [*FIRST, *SECOND])
    code, out = script(attached)
    assert code != 0
    assert "Several samples" in out
    code, out = script(attached, "--sample", "stg2")
    assert code != 0
    assert "200 photographs of sample_submission_stg2.csv" in out
    (stage2 := attached / "stage2" / "test_stg2").mkdir()
    picture = next((phantoms / "test").glob("*.jpg"))
    for name in SECOND:
        os.link(picture, stage2 / name)
    code, out = script(attached, "--sample", "stg2", "--views", "1")
    assert code == 0, out
    check(tmp_path / "working" / "submission.csv", [*FIRST, *SECOND])


@pytest.mark.slow
def test_an_attached_ensemble_counts_as_one(attached, script, recipe, phantoms, tmp_path):
    short = recipe(stages=[{"train": "all", "steps": 2}])
    with uncompiled():
        ensemble = cx.crossfit(
            cx.read_manifest(phantoms), short, attached / "ensemble", folds=2, cache="memory"
        )
    code, out = script(attached, "--views", "1")
    assert code == 0, out
    assert "runs: ensemble\\n" in out, "and not its two runs, without calibration"
    table = pd.read_csv(tmp_path / "working" / "submission.csv")
    names = ensemble.class_names
    photograph = next(path for path in attached.rglob("0.jpg") if "test" in path.parts)
    expected = cx.predict(ensemble, photograph)[names].to_numpy()[0]
    np.testing.assert_allclose(table[names].to_numpy()[0], expected, atol=1e-5)


@pytest.mark.slow
def test_trains_where_no_run_is_attached(attached, script, tmp_path):
    words = ["--recipe", "cervixnet1", "--views", "1", "--folds", "2"]
    for setting in (
        "image_size=32", "batch_size=8", "model.widths=[8, 8]", "model.dense=8", "validation=0.2",
        "stages=[{train: all, steps: 4}]",
    ):  # fmt: skip
        words += ["--set", setting]
    code, out = script(attached, *words)
    assert code == 0, out
    check(tmp_path / "working" / "submission.csv", FIRST)
    ensemble = tmp_path / "working" / "ensemble"
    assert cx.load(ensemble).complete
    (ensemble / "report.html").unlink()
    code, out = script(attached, *words)
    assert code == 0, "the ensemble in the working folder is gone on with\n" + out
    assert cx.load(ensemble).complete
    code, out = script(attached, "--weights", "inception_v2.ckpt")
    assert code != 0
    assert "inception_v2.ckpt" in out
    assert "Traceback" not in out


def test_what_is_not_attached_is_named(tmp_path, script):
    (tmp_path / "empty").mkdir()
    code, out = script(tmp_path / "empty")
    assert code == 2
    assert "attach the competition's data" in out
    assert "Traceback" not in out


def test_the_weights_are_one_file(attached, script, tmp_path):
    code, out = script(attached, "--weights", tmp_path / "gone.keras")
    assert code == 2
    assert f"{tmp_path}/gone.keras: there is no such file" in out
    for place in ("a", "b"):
        (attached / place).mkdir()
        (attached / place / "x.keras").touch()
    code, out = script(attached, "--weights", "x.keras")
    assert code == 2
    assert "Several x.keras are attached: a/x.keras, b/x.keras." in out
    code, out = script(attached, "--weights", "b/x.keras")
    assert code == 2
    assert "b/x.keras cannot be read" in out


def test_a_wheel_that_cannot_be_installed_is_told_in_a_line(attached, script, monkeypatch):
    (attached / "cervix_tf-9-py3-none-any.whl").touch()
    monkeypatch.setitem(sys.modules, "cervix_tf", None)
    code, out = script(attached)
    assert code == 2
    assert "cervix_tf-9-py3-none-any.whl was not installed" in out
    assert "Traceback" not in out
