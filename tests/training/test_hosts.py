"""Hosts that train together: what names them, and two processes that do."""

import json
import re
import socket
import threading
import time

import numpy as np
import pytest

from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.recipes.recipe_files import to_yaml
from cervix_tf.training import crossfit, fit
from cervix_tf.training.hosts import ALONE, Hosts, hosts_of
from tests.planted import shortcuts, two_devices, two_hosts
from tests.planted.forks import forked
from tests.planted.weights import weights

KUBEFLOW = {"chief": ["a-chief-0:2222"], "worker": ["a-worker-0:2222", "a-worker-1:2222"]}


@pytest.fixture
def tf_config(monkeypatch):
    """Set TF_CONFIG."""

    def put(cluster, kind="worker", index=0):
        config = {"cluster": cluster, "task": {"type": kind, "index": index}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))

    return put


@pytest.mark.parametrize(
    ("kind", "index", "number"), [("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)]
)
def test_tf_config_names_the_chief_first(tf_config, kind, index, number):
    tf_config(KUBEFLOW, kind, index)
    hosts = hosts_of()
    assert hosts.addresses == ("a-chief-0:2222", "a-worker-0:2222", "a-worker-1:2222")
    assert (hosts.number, hosts.chief, hosts_of("hosts") == hosts) == (number, number == 0, True)


def test_without_a_chief_the_first_worker_is_it(tf_config):
    tf_config({"worker": ["a:1", "b:1"]}, index=1)
    assert (hosts_of().count, hosts_of().chief) == (2, False)


def test_one_host_is_no_cluster(tf_config, monkeypatch):
    assert hosts_of() is ALONE
    tf_config({"worker": ["a:1"]})
    assert hosts_of() is hosts_of("0,1") is ALONE
    assert hosts_of("hosts").addresses == ("a:1",)
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert hosts_of("all") is ALONE


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "[1]",
        "[" * 100_000,
        '{"cluster": {"worker": ["a:1", "b:1"]}}',
        *(
            f'{{"cluster": {{"worker": {worker}}}, "task": {{"type": "worker", "index": {index}}}}}'
            for worker, index in [
                ('["a:1", "b:1"]', "Infinity"),
                ('["a:1", "b:1"]', "1.5"),
                ('["a:1", "b:1"]', "true"),
                ('["a:1", "b:1"]', "-1"),
                ('["a:1", "b:1"]', '"\u0661"'),
                ('"a:1"', "0"),
                ('{"0": "a:1"}', "0"),  # of which a step could miss some
            ]
        ),
    ],
)
def test_a_tf_config_that_is_wrong_is_refused(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(UserError, match="TF_CONFIG cannot be read"):
        hosts_of()


@pytest.mark.parametrize(
    "address",
    [
        "a:99999",
        "a:-5",
        "a:0",
        "a",
        "",
        None,
        5,
        "a:\u0661",
        "a b:1",
        ":1",
        "a..b:1",
        f"{'a' * 64}:1",
    ],
)
def test_what_is_no_address_is_refused_by_its_name(tf_config, address):
    tf_config({"worker": ["[::1]:2222", address]})
    with pytest.raises(UserError, match=f"address {re.escape(repr(address))}: give HOST:PORT"):
        hosts_of()


@pytest.mark.parametrize(
    ("cluster", "kind", "index", "said"),
    [
        ({"worker": ["a:1", "A:1"]}, "worker", 0, "names A:1 twice"),
        ({"chief": ["a:1"], "worker": ["a:1"]}, "worker", 0, "names a:1 twice"),
        ({"master": ["a:1"], "worker": ["b:1"]}, "worker", 0, "names 'master', and only chief"),
        ({"master": ["a:1"], "worker": ["b:1"]}, "master", 0, "names 'master', and only chief"),
        ({"worker": ["a:1"]}, "evaluator", 0, "names 'evaluator', and only chief"),
        ({"worker": ["a:1"]}, "worker", 1, "worker 1, and names 1 of that kind"),
        ({"worker": ["a:1"]}, "chief", 0, "chief 0, and names 0 of that kind"),
    ],
)
def test_hosts_that_do_not_fit_together_are_refused(tf_config, cluster, kind, index, said):
    tf_config(cluster, kind, index)
    with pytest.raises(UserError, match=said):
        hosts_of()


@pytest.fixture
def slurm(monkeypatch):
    """Set what Slurm sets for a task of a step."""

    def put(**changes):
        values = {
            "PROCID": "2", "JOB_ID": "40123", "STEP_NUM_TASKS": "3", "STEP_NODELIST": "node[9-10]",
            "STEP_TASKS_PER_NODE": "2,1",
        } | changes  # fmt: skip
        for name, value in values.items():
            if value is None:
                monkeypatch.delenv(f"SLURM_{name}", raising=False)
            else:
                monkeypatch.setenv(f"SLURM_{name}", value)

    return put


def test_slurm_names_its_tasks_in_their_order(slurm):
    slurm()
    assert hosts_of() is ALONE  # every job has these: to be asked for
    hosts = hosts_of("hosts")
    assert hosts.addresses == ("node9:10123", "node9:10124", "node10:10123")
    assert hosts.number == 2


@pytest.mark.parametrize(
    ("nodes", "names"),
    [  # the first three as scontrol show hostnames expands them
        ("rack[0-1]n[0-1]", "rack0n0 rack0n1 rack1n0 rack1n1"),
        ("n[08-11,3],m-1.x", "n08 n09 n10 n11 n3 m-1.x"),
        ("b,a", "b a"),
        ("n[1-2]-ib", "n1-ib n2-ib"),
    ],
)
def test_slurms_lists_of_nodes(slurm, nodes, names):
    count = len(names.split())
    slurm(
        STEP_NODELIST=nodes,
        STEP_NUM_TASKS=str(count),
        STEP_TASKS_PER_NODE=f"1(x{count})",
        PROCID="0",
    )
    assert [one.partition(":")[0] for one in hosts_of("hosts").addresses] == names.split()


@pytest.mark.parametrize(
    "changes",
    [
        {"PROCID": None},
        {"PROCID": "x"},
        {"PROCID": "9"},
        {"PROCID": "-1"},
        {"JOB_ID": "x"},
        {"STEP_NUM_TASKS": None},
        {"STEP_NUM_TASKS": "2"},
        {"STEP_TASKS_PER_NODE": None},
        {"STEP_TASKS_PER_NODE": "2+1"},
        {"STEP_NODELIST": "n[1-3]"},
        {"STEP_NODELIST": "n[1-2"},
        {"STEP_NODELIST": "n[2-1]"},
        {"STEP_NODELIST": "n1,,"},
    ],
)
def test_variables_of_slurm_that_do_not_fit_are_named(slurm, changes):
    slurm(**changes)
    ((name, value),) = changes.items()
    said = re.escape(f"SLURM_{name}={value or ''}")
    with pytest.raises(UserError, match=rf"^Slurm's variables .*{said}[,)].*srun"):
        hosts_of("hosts")


def test_hosts_are_never_left_out_silently(tf_config, phantoms, recipe, tmp_path):
    with pytest.raises(UserError, match="neither TF_CONFIG nor Slurm"):
        hosts_of("hosts")
    tf_config(KUBEFLOW)
    manifest = read_manifest(phantoms)
    with pytest.raises(UserError, match="devices 0,1: TF_CONFIG names 3 hosts"):
        fit(manifest, recipe(), tmp_path / "run", devices="0,1")
    with pytest.raises(UserError, match="3 hosts write one run: name its folder"):
        fit(manifest, recipe())
    with pytest.raises(UserError, match="crossfit does not share batches among hosts: start it on"):
        crossfit(manifest, recipe(), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_hosts_that_have_not_come_are_named_until_they_come(monkeypatch, caplog):
    monkeypatch.setattr("cervix_tf.training.hosts.SAY_EVERY", 0.01)
    ports = free_ports(3)
    own, came, late = (f"localhost:{port}" for port in ports)
    with socket.create_server(("localhost", ports[1])):
        waiting = threading.Thread(target=Hosts((came, own, late), 1).gather)
        waiting.start()
        while not caplog.messages:
            time.sleep(0.01)
        assert caplog.messages[0] == f"Waiting for hosts that have not come: {late}"
        with socket.create_server(("localhost", ports[2])):
            waiting.join()
        with pytest.raises(UserError, match=f"Port {ports[1]} .*cannot be used: Address already"):
            Hosts((came, own)).gather()


@pytest.mark.parametrize("name", ["127.0.0.1", "127.0.1.1"])
def test_a_host_that_finds_itself_does_not_wait_for_itself(name):
    (port,) = free_ports(1)
    with pytest.raises(UserError, match=f"^{name}:{port}, another host's address, is this process"):
        Hosts((f"localhost:{port}", f"{name}:{port}")).gather()


def free_ports(count):
    opened = [socket.socket() for _ in range(count)]
    for one in opened:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in opened]
    for one in opened:
        one.close()
    return ports


@pytest.mark.slow
def test_two_hosts_train_as_one_and_one_goes_on_alone(phantoms, recipe, tmp_path, run, monkeypatch):
    """A fit of two processes, of which the second is killed, and gone on with by one."""
    from cervix_tf.runs import load

    small = {
        "name": "cervixnet1",
        "widths": [8, 8, 16],
        "dense": 16,
        "conv_dropout": 0.0,
        "l2": 0.01,
    }
    stages = [{"steps": 9, "batch_norm": "synchronised"}]
    changes = {
        "model": small,
        "stages": stages,
        "optimizer": {**two_devices.SGD, "learning_rate": 0.01},
        "jit": False,
    }
    asked = recipe(**changes, **two_devices.MIXED, validate_every=4, keep="last")
    (tmp_path / "recipe.yaml").write_text(to_yaml(asked))
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    started = []
    for index in (0, 1):
        config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        given = {"said": tmp_path / f"said{index}", "TF_CONFIG": json.dumps(config)}
        started.append(forked(two_hosts.main, tmp_path, phantoms, **given))
    for process in started:
        process.join()
    out, said, silent = (
        (tmp_path / f"said{name}").read_text() for name in ("0.out", "0.err", "1.out")
    )

    assert [process.exitcode for process in started] == [2, -9], said
    (line,) = [line for line in said.splitlines() if not line.startswith("Warning: ")]
    folder = tmp_path / "run"
    assert line == (
        f"Error: The host {cluster['worker'][1]} has gone, and its log says why: go on with "
        f"cervix-tf fit --resume {folder} on the hosts there are."
    )
    assert "step     4" in out  # the chief alone speaks
    assert not silent

    hosts = [list(np.load(tmp_path / f"host{k}.npz").values()) for k in (0, 1)]
    assert two_devices.difference(*hosts) == 0
    shortcuts.bare_fits(monkeypatch)
    with shortcuts.uncompiled():
        assert run("fit", "--resume", folder)[0] == 0
        whole = fit(read_manifest(phantoms), asked, tmp_path / "whole")
    assert load(folder).complete
    assert two_devices.difference(weights(whole), weights(load(folder))) < 1e-5
    losses = [one.history["validation_loss"].dropna() for one in (whole, load(folder))]
    np.testing.assert_allclose(*losses, rtol=0, atol=1e-5)
