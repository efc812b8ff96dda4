"""Trials in a database: a real PostgreSQL server, kills, and what a user can get wrong."""

import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from cervix_tf.errors import UserError
from cervix_tf.recipes import load_space
from cervix_tf.runs import provenance
from tests.planted import postgres
from tests.planted.forks import forked

pytest.importorskip("optuna")
from cervix_tf.training import leases
from cervix_tf.training import study as studies
from cervix_tf.training.storages import Database
from cervix_tf.training.study import Study

SPACE = {"optimizer.learning_rate": [1e-3, 1e-2, 3e-2], "model.l2": [0.0, 1e-4]}
QUICK = {"BEAT": 0.2, "GRACE": 3.0}  # seconds


@pytest.fixture(scope="module")
def url():
    """The URL of a database of a server that runs for these tests."""
    if postgres.binaries() is None:
        pytest.skip("PostgreSQL's initdb is not installed here")
    pytest.importorskip("psycopg")
    with postgres.server() as url:
        yield url


def run_trials(folder, url, log, name, die=False):
    """Go through a search whose trials only write down that they ran."""
    study = Study(Path(folder), load_space(SPACE), {}, Database(url))
    wanted = study.enqueue_grid(None, seed=0)
    for count, claim in enumerate(study.claims("grid", wanted, 0)):
        with Path(log).open("a") as file:
            file.write(f"{claim.trial.number} {name}\n")
        if die and count == 1:
            signal.raise_signal(signal.SIGKILL)
        time.sleep(0.05)
        study.tell(claim, sum(claim.values.values()))
        claim.lease.release()
    return study


def run_trials_elsewhere(folder, url, log, name):
    """The same as if this process were on a machine of that name."""
    leases._machine = lambda: name
    studies.WAIT = 0.1
    vars(leases).update(QUICK)
    run_trials(folder, url, log, name, die=name == "first")


@pytest.mark.slow
def test_a_machine_dies_in_the_middle_of_a_trial(url, tmp_path):
    """Two processes that know nothing of each other's numbers, one killed in its second trial."""
    folder, log = tmp_path / "study", tmp_path / "log"

    def begun(name):
        return forked(run_trials_elsewhere, folder, url, log, name, said=tmp_path / name)

    first = begun("first")
    while not log.exists():
        assert first.is_alive()
        time.sleep(0.02)
    second = begun("second")
    for process in (first, second):
        process.join()
    assert second.exitcode == 0, (tmp_path / "second.err").read_text()[-2000:]
    assert first.exitcode == -signal.SIGKILL
    trials = Study(folder, load_space(SPACE), {}, Database(url)).optuna.trials
    assert [trial.number for trial in trials] == list(range(6)), "none is lost"
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    assert len({tuple(trial.params.values()) for trial in trials}) == 6
    ran = pd.read_csv(log, sep=" ", names=["trial", "who"])
    (dead,) = ran["trial"][ran["who"] == "first"].iloc[1:]
    assert sorted(ran["trial"]) == sorted([*range(6), dead]), "none is run twice but that one"
    assert ran["who"][ran["trial"] == dead].tolist() == ["first", "second"]


def test_one_database_many_studies(url, tmp_path):
    one, two = (
        Study(tmp_path / name / "study", load_space(SPACE), {}, Database(url)) for name in "ab"
    )
    assert one.enqueue_grid(2, seed=0) == 2
    assert two.enqueue_grid(4, seed=0) == 4
    with pytest.raises(UserError, match="another recipe: choose another --study"):
        Study(tmp_path / "a/study", load_space(SPACE), {"recipe": 1}, Database(url))
    for database in (None, Database(f"sqlite:///{tmp_path}/other.db")):
        with pytest.raises(
            UserError, match=r"trials are in postgresql://127.0.0.1:\d+/postgres: give"
        ):
            Study(tmp_path / "a/study", load_space(SPACE), {}, database)
    text = (tmp_path / "a/study/study.yaml").read_text()
    assert postgres.ESCAPED not in text
    assert "searcher" not in text


