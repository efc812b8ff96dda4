"""A study: trials of one search in a folder, shared by several processes, whole after any kill."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from filelock import FileLock, Timeout

from cervix_tf.errors import UserError
from cervix_tf.files import disk_errors, write_text
from cervix_tf.recipes import Range, Space

try:
    import optuna
except ImportError as error:
    raise UserError("A search needs Optuna: pip install 'cervix-tf[tune]'.") from error

from optuna import distributions
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState

SAMPLERS = ("grid", "random", "tpe")


class _JournalLock(JournalFileOpenLock):
    """The lock of the journal, which the system releases when its holder is killed.

    A kill while a line is being written leaves half a line; who locks next takes it away. Optuna's own
    locks outlive a kill, and every reader of a journal with half a line inside it ends with an error.
    """

    def __init__(self, journal: Path):
        self.journal, self.lock = journal, FileLock(journal.with_suffix(".lock"))

    def acquire(self) -> bool:
        self.lock.acquire()
        if self.journal.is_file() and (size := self.journal.stat().st_size):
            with self.journal.open("rb+") as file:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    file.seek(0)
                    file.truncate(file.read().rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        self.lock.release()


@dataclass
class Claim:
    """A trial that this process runs; no other does while it holds the lock.

    Attributes:
        trial: Optuna's trial.
        values: The value of every key of the space.
        lock: Released when the trial has ended, also by a kill.
    """

    trial: optuna.Trial
    values: dict
    lock: FileLock


class Study:
    """The trials of one search.

    A trial is claimed under the study's lock and has a lock of its own, held by the process that runs
    it. A trial that is running by the journal and whose lock is free was killed: the next process that
    looks for work goes on with it, under its number, in its folder, with its values.

    Args:
        folder: Where the study lies; made if missing.
        space: What varies.
        same: What must be the same whenever the study is opened: its text is kept in `study.yaml`.
    """

    def __init__(self, folder: Path, space: Space, same: Mapping):
        self.folder, self.space = folder, space
        with disk_errors(folder):
            (folder / "locks").mkdir(parents=True, exist_ok=True)
        self.lock = FileLock(folder / "study.lock")
        self.distributions = {key: _distribution(space, key) for key in space.space}
        with self.lock:
            _same(folder / "study.yaml", dict(same))
            optuna.logging.set_verbosity(optuna.logging.WARNING)
            journal = folder / "journal.log"
            backend = JournalFileBackend(str(journal), lock_obj=_JournalLock(journal))
            self.optuna = optuna.create_study(
                storage=optuna.storages.JournalStorage(backend),
                study_name="study",
                load_if_exists=True,
                direction="minimize",
            )

    def enqueue_grid(self, trials: int | None, seed: int) -> int:
        """Queue what the study lacks of the grid, or of `trials` of it, in an order drawn by `seed`.

        Returns how many trials the study is to have.
        """
        grid = self.space.grid()
        order = np.random.default_rng(seed).permutation(len(grid))[:trials]
        with self.lock:
            for number in order:
                self.optuna.enqueue_trial(grid[number], skip_if_exists=True)
            return len(self.optuna.get_trials(deepcopy=False))

    def claim(self, sampler: str, trials: int, seed: int) -> Claim | None:
        """Take the next trial: one whose process was killed, a queued one, a new one, or none is left.

        `grid` adds no trial to the queued ones; `seed` draws a trial's values together with its number,
        whichever process claims it.
        """
        with self.lock, warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            every = self.optuna.get_trials(deepcopy=False)
            for frozen in every:
                if frozen.state == TrialState.RUNNING and (lock := self._lock_of(frozen.number)):
                    self.optuna.sampler = _sampler(sampler, seed, frozen.number)
                    return self._claimed(optuna.Trial(self.optuna, frozen._trial_id), lock)
            waiting = any(frozen.state == TrialState.WAITING for frozen in every)
            started = sum(frozen.state != TrialState.WAITING for frozen in every)
            if started >= trials or (sampler == "grid" and not waiting):
                return None
            self.optuna.sampler = _sampler(sampler, seed, len(every))
            trial = self.optuna.ask()
            lock = self._lock_of(trial.number)
            assert lock is not None, "a new trial has no other owner"
            return self._claimed(trial, lock)

    def _claimed(self, trial: optuna.Trial, lock: FileLock) -> Claim:
        values = {k: trial._suggest(k, kind) for k, kind in self.distributions.items()}
        return Claim(trial, values, lock)

    def _lock_of(self, number: int) -> FileLock | None:
        lock = FileLock(self.folder / "locks" / f"{number:03d}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return None
        return lock


def _distribution(space: Space, key: str) -> distributions.BaseDistribution:
    values = space.space[key]
    if not isinstance(values, Range):
        return distributions.CategoricalDistribution(space.choices(key))
    if values.whole:
        return distributions.IntDistribution(int(values.low), int(values.high), log=values.log)
    return distributions.FloatDistribution(values.low, values.high, log=values.log)


def _sampler(name: str, seed: int, number: int) -> optuna.samplers.BaseSampler:
    """The sampler of one trial: with one seed for all, two processes would draw the same values."""
    seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    return optuna.samplers.RandomSampler(seed=seed)


def _same(path: Path, same: dict) -> None:
    """Write what a study begins with, or refuse another search in its folder."""
    if not path.is_file():
        if {other.name for other in path.parent.iterdir()} - {"locks", "study.lock"}:
            raise UserError(f"{path.parent} holds other things: choose another --study folder.")
        write_text(path, yaml.safe_dump(same, sort_keys=False, default_flow_style=None))
        return
    before = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key, value in same.items():
        if before.get(key) != yaml.safe_load(yaml.safe_dump(value)):
            raise UserError(
                f"{path.parent} holds a search with another {key}: choose another --study folder."
            )
