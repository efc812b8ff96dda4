import json
import os
import subprocess
import sys

import pytest

from cervix_tf.machine import Finding


@pytest.fixture
def finds(monkeypatch):
    def give(*findings):
        monkeypatch.setattr("cervix_tf.machine.doctor", lambda: list(findings))

    return give


def test_doctor_says_part_by_part_what_to_do(run, finds):
    finds(Finding("fonts", "letters", "none", "install them"), Finding("fonts", "more", "there"))
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "fonts", "  letters  none: install them", "  more     there", "The package can work here.",
    ]  # fmt: skip
    code, out, _ = run("doctor", "--json")
    assert json.loads(out)[0]["mend"] == "install them"


def test_doctor_names_what_is_broken(mistake, finds):
    finds(
        Finding("versions", "numpy", "is\nold", "pip install numpy", True), Finding("a", "b", "c")
    )
    message = mistake("doctor")
    assert message == "Error: The package cannot work here: numpy is old: pip install numpy.\n"


def test_doctor_on_a_poor_machine(tmp_path):
    """Without HOME, cache and TMPDIR to write to, in a folder that is not writable."""
    poor = {"PATH": "/nowhere", "XDG_CACHE_HOME": "/dev/null/cache", "TMPDIR": "/dev/null/tmp"}
    poor["PYTHONPATH"] = os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))
    program = (
        "import sys, cervix_tf.cli as c, cervix_tf.machine.devices as d\n"
        "d.PROGRAM = 'import nowhere'  # TensorFlow takes its time\n"
        "sys.argv = ['cervix-tf', 'doctor']; c.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=poor, cwd="/proc", capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert "Error: The package cannot work here: TensorFlow cannot be imported" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "cannot be told" not in done.stdout
    assert "--cache memory" in done.stdout


@pytest.fixture
def squares(photograph, tmp_path):
    """A cache with one set of two photographs."""
    import pandas as pd

    from cervix_tf.data import prepare
    from cervix_tf.data.manifests import validated

    paths = [photograph(tmp_path / f"in/{k}.jpg", k) for k in range(2)]
    prepare(validated(pd.DataFrame({"path": paths}), "two"), 8, tmp_path / "cache")
    return tmp_path / "cache"


def test_cache_lists_asks_and_removes(run, mistake, squares, monkeypatch):
    words = ("cache", "--cache", squares)
    code, out, _ = run(*words)
    assert code == 0
    assert str(squares.parent / "in") in out
    assert "1 set," in out
    assert "Nothing to remove." in run(*words, "--prune", 1)[1]
    assert "Nothing to remove." in run(*words, "--prune", 0, "--keep", squares.parent / "in")[1]
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert "Would remove 1 set," in run(*words, "--prune", 0)[1]
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda question: False)
    run(*words, "--prune", 0)
    assert list(squares.glob("*.npy"))
    monkeypatch.setattr("typer.confirm", lambda question: True)
    assert "Removed 1 set," in run(*words, "--prune", 0)[1]
    assert not list(squares.glob("*.npy"))
    assert "nothing says what" in mistake(*words, "--yes")
    assert "nofolder is no folder" in mistake("cache", "--cache", "nofolder")
    code, out, _ = run("cache")
    assert "TensorFlow Hub, which is not pruned" in out
