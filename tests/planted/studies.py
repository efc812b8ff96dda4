"""Simulated studies of patients, whose true figures are known, and what an interval makes of them.

A patient has one class, 1 to 6 photographs, and a deviation that these share.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from cervix_tf.evaluation import measures
from cervix_tf.evaluation.intervals.bootstrap import draws, numbered, resample
from cervix_tf.evaluation.intervals.grouped import gain_intervals, intervals
from cervix_tf.evaluation.report.wording import BY_CLASS, NAMES

SHOWN = {
    **NAMES,
    **BY_CLASS,
    "actual": "actual share",
    "predicted": "predicted share",
    "confusion": "confusion matrix, shares of the true class",
    "bin_accuracy": "accuracy by bin of confidence",
    "gain log_loss": "log loss below prior's",
    "gain accuracy": "accuracy above prior's",
}
LEAST = 0.01  # of the photographs: bins that hold fewer are passed over


@dataclass(frozen=True)
class World:
    """How plainly the class shows in a photograph, and what the classifier makes of it."""

    shares: tuple[float, ...] = (0.2, 0.5, 0.3)
    signal: float = 1.2
    shared: float = 0.8  # standard deviation between patients
    own: float = 0.5  # and between the photographs of one
    sharpness: float = 1.0
    calibrated: bool = False

    def patients(self, rng, number):
        """Groups, labels and probabilities of so many patients."""
        group = np.repeat(np.arange(number), rng.integers(1, 7, number))
        label = rng.choice(len(self.shares), number, p=self.shares)[group]
        shape = (number, len(self.shares))
        seen = self.signal * np.eye(shape[1])[label] + self.shared * rng.normal(size=shape)[group]
        seen += self.own * rng.normal(size=seen.shape)
        if not self.calibrated:
            return group, label, np.exp(self.sharpness * seen)
        variance = self.shared**2 + self.own**2  # Bayes' rule: no better is known of a photograph
        return group, label, np.exp(self.signal / variance * seen) * self.shares

    def truth(self, number=400_000):
        """What the figures of very many patients are."""
        _, label, share = self.patients(np.random.default_rng(10**6), number)
        true = figures(label, share, self.prior(label))
        true["bin_accuracy"][true["bins"] < LEAST * len(label)] = np.nan
        return {**true, "ece": 0.0} if self.calibrated else true

    def prior(self, label):
        """The classes' true shares, for each photograph."""
        return np.tile(self.shares, (len(label), 1))


WORLDS = {
    "usual": World(),
    "strong": World(signal=4.2, shared=1.3, own=0.8),
    "near chance": World(signal=0.1),
    "calibrated, rare class": World((0.17, 0.53, 0.3), calibrated=True),
    "overconfident": World((0.17, 0.53, 0.3), signal=1.6, own=0.6, sharpness=3.0),
}


def study(world, true, number, naive, resamples, seed):
    """For each figure whether its interval holds the truth, how wide it is, and likewise percentiles."""
    group, label, share = world.patients(np.random.default_rng([seed, number]), number)
    units = np.arange(len(group)) if naive else group
    prior = world.prior(label)
    ends, _ = intervals(label, share, units, seed, resamples)
    gained = gain_intervals(label, share, prior, units, seed, resamples)
    ends |= {f"gain {name}": pair for name, pair in gained.items()}
    code = numbered(units)
    values = resample(code, draws(code, seed, resamples), partial(figures, label, share, prior))
    result = {}
    for name in SHOWN:
        defined = ~np.isnan(ends[name][..., 0]) & ~np.isnan(true[name])
        plain = np.full_like(ends[name], np.nan)
        drawn = values[name][:, defined]
        percentile = (
            np.nanpercentile if np.isnan(drawn).any() else np.percentile
        )  # five times faster
        plain[defined] = percentile(drawn, [2.5, 97.5], axis=0).T
        result[name] = [_judged(pair, true[name], defined) for pair in (ends[name], plain)]
    return result


def figures(label, share, prior, weights=None):
    """All figures of one study, or of its resamples."""
    found = measures(label, share, weights)
    drawn = np.ones((1, len(label))) if weights is None else weights
    given = prior[np.arange(len(label)), label]
    loss, right = (
        drawn @ each / drawn.sum(axis=1) for each in (-np.log(given), given == prior.max(axis=1))
    )
    gain = {
        "gain log_loss": loss - found["log_loss"],
        "gain accuracy": found["accuracy"] - right,
    }
    with np.errstate(invalid="ignore"):
        found["confusion"] = found["confusion"] / found["confusion"].sum(axis=2, keepdims=True)
    found = {**found, **gain, "bins": found["bin_weight"]}
    return found if weights is not None else {name: value[0] for name, value in found.items()}


def _judged(pair, value, defined):
    held = (pair[..., 0] <= value + 1e-12) & (value - 1e-12 <= pair[..., 1])
    return np.where(defined, held, np.nan), np.where(defined, pair[..., 1] - pair[..., 0], np.nan)