def test_trials_that_the_storage_lacks(tmp_path):
    study = Study(tmp_path / "study", load_space(SPACE), {})
    study.claim("random", 1, 0)
    (tmp_path / "study/trials").mkdir()
    Study(tmp_path / "study", load_space(SPACE), {})
    (tmp_path / "study/journal.log").unlink()
    with pytest.raises(UserError, match="are not in its journal any more"):
        Study(tmp_path / "study", load_space(SPACE), {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("s3cret", "wr0ng"), "password authentication failed for user"),
        (("/postgres", "/others"), 'database "others" does not exist'),
        (("127.0.0.1", "nowhere.invalid"), "postgresql://nowhere.invalid:.*resolve"),
    ],
)
def test_a_server_that_refuses(url, tmp_path, change, message):
    database = Database(url.replace(*change))
    with pytest.raises(UserError, match=message) as caught, database.errors():
        Study(tmp_path / "study", load_space(SPACE), {}, database)
    assert not (tmp_path / "study/study.yaml").exists(), "another URL may follow"
    words = str(caught.value)
    assert "\n" not in words
    assert not any(
        secret in words for secret in (postgres.PASSWORD, postgres.ESCAPED, "cret", "wr0ng")
    )


def test_a_server_that_goes_away(tmp_path):
    if postgres.binaries() is None:
        pytest.skip("PostgreSQL's initdb is not installed here")
    with postgres.server() as url:
        database = Database(url)
        study = Study(tmp_path / "study", load_space(SPACE), {}, database)
    with pytest.raises(UserError, match="give the same command again") as caught, database.errors():
        study.enqueue_grid(None, seed=0)
    assert "\n" not in str(caught.value)


def opened(url):
    database = Database(url)
    with database.errors():
        return database.open()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("journal.log", "is not the URL of a database"),
        ("", "is not the URL of a database"),
        ("foo://u:hidden@host/x", "no database 'foo'"),
        ("mysql+nodriver://u:hidden@host/x", "no database 'mysql.nodriver'"),
        ("oracle://u:hidden@host/x", "oracle://host/x needs a driver"),
        ("postgresql://u:hid@den/2@host/x", "write %40"),
        ("postgresql://u:hidden@host:abc/x", "host:abc|is not the URL"),
        ("postgresql://u:hidden@127.0.0.1:1/x", "127.0.0.1:1/x: .*refused"),
        ("sqlite:////nowhere/at/all/x.db", "unable to open database file"),
        ("sqlite://", "trials in memory would end with the process: name a file"),
        ("sqlite:///:memory:", "trials in memory"),
        ("sqlite:///file:x?mode=memory&uri=true", "trials in memory"),
    ],
)
def test_urls_that_do_not_work(url, message):
    with pytest.raises(UserError, match=message) as caught:
        opened(url)
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("table", ["studies", "trials"])
def test_a_database_of_other_tables(tmp_path, table):
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute(f"create table {table} (name text)")
    database = Database(f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(UserError, match=f"other.db: .*{table}") as caught, database.errors():
        Study(tmp_path / "study", load_space(SPACE), {}, database)
    assert "\n" not in str(caught.value)
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["locks"]
    Study(tmp_path / "study", load_space(SPACE), {})


def test_without_its_driver(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UserError, match=r"pip install 'cervix-tf\[postgres\]'"):
        Database("postgresql://host/x").open()


def test_no_password_in_what_a_run_says_of_its_command(monkeypatch):
    for url in ("postgresql://me:a@b/c@host/db", "postgresql://me@host/db?password=a@b/c&x=1"):
        monkeypatch.setattr(
            sys, "argv", ["/bin/cervix-tf", "search", "--storage", url, "--seed", "1"]
        )
        command = provenance.without_passwords(" ".join(sys.argv))
        assert "b/c" not in command
        assert command.endswith("--seed 1")
        assert "host/db" in command
