"""Who may go on with whose work: kills here, silence elsewhere, and races between those who look."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cervix_tf.training import leases
from cervix_tf.training.leases import BEAT, GRACE, Lease, LeaseLost
from tests.planted.damages import DAMAGES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clock(monkeypatch):
    """The clock of the process that looks, which stands until it is put on."""
    clock = SimpleNamespace(now=1000.0)
    fake = SimpleNamespace(monotonic=lambda: clock.now, sleep=time.sleep)
    monkeypatch.setattr(leases, "time", fake)
    return clock


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """A lease that another machine holds."""
    with monkeypatch.context() as patch:
        patch.setattr(leases, "_machine", lambda: "another")
        held = Lease(tmp_path / "lease")
        assert held.take()
    return held


def test_one_has_it_until_it_is_released(tmp_path):
    one, two = Lease(tmp_path / "lease"), Lease(tmp_path / "lease")
    assert one.take()
    assert not two.take()
    assert not one.take()
    one.check()
    one.release()
    assert two.take()
    assert len(list((tmp_path / "lease").iterdir())) == 1


def test_threads_take_turns(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count():
        lease = Lease(tmp_path / "lease")
        for _ in range(20):
            with lease:
                before = int(counter.read_text())
                time.sleep(0)
                counter.write_text(str(before + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.read_text() == "80"


def test_a_process_killed_on_this_machine_is_known_at_once(tmp_path):
    program = (
        "import sys, pathlib, time; from cervix_tf.training.leases import Lease\n"
        "assert Lease(pathlib.Path(sys.argv[1])).take(); print('held', flush=True); time.sleep(600)"
    )
    lease, words = Lease(tmp_path / "lease"), [sys.executable, "-c", program, tmp_path / "lease"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout.readline() == b"held\n"
        assert not lease.take()
        process.send_signal(signal.SIGKILL)
        # It has ended, and stays as a zombie, since nobody has asked for its exit code.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert lease.take()


def test_silence_elsewhere_is_waited_for(elsewhere, clock, tmp_path):
    lease, text = Lease(tmp_path / "lease"), elsewhere._file.read_text()
    for beat in range(1, 30):  # it lives: its signs are less than GRACE apart
        assert not lease.take()
        clock.now += GRACE - BEAT
        if beat % 7 == 0:
            leases._overwrite(elsewhere._file, text.replace('"00000000"', f'"{beat:08d}"'))
    looks = 0
    while not lease.take():
        clock.now += BEAT
        looks += 1
        assert looks < 100
    assert looks == pytest.approx(GRACE / BEAT, abs=1.5)
    with pytest.raises(LeaseLost):
        elsewhere.check()
    elsewhere.release()
    lease.check()
    assert not Lease(tmp_path / "lease").take()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_lease_is_silence(elsewhere, clock, tmp_path, damage):
    text = DAMAGES[damage](elsewhere._file.read_bytes())
    elsewhere._file.write_bytes(text)
    lease, looks = Lease(tmp_path / "lease"), 0
    while not lease.take():
        clock.now += BEAT
        looks += 1
        assert looks < 100
    assert looks >= GRACE // BEAT, "its holder may live"


def test_a_long_pause_of_who_looks_is_no_silence(elsewhere, clock, tmp_path):
    lease = Lease(tmp_path / "lease")
    for _ in range(4):  # as when the disk, or both machines, stood still
        assert not lease.take()
        clock.now += 100 * GRACE


def test_who_looked_long_ago_does_not_get_what_others_have_since(tmp_path, monkeypatch):
    late, quick, now = (Lease(tmp_path / "lease") for _ in range(3))
    assert quick.take()
    quick.release()

    def meanwhile(file):
        assert file.name == "1"
        for lease in (quick, now):
            monkeypatch.undo()
            assert lease.take()
            if lease is quick:
                lease.release()
        return True

    monkeypatch.setattr(late, "_is_free", meanwhile)
    assert not late.take()
    now.check()
    assert not late.take()
    assert [path.name for path in (tmp_path / "lease").iterdir()] == ["3"]


def test_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "BEAT", 0.005)
    lease = Lease(tmp_path / "lease")
    assert lease.take()
    before, ends = lease._file.read_text(), time.monotonic() + 60
    while lease._file.read_text() in ("", before):
        assert time.monotonic() < ends
    lease._file.unlink()  # another has taken over
    lease._thread.join(60)
    assert not lease._thread.is_alive()
    assert not list((tmp_path / "lease").iterdir())
