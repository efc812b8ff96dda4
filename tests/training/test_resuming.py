"""Fits that were killed, stopped or finished, and are gone on with."""

import os
import signal

import pytest

from cervix_tf.data import read_manifest
from cervix_tf.training import fit, loop, resume
from tests.planted import shortcuts
from tests.planted.forks import forked
from tests.planted.weights import same


@pytest.fixture(autouse=True)
def _bare_fits(monkeypatch):
    shortcuts.bare_fits(monkeypatch)


def killed_fit(phantoms, folder, recipe):
    """Begin a fit that is killed at its 13th step."""

    def log(self, *rest, before=loop.Loop._log):
        if self.state.step >= 13:
            os.kill(os.getpid(), signal.SIGKILL)
        before(self, *rest)

    loop.Loop._log = log
    fit(read_manifest(phantoms), recipe, run=folder, cache="memory")


def assert_resumed_as_if_never_stopped(whole, folder):
    assert not folder.joinpath("model.keras").exists()
    gone_on = resume(folder, cache="memory")
    assert same(whole, gone_on)
    assert gone_on.history.equals(whole.history)
    assert gone_on.metrics == whole.metrics


@pytest.mark.slow
def test_killed_and_resumed_ends_with_the_same_weights(finished, phantoms, tmp_path):
    """By the system, in the stage that trains the whole network."""
    folder = tmp_path / "run"
    process = forked(killed_fit, phantoms, folder, finished.recipe, said=tmp_path / "said")
    process.join()
    assert process.exitcode == -signal.SIGKILL, (tmp_path / "said.err").read_text()[-2000:]
    assert folder.joinpath("checkpoint/last.npz").is_file()
    assert_resumed_as_if_never_stopped(finished, folder)


@pytest.mark.slow
def test_stopped_twice_and_resumed_ends_with_the_same_weights(recipe, phantoms, tmp_path):
    """Before a checkpoint, and after one in the stage that trains the head; not compiled."""

    class Stopped(BaseException):
        pass

    def stop_at(last):
        def stop(step, loss):
            if step >= last:
                raise Stopped

        return stop

    folder, manifest = tmp_path / "run", read_manifest(phantoms)
    short = recipe(stages=[{"train": "head", "steps": 5}, {"train": "all", "steps": 2}])
    checkpoint = folder / "checkpoint/last.npz"
    with shortcuts.uncompiled():
        whole = fit(manifest, short, tmp_path / "whole", "memory")
        with pytest.raises(Stopped):
            fit(manifest, short, folder, "memory", on_validation=stop_at(2))
        assert not checkpoint.is_file()
        with pytest.raises(Stopped):
            resume(folder, "memory", on_validation=stop_at(4))
        assert checkpoint.is_file()
        assert_resumed_as_if_never_stopped(whole, folder)


def test_resuming_a_finished_run_changes_nothing(finished):
    before = finished.path("model.keras").stat().st_mtime_ns
    assert resume(finished.folder).metrics == finished.metrics
    assert finished.path("model.keras").stat().st_mtime_ns == before
