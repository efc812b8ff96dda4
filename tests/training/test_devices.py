import json
from types import SimpleNamespace

import pytest

from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.recipes import load_recipe
from cervix_tf.training import crossfit, fit
from cervix_tf.training.devices import Devices, devices_of
from cervix_tf.training.hosts import Hosts
from tests.planted import two_devices
from tests.planted.forks import forked


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What a process with two logical CPU devices finds."""
    folder = tmp_path_factory.mktemp("two")
    process = forked(two_devices.main, folder, said=folder / "said")
    process.join()
    assert process.exitcode == 0, (folder / "said.err").read_text()[-3000:]
    return json.loads((folder / "said.out").read_text().splitlines()[-1])


@pytest.mark.slow
def test_two_devices_train_as_one(two):
    """20 steps with MixUp, CutMix, L2, clipping, averages and layer decay, BatchNorm synchronised."""
    assert two["weights"] < 1e-5
    assert two["losses"] < 1e-5


@pytest.mark.slow
def test_batch_norm_is_each_devices_own_unless_synchronised(two):
    assert two["apart"] > 1e-4


@pytest.mark.slow
def test_random_numbers_are_counted_as_on_one_device(two):
    assert two["counter"] == [3, 1]


@pytest.mark.slow
def test_a_run_begun_on_two_devices_goes_on_on_one(two):
    assert two["resumed"] < 1e-5


@pytest.mark.slow
def test_devices_are_counted_or_named(two):
    assert two["counts"] == [1, 1, 2, 1, 2, 2, 2, 2, 1]
    assert two["second"].endswith("CPU:1")
    assert two["missing"] == [
        f"devices {asked}: there is no device 2 here, but 2 (CPU:0, CPU:1)." for asked in ("0,2", 3)
    ]
    assert two["uneven"].startswith("batch_size 7 cannot be shared equally by 2 devices: ")
    assert two["compiled"] == "jit: true is for one device: leave it out, or give --devices 1."


@pytest.mark.parametrize(
    "asked", ["0", "gpu", "0,0", "0,00", "0,gpu", "", "1.5", "-1", "\u0661", "9" * 5000]
)
def test_what_names_no_devices_is_refused(asked):
    with pytest.raises(UserError, match=f"^devices {asked}: give "):
        devices_of(asked)


def test_more_devices_than_a_list_can_hold():
    with pytest.raises(UserError, match=r"^devices 999999999999: there is no device 1 here"):
        devices_of("999999999999")


def test_xla_on_two_hosts_of_one_device_each():
    hosts = Devices(SimpleNamespace(num_replicas_in_sync=2), hosts=Hosts(("a:1", "b:1"), 0))
    asked = {"model": {"name": "cervixnet1"}, "jit": True}
    hosts.check(load_recipe({**asked, "stages": [{"steps": 1}]}))
    with pytest.raises(UserError, match="^jit: true does not go with batch_norm: synchronised"):
        hosts.check(load_recipe({**asked, "stages": [{"batch_norm": "synchronised", "steps": 1}]}))


@pytest.mark.parametrize("verb", [fit, crossfit])
def test_a_device_that_is_not_there_ends_before_anything_is_written(
    verb, phantoms, recipe, tmp_path
):
    with pytest.raises(UserError, match=r"^devices 7: there is no device 1 here, but 1 \(CPU:0\)"):
        verb(read_manifest(phantoms), recipe(), tmp_path / "out", devices=7)
    assert not list(tmp_path.iterdir())
