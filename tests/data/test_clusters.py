import contextlib
import importlib.util
import socket

import pytest

from cervix_tf.data.clusters import Workers, check_cluster, connect, workers
from cervix_tf.errors import UserError

CPU_16, CPU_6 = {"CPU": 16.0}, {"CPU": 6.0}
TWO_GPUS, FOUR_GPUS = {"CPU": 16.0, "GPU": 2.0}, {"CPU": 12.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("nodes", "whole", "gpus", "expected"),
    [
        ([CPU_16], True, True, Workers(16, 0, 1)),
        ([CPU_16, CPU_6, {}], True, True, Workers(6, 0, 3)),
        ([CPU_16, CPU_16, {"CPU": 2.0}], True, True, Workers(16, 0, 2)),
        ([CPU_16, CPU_6, {}], False, False, Workers(1, 0, 22)),
        ([CPU_16, TWO_GPUS], True, True, Workers(8, 1, 2)),
        ([CPU_16, TWO_GPUS, FOUR_GPUS], True, True, Workers(3, 1, 6)),
        ([TWO_GPUS], True, False, Workers(16, 0, 1)),
        ([{"CPU": 2.0, "GPU": 4.0}], True, True, Workers(1, 1, 2)),
        ([{"GPU": 4.0}, CPU_6], True, True, Workers(6, 0, 1)),
    ],
)
def test_machines_are_shared_out(nodes, whole, gpus, expected):
    assert workers(nodes, whole, gpus) == expected


def test_a_cluster_without_cores():
    with pytest.raises(UserError, match="no CPU to work on"):
        workers([{}, {"memory": 8e9}], whole=True)


@pytest.mark.parametrize("address", ["", "6379", "head:", ":6379", "ray://head:10001", "head:port"])
def test_what_is_no_address(address):
    with pytest.raises(UserError, match="give local, auto, or HOST:PORT"):
        check_cluster(address)


@pytest.mark.parametrize(
    "words", [("predict", "nothing", "photographs"), ("prepare", "--data", "photographs")]
)
def test_nobody_answers(words, mistake, monkeypatch):
    """It is said before anything is read: there is no run, and there are no photographs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        assert f"No Ray cluster answers at 127.0.0.1:{port}" in mistake(
            *words, "--ray", f"127.0.0.1:{port}"
        )
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "ray" else find(name)
    )
    assert 'run pip install "cervix-tf[ray]"' in mistake(*words, "--ray", "local")


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        (
            "auto",
            ConnectionError("Could not find any running Ray instance."),
            "answers on this mach",
        ),
        ("head:6379", ConnectionError("Failed to connect."), "must be part of the cluster"),
        (
            "local",
            Exception("The current node timed out.\nMore."),
            r"here \(The current node timed out\)",
        ),
    ],
)
def test_why_ray_is_not_joined_is_one_line(address, error, message, monkeypatch):
    ray = pytest.importorskip("ray")

    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(ray, "init", refuse)
    with contextlib.ExitStack() as stack, pytest.raises(UserError, match=message) as found:
        connect(address, stack)
    assert "\n" not in str(found.value)


def test_a_cluster_that_wants_its_token(monkeypatch):
    ray = pytest.importorskip("ray")

    def refuse(*_, **__):
        raise ConnectionError("Failed to connect.") from RuntimeError("InvalidAuthToken: missing")

    monkeypatch.setattr(ray, "init", refuse)
    with contextlib.ExitStack() as stack, pytest.raises(UserError, match="RAY_AUTH_MODE=token"):
        connect("auto", stack)
