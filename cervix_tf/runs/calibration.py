"""Probabilities as sure as they deserve to be: a slope and offsets for the log probabilities.

A network that has learned its training photographs by heart is too sure of others. One number, the
temperature, mends most of it (Guo et al. 2017, "On Calibration of Modern Neural Networks"). It is fitted
here by log loss on photographs that the network did not train on, patients counting as one observation
each, and shrunk, so that with few patients the probabilities tend to the class shares.
"""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

LEAST = 1e-12  # a probability of 0 has no logarithm
SPREAD = 3.0  # prior standard deviation of the calibrated logits' spread: 3 is a class at 95 %
SHIFT = 0.5  # prior standard deviation of an offset that moves a class' share


@dataclass(frozen=True)
class Calibration:
    """What makes of a network's probabilities p calibrated ones: softmax(slope log p + offsets).

    Attributes:
        slope: 1 divided by the temperature; below 1 the network is too sure, at 0 it says nothing.
        offsets: For each class, in nats; they hold the class shares, and undo those of the training.
        photographs: How many it was fitted on.
        groups: Of how many groups (patients) these were.
        shifted: Whether the class shares were fitted too, which is done where it pays.

    Example:
        >>> Calibration(0.5, (0.0, 0.0, 0.0), 60, 20)(np.array([[0.9, 0.09, 0.01]])).round(2)
        array([[0.7 , 0.22, 0.07]])
    """

    slope: float
    offsets: tuple[float, ...]
    photographs: int
    groups: int
    shifted: bool = False

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Calibrate probabilities (N, classes)."""
        logits = self.slope * np.log(np.maximum(probabilities, LEAST)) + np.array(self.offsets)
        return softmax(logits, axis=1)

    def as_dict(self) -> dict:
        """What `calibration.json` holds."""
        return {**asdict(self), "offsets": list(self.offsets)}


def fit_calibration(
    probabilities: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    shares: np.ndarray | None = None,
    trained_shares: np.ndarray | None = None,
) -> Calibration:
    """Fit a calibration by log loss.

    It minimises G times the mean log loss plus a penalty, G being the number of groups: a patient with
    many photographs is one observation. The penalty is that of a normal prior on the spread of the
    calibrated logits, with a standard deviation of 3: a few patients hold the probabilities near the
    class shares, many are free. An offset for each class is kept where it lowers the sum by more than it
    has free numbers (Akaike's criterion).

    Args:
        probabilities: (N, classes), of photographs that the network did not train on.
        targets: (N,) class indices.
        groups: (N,) the group (patient) of each photograph.
        shares: (classes,) the share of each class where the network will be used; the calibrated
            probabilities tend to these. By default those of `targets`.
        trained_shares: (classes,) the shares that it was trained with, where class weights or balanced
            sampling changed them; by default `shares`.

    Returns:
        The calibration.

    Example:
        >>> fit_calibration(raw, targets, groups).slope
    """
    count, classes = probabilities.shape
    if not count:  # nothing is known but the shares
        assert shares is not None
        logs = np.log(np.maximum(shares, LEAST))
        return Calibration(0.0, tuple((logs - logs.mean()).tolist()), 0, 0)
    number = len(np.unique(groups))
    if shares is None:
        shares = np.bincount(targets, minlength=classes) / count
    prior = np.log(np.maximum(shares, LEAST))
    trained = prior if trained_shares is None else np.log(np.maximum(trained_shares, LEAST))
    evidence = np.log(np.maximum(probabilities, LEAST)) - trained
    evidence = evidence - evidence.mean(axis=1, keepdims=True)
    spread = max(float(evidence.std() * np.sqrt(classes / (classes - 1))), LEAST)
    evidence = evidence / spread
    rows, weight = np.arange(count), number / count

    def cost(free: np.ndarray) -> tuple[float, np.ndarray]:
        slope, shift = free[0], free[1:]
        logs = log_softmax(prior + slope * evidence + shift, axis=1)
        residual = np.exp(logs)
        residual[rows, targets] -= 1
        value = -weight * logs[rows, targets].sum()
        value += (slope / SPREAD) ** 2 / 2 + (shift**2).sum() / SHIFT**2 / 2
        slopes = [weight * (residual * evidence).sum() + slope / SPREAD**2]
        return value, np.r_[slopes, weight * residual.sum(axis=0) + shift / SHIFT**2]

    def best(most: float | None) -> tuple[float, np.ndarray]:
        bounds = [(0, None)] + [(most, most)] * classes
        found = minimize(cost, np.zeros(1 + classes), jac=True, bounds=bounds, method="L-BFGS-B")
        return float(found.fun), found.x

    plain, free = best(0.0)
    with_shift, shifted_free = best(None)
    shifted = plain - with_shift > classes - 1
    free = shifted_free if shifted else free
    slope = float(free[0] / spread)
    offsets = prior + free[1:] - slope * trained
    return Calibration(slope, tuple((offsets - offsets.mean()).tolist()), count, number, shifted)
