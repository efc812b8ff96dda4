"""Fits that were killed, stopped or finished, and are gone on with."""

import signal
import subprocess
import sys

import pytest

from cervix_tf.data import read_manifest
from cervix_tf.training import fit, resume
from tests.planted import shortcuts
from tests.planted.weights import same


@pytest.fixture(autouse=True)
def _bare_fits(monkeypatch):
    shortcuts.bare_fits(monkeypatch)


PROGRAM = """
import os, signal, sys
from cervix_tf.data import read_manifest
from cervix_tf.recipes import load_recipe
from cervix_tf.training import fit, loop
before = loop.Loop._log
def log(self, *rest):
    if self.state.step >= 13:
        os.kill(os.getpid(), signal.SIGKILL)
    before(self, *rest)
loop.Loop._log = log
fit(read_manifest(sys.argv[1]), load_recipe(sys.argv[3]), run=sys.argv[2], cache="memory")
"""


def assert_resumed_as_if_never_stopped(finished, folder):
    assert not folder.joinpath("model.keras").exists()
    gone_on = resume(folder, cache="memory")
    assert same(finished, gone_on)
    assert gone_on.history.equals(finished.history)
    assert gone_on.metrics == finished.metrics


@pytest.mark.slow
def test_killed_and_resumed_ends_with_the_same_weights(finished, phantoms, tmp_path):
    """By the system, in the stage that trains the whole network."""
    folder, recipe = tmp_path / "run", finished.path("recipe.yaml")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, phantoms, folder, recipe], capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert folder.joinpath("checkpoint/last.npz").is_file()
    assert_resumed_as_if_never_stopped(finished, folder)


@pytest.mark.slow
@pytest.mark.parametrize("stopped_at", [2, 5], ids=["before a checkpoint", "head stage"])
def test_stopped_and_resumed_ends_with_the_same_weights(
    finished, phantoms, tmp_path, monkeypatch, stopped_at
):
    class Stopped(BaseException):
        pass

    def stop(step, loss):
        if step >= stopped_at:
            raise Stopped

    folder = tmp_path / "run"
    with pytest.raises(Stopped):
        fit(read_manifest(phantoms), finished.recipe, folder, "memory", on_validation=stop)
    assert folder.joinpath("checkpoint/last.npz").is_file() == (stopped_at > 3)
    assert_resumed_as_if_never_stopped(finished, folder)


def test_resuming_a_finished_run_changes_nothing(finished):
    before = finished.path("model.keras").stat().st_mtime_ns
    assert resume(finished.folder).metrics == finished.metrics
    assert finished.path("model.keras").stat().st_mtime_ns == before
