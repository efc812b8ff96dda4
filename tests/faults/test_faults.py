"""A fixed seed's sample of verbs under faults; `make soak` draws for an hour."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.world import World

ROOT = Path(__file__).parents[2]

# Verb, fault: each kind of fault once, on the verbs that take a second or less of work.
SAMPLE = (
    ("phantom", "ENOSPC"),
    ("prepare", "EIO"),
    ("prepare", "cache flip"),
    ("segment", "EACCES"),
    ("predict", "EMFILE"),
    ("predict", "ENAMETOOLONG"),
    ("segment", "SIGKILL"),
    ("predict", "SIGINT"),
    ("predict", "SIGTERM"),
    ("predict to the screen", "stdout to a closed pipe"),
    ("predict to the screen", "stdout to /dev/full"),
    ("predict", "stderr closed"),
    ("phantom", "stdout closed"),
    ("prepare", "stdout in ASCII"),
    ("prepare", "HOME not to be written"),
    ("phantom", "TMPDIR not to be written"),
    ("fit", "SIGTERM"),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    if shutil.which("cc") is None:
        pytest.skip("faults are injected by a C library, and there is no C compiler (gcc)")
    world = World(tmp_path_factory.mktemp("faults"))
    yield world
    world.close()


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "fault"), SAMPLE)
def test_a_fault_is_told_and_loses_nothing(world, verb, fault):
    said, broken = world.try_one(verb, fault, random.Random(f"{verb} {fault}"))
    assert not broken, said


@pytest.mark.slow
def test_a_locale_without_letters(tmp_path, photograph):
    for number, label in enumerate(("Тип 1", "Тип 2")):
        for k in range(2):
            photograph(tmp_path / "data" / label / f"снимок{k}.jpg", 10 * number + k, (48, 64))
    words = ("audit", "--data", "data", "--out", "audit", "--cache", "none")
    poor = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "cervix_tf.cli", *words],
        cwd=tmp_path, capture_output=True, env=os.environ | poor,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert "Тип 1" in (tmp_path / "audit/manifest.csv").read_text(encoding="utf-8-sig")
