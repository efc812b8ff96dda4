import re
import shutil

import pandas as pd
import pytest

from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.training import search
from tests.planted import shortcuts

pytest.importorskip("optuna")
VALUES = re.compile(r'"values": ?\[[0-9.e-]+')


@pytest.fixture(scope="module")
def made(phantoms, recipe, tmp_path_factory):
    """A search of two trials, which ended."""
    folder = tmp_path_factory.mktemp("studies") / "made"
    given = {
        "manifest": read_manifest(phantoms),
        "recipe": recipe(stages=[{"train": "all", "steps": 2}]),
        "space": {"optimizer.learning_rate": [1e-3, 1e-2]},
        "cache": "memory",
    }
    with pytest.MonkeyPatch.context() as patch, shortcuts.uncompiled():
        shortcuts.bare_fits(patch)
        return folder, given, search(study=folder, **given)


@pytest.fixture
def again(made, tmp_path):
    """A copy of the study, and the same search in it."""
    folder, given, table = made
    copy = shutil.copytree(folder, tmp_path / "study")
    return copy, lambda: search(study=copy, **given), table


def altered(study, change):
    journal = study / "journal.log"
    journal.write_text("".join(map(change, journal.read_text().splitlines(keepends=True))))


def untold(line):
    """The journal without the end of trial 0, as after a kill just before it was told."""
    return "" if VALUES.search(line) and re.search('"trial_id": ?0', line) else line


def test_another_figure_than_the_runs_is_refused(again):
    study, search_again, _ = again
    altered(study, lambda line: VALUES.sub('"values":[0.0123', line))
    with pytest.raises(
        UserError, match=r"journal\.log says log_loss 0\.0123 of trial 0, .*000/metr"
    ):
        search_again()
    shutil.rmtree(study / "trials/000")
    shutil.rmtree(study / "trials/001")
    assert (search_again()["log_loss"] == 0.0123).all(), "no run is there to tell another"


def test_other_values_than_the_runs_are_refused(again):
    study, search_again, _ = again
    altered(study, lambda line: re.sub(r'("param_value_internal": ?)0', r"\g<1>1", line))
    with pytest.raises(UserError, match=r"trials/00\d was run with other settings: bring back"):
        search_again()


def test_another_trials_run_is_not_gone_on_with(again):
    study, search_again, _ = again
    altered(study, untold)
    shutil.rmtree(study / "trials/000")
    shutil.copytree(study / "trials/001", study / "trials/000")
    with pytest.raises(UserError, match=r"trials/000 was run with other settings: .* of trial 0"):
        search_again()


def test_a_run_of_other_photographs_is_not_gone_on_with(again):
    study, search_again, table = again
    altered(study, untold)
    run = study / "trials/000"
    whole = (run / "environment.json").read_text()
    changed = re.sub(r'("data_fingerprint": ")..', r"\1__", whole)
    (run / "environment.json").write_text(changed)
    (run / "files.json").unlink()
    with pytest.raises(UserError, match=r"trials/000 was run on other photographs"):
        search_again()
    (run / "environment.json").write_text(whole)
    columns = ["trial", "state", "log_loss", "accuracy"]
    pd.testing.assert_frame_equal(search_again()[columns], table[columns])
