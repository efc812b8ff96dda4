"""A study: trials of one search in a folder, shared by several processes, whole after any kill."""

import logging
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from cervix_tf.errors import UserError, listed
from cervix_tf.files import disk_errors, write_text
from cervix_tf.recipes import Range, Space
from cervix_tf.recipes.yaml_text import loaded
from cervix_tf.runs import Run
from cervix_tf.runs.claims import is_claimed
from cervix_tf.runs.file_shapes import check_object, reading
from cervix_tf.training.leases import Lease, check_ours
from cervix_tf.training.storages import Database, journal, optuna

distributions, TrialState = optuna.distributions, optuna.trial.TrialState
log = logging.getLogger(__name__)
WAIT = 1.0  # seconds between two looks at trials that other processes run
SAMPLERS = ("grid", "random", "tpe")


@dataclass
class Claim:
    """A trial that this process runs; no other does while it holds the lease.

    Attributes:
        trial: Optuna's trial.
        values: The value of every key of the space.
        lease: Released when the trial has ended; another process takes over when this one was killed.
    """

    trial: optuna.Trial
    values: dict
    lease: Lease


class Study:
    """The trials of one search.

    A trial is claimed under the study's lease and has a lease of its own, held by the process that runs
    it. A trial that is running by the storage and whose lease is free was killed: the next process that
    looks for work goes on with it, under its number, in its folder, with its values.

    Args:
        folder: Where the study lies, on a disk that all its processes share; made if missing.
        space: What varies.
        same: What must be the same whenever the study is opened: its text is kept in `study.yaml`.
        database: Where Optuna keeps the trials; by default in a journal in the folder.

    Attributes:
        where: The storage, as it may be shown.

    Raises:
        UserError: The folder holds another search, or the database lacks the folder's trials.
    """

    def __init__(self, folder: Path, space: Space, same: Mapping, database: Database | None = None):
        self.folder, self.space = folder, space
        check_ours(folder, "study.yaml", {"locks"}, "--study")
        with disk_errors(folder):
            (folder / "locks").mkdir(parents=True, exist_ok=True)
        self.lock = Lease(folder / "locks" / "study")
        self.leases: dict[int, Lease] = {}  # kept, for they watch their holders
        self.distributions = {key: _distribution(space, key) for key in space.space}
        with self.lock:
            optuna.logging.set_verbosity(optuna.logging.WARNING)
            storage = database.open() if database else None  # may fail, and leave nothing behind
            shown = database.shown if database else None
            path = folder / "journal.log"
            self.where = shown or str(path)
            begun = folder / "study.yaml"
            new = not begun.exists()
            name = _same(begun, {**same, "storage": shown})
            try:
                with nullcontext() if database else reading(path), disk_errors(path):
                    self.optuna = optuna.create_study(
                        storage=storage or journal(folder),
                        study_name=name if database else "study",
                        load_if_exists=True,
                        direction="minimize",
                    )
                    trials = self.optuna.get_trials(deepcopy=False)
            except Exception:
                if new and database:  # whose tables may be something else's: another URL may follow
                    begun.unlink()
                raise
            if (folder / "trials").exists() and not trials:
                raise UserError(
                    f"The trials of {folder} are not in {shown or 'its journal'} "
                    "any more: bring them back, or choose another --study folder."
                )

    def run(self, number: int) -> Run:
        """Where the run of a trial lies, or will."""
        return Run(self.folder / "trials" / f"{number:03d}")

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
                if frozen.state == TrialState.RUNNING and (lease := self._leased(frozen.number)):
                    self.optuna.sampler = _sampler(sampler, seed, frozen.number)
                    return self._claimed(optuna.Trial(self.optuna, frozen._trial_id), lease)
            waiting = any(frozen.state == TrialState.WAITING for frozen in every)
            started = sum(frozen.state != TrialState.WAITING for frozen in every)
            if started >= trials or (sampler == "grid" and not waiting):
                return None
            self.optuna.sampler = _sampler(sampler, seed, len(every))
            trial = self.optuna.ask()
            lease = self._leased(trial.number)
            assert lease is not None, "a new trial has no other owner"
            return self._claimed(trial, lease)

    def claims(self, sampler: str, trials: int, seed: int) -> Iterator[Claim]:
        """Claim trials until all are over: a process that runs one may be killed."""
        told = False
        while True:
            if claim := self.claim(sampler, trials, seed):
                told = False
                yield claim
                continue
            every = self.optuna.get_trials(deepcopy=False)
            running = [t.number for t in every if t.state == TrialState.RUNNING]
            if not running:
                return
            if not told:
                log.info(f"waiting for other processes' trials: {listed(running)}")
                told = True
            time.sleep(WAIT)

    def tell(
        self, claim: Claim, value: float | None = None, state: optuna.trial.TrialState | None = None
    ) -> None:
        """End a trial, unless another process has taken it over.

        Raises:
            LeaseLost: One has.
        """
        with self.lock:  # under which trials are taken over
            claim.lease.check()
            self.optuna.tell(claim.trial, value, state)

    def _claimed(self, trial: optuna.Trial, lease: Lease) -> Claim:
        values = {k: trial._suggest(k, kind) for k, kind in self.distributions.items()}
        return Claim(trial, values, lease)

    def _leased(self, number: int) -> Lease | None:
        folder = self.folder / "locks" / f"{number:03d}"
        lease = self.leases.setdefault(number, Lease(folder))
        # A process that is stopped gives no sign of life, but the run is still its own.
        return None if is_claimed(self.run(number).folder) or not lease.take() else lease


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


def _same(path: Path, same: dict) -> str:
    """Write what a study begins with, or refuse another search in its folder; the study's own name."""
    if not path.is_file():
        name = f"{path.parent.resolve().name}-{uuid.uuid4().hex[:8]}"  # one of many in a database
        text = yaml.safe_dump({**same, "name": name}, sort_keys=False, default_flow_style=None)
        write_text(path, text)
        return name
    with reading(path):
        before = loaded(path.read_text(encoding="utf-8"))
    check_object(path, before, {"name": str})  # the last that was written
    if before.get("storage") != same["storage"]:
        raise UserError(
            f"{path.parent} holds a search whose trials are in {before.get('storage') or 'its journal'}: "
            + ("give that --storage." if before.get("storage") else "leave out --storage.")
        )
    for key, value in same.items():
        if before.get(key) != yaml.safe_load(yaml.safe_dump(value)):
            raise UserError(
                f"{path.parent} holds a search with another {key}: choose another --study folder."
            )
    return before["name"]
