import subprocess
from types import SimpleNamespace

import pytest

from cervix_tf.machine import devices

SEEN = {"cuda": True, "cuda_version": "12.5", "gpus": [], "backend": "tensorflow"}


@pytest.mark.parametrize(("driver", "hides", "cuda", "device", "said", "reason"), [
    (True, "-1", True, True, "", "CUDA_VISIBLE_DEVICES is '-1', which hides all"),
    (True, "", True, True, "", "CUDA_VISIBLE_DEVICES is '', which hides all"),
    (True, "7", True, True, "", "CUDA_VISIBLE_DEVICES is '7', and no such device"),
    (False, None, True, False, "", "no NVIDIA driver"),
    (False, "0", True, False, "", "CUDA_VISIBLE_DEVICES is '0' besides"),
    (True, None, False, True, "", "built without CUDA"),
    (True, None, True, False, "", "no device /dev/nvidia0"),
    (True, None, True, True, "W0 Cannot dlopen some GPU libraries.", "CUDA's libraries"),
    (True, None, True, True, "other\nE0 cuda: odd\nlast", "TensorFlow says: E0 cuda: odd"),
    (True, None, True, True, "", "TensorFlow says: nothing"),
])  # fmt: skip
def test_why_there_is_no_gpu(monkeypatch, driver, hides, cuda, device, said, reason):
    monkeypatch.delenv(devices.HIDES, raising=False)
    if hides is not None:
        monkeypatch.setenv(devices.HIDES, hides)
    monkeypatch.setattr(devices, "has_driver", lambda: driver)
    there = ["/dev/nvidia0"] if device else []
    monkeypatch.setattr(devices.Path, "glob", lambda self, pattern: iter(there))
    assert reason in devices.why_no_gpu(cuda, said)[0]


def test_gpus_are_named(monkeypatch):
    monkeypatch.setattr(devices, "look", lambda: ({**SEEN, "gpus": ["A", "B"]}, ""))
    assert [finding[1:3] for finding in devices.devices()][1:] == [
        ("TensorFlow", "works, built for CUDA 12.5"), ("GPU 0", "A"), ("GPU 1", "B"),
    ]  # fmt: skip


def test_another_backend_is_broken(monkeypatch):
    monkeypatch.setattr(devices, "look", lambda: ({**SEEN, "backend": "jax"}, ""))
    assert "jax" in devices.devices()[-1].says
    assert devices.devices()[-1].broken


@pytest.mark.parametrize(("program", "says"), [
    ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
    ("import os; os.kill(os.getpid(), 4)", "ended by signal 4"),
    ("print('[')", "no word"),
])  # fmt: skip
def test_an_import_that_fails_is_told(monkeypatch, program, says):
    monkeypatch.setattr(devices, "PROGRAM", program)
    found = devices.devices()[-1]
    assert found.broken
    assert says in found.says
    assert found.mend.startswith("pip install")


def test_an_import_without_end_is_told(monkeypatch):
    def run(*words, **options):
        raise subprocess.TimeoutExpired("python", options["timeout"])

    monkeypatch.setattr(devices, "subprocess", SimpleNamespace(
        run=run, SubprocessError=subprocess.SubprocessError))  # fmt: skip
    assert "timed out" in devices.devices()[-1].says
