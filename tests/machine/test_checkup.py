import os
import sys

import pytest

from cervix_tf.machine import checkup, devices, doctor

SEEN = {"cuda": True, "cuda_version": "12.5", "gpus": [], "backend": "tensorflow"}


@pytest.fixture(autouse=True)
def _no_import(monkeypatch):
    monkeypatch.setattr(devices, "look", lambda: (SEEN, ""))


def test_every_part_is_looked_at():
    found = doctor()
    assert {finding.part for finding in found} == set(checkup.PARTS)
    assert not any("cannot be told" in finding.says for finding in found)
    assert {"numpy", "TensorFlow", "prepared squares", "letters", "token"} <= {
        finding.name for finding in found
    }


def test_what_cannot_be_looked_at_is_a_finding(monkeypatch):
    monkeypatch.delitem(sys.modules, "cervix_tf.machine.requirements", raising=False)
    monkeypatch.setitem(sys.modules, "packaging.requirements", None)
    monkeypatch.setattr(os, "sysconf", lambda name: 1 / 0)
    found = {finding.name: finding for finding in doctor()}
    assert found["versions"].broken
    assert "cannot be told" in found["extras"].says
    assert "ZeroDivisionError" in found["memory"].says
    assert not found["memory"].broken
