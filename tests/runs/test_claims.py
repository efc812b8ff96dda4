import signal
import subprocess
import sys

import pytest

from cervix_tf.errors import UserError
from cervix_tf.runs.claims import LOCK, claimed, is_claimed

PROGRAM = """
import sys
from pathlib import Path
from cervix_tf.runs.claims import claimed
with claimed(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_one_process_trains_in_a_folder_and_its_lock_ends_with_it(tmp_path):
    folder = tmp_path / "runs/race"
    other = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout.readline() == b"mine\n"
        with pytest.raises(UserError, match="race is being trained by another process"):
            claimed(folder).__enter__()
        other.send_signal(signal.SIGSTOP)
        assert is_claimed(folder)
    finally:
        other.kill()
        other.communicate()
    assert (folder / LOCK).exists(), "the killed process could not take it away"
    assert not is_claimed(folder)
    with claimed(folder):
        pass
    assert not folder.exists(), "nothing was written"


def test_a_run_stays_and_its_lock_goes(tmp_path):
    with claimed(tmp_path / "run"):
        (tmp_path / "run/recipe.yaml").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["recipe.yaml"]
