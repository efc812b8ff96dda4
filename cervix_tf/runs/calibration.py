"""Probabilities as sure as they deserve to be: a slope and offsets for the log probabilities.

A network that has learned its training photographs by heart is too sure of others. One number, the
temperature, mends most of it (Guo et al. 2017, "On Calibration of Modern Neural Networks"). It is fitted
here by log loss on photographs that the network did not train on, as many observations as patients
in all, and shrunk, so that with few patients the probabilities tend to the class shares.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from threadpoolctl import threadpool_limits

from cervix_tf.runs.file_shapes import NUMBER, damaged, read_object, reading

LEAST = 1e-12  # a probability of 0 has no logarithm
SPREAD = 3.0  # prior standard deviation of the calibrated logits' spread: 3 is a class at 95 %
SLIGHT = 0.01  # that spread where the network knows nothing: it orders, and says no more
FOLDS = 5  # of groups, where no other are given
PAYS = 2.0  # by how much each number that is fitted has to lower the summed log loss
FEWEST = 4  # folds for offsets
SHIFT = 0.5  # prior standard deviation of an offset that moves a class' share
LARGEST = 1e9  # no fit gives a slope or an offset near it


@dataclass(frozen=True)
class Calibration:
    """What makes of a network's probabilities p calibrated ones: softmax(slope log p + offsets).

    Attributes:
        slope: 1 divided by the temperature; below 1 the network is too sure.
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


def stored_calibration(path: Path, classes: int) -> Calibration:
    """Read `calibration.json`.

    Args:
        path: The file.
        classes: How many classes the networks tell apart.

    Returns:
        The calibration.

    Raises:
        UserError: It is damaged, of another number of classes, or holds what no fit gives.

    Example:
        >>> stored_calibration(Path("runs/first/calibration.json"), 3).slope
    """
    stored = read_object(path)
    slope, offsets = stored["slope"], stored["offsets"]
    for value in offsets:
        if isinstance(value, bool) or not isinstance(value, NUMBER) or not abs(value) <= LARGEST:
            raise damaged(path, f"its offsets hold {value!r:.40}")
    if len(offsets) != classes:
        raise damaged(path, f"it has {len(offsets)} offsets for {classes} classes")
    if not 0 <= slope <= LARGEST:  # below 0 it would turn the classes round
        raise damaged(path, f"its slope is {slope!r:.40}")
    groups, photographs = stored["groups"], stored["photographs"]
    if not min(1, photographs) <= groups <= photographs:
        raise damaged(path, f"it was fitted on {photographs} photographs of {groups} groups"[:80])
    with reading(path):
        return Calibration(**{**stored, "offsets": tuple(map(float, offsets))})


def geometric_mean(probabilities: np.ndarray) -> np.ndarray:
    """Average what several networks make of the same photographs: the mean of their log probabilities.

    The plain mean of probabilities is less sure than it may be. This one's log loss is never above the
    mean of the networks' own, and a calibration of one network may be applied to it: calibrated before
    or after the mean, the result is the same.

    Args:
        probabilities: (networks, N, classes), rows summing to 1.

    Returns:
        (N, classes), rows summing to 1; of one network its own.

    Example:
        >>> geometric_mean(np.array([[[0.9, 0.1]], [[0.5, 0.5]]]))
        array([[0.75, 0.25]])
    """
    if len(probabilities) == 1:
        return np.array(probabilities[0])
    return softmax(np.log(np.maximum(probabilities, LEAST)).mean(axis=0), axis=1)


def fit_calibration(
    probabilities: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    shares: np.ndarray | None = None,
    trained_shares: np.ndarray | None = None,
    folds: np.ndarray | None = None,
) -> Calibration:
    """Fit a calibration by log loss.

    It minimises G times the mean log loss plus a penalty, G being the number of groups: photographs
    together count as many observations as there are patients, each alike. The penalty is that of a
    normal prior on the spread of the calibrated logits, with a standard deviation of 3. The slope is
    kept where it pays, and then the offsets where these pay: where the sum falls by more than 2 for each
    number that is fitted (twice Akaike's criterion), and where what is fitted on all folds but one
    lowers the log loss of that one. Where the slope does not pay, the probabilities are the class
    shares, but for so little that only their order shows it.

    Args:
        probabilities: (N, classes), of photographs that the network did not train on.
        targets: (N,) class indices.
        groups: (N,) the group (patient) of each photograph.
        shares: (classes,) the share of each class where the network will be used; the calibrated
            probabilities tend to these. By default those of `targets`.
        trained_shares: (classes,) the shares that it was trained with, where class weights or balanced
            sampling changed them; by default `shares`.
        folds: (N,) the fold of each photograph, of an ensemble each of another network; by default five
            of groups. With fewer than four no offsets are fitted: what two or three networks are wrong by
            says little of others.

    Returns:
        The calibration.

    Example:
        >>> fit_calibration(raw, targets, groups).slope
    """
    count, classes = probabilities.shape
    if shares is None:
        shares = np.bincount(targets, minlength=classes) / max(count, 1)
    prior = np.log(np.maximum(shares, LEAST))
    if not count:  # nothing is known but the shares
        return Calibration(0.0, tuple((prior - prior.mean()).tolist()), 0, 0)
    names, code = np.unique(groups, return_inverse=True)
    trained = prior if trained_shares is None else np.log(np.maximum(trained_shares, LEAST))
    evidence = np.log(np.maximum(probabilities, LEAST)) - trained
    evidence = evidence - evidence.mean(axis=1, keepdims=True)
    spread = max(float(evidence.std() * np.sqrt(classes / (classes - 1))), SLIGHT)
    evidence = evidence / spread
    weight = len(names) / count

    def losses(free: np.ndarray, rows: np.ndarray) -> tuple[float, np.ndarray]:
        logs = log_softmax(prior + free[0] * evidence[rows] + free[1:], axis=1)
        picked = np.arange(len(logs)), targets[rows]
        residual = np.exp(logs)
        residual[picked] -= 1
        slope = (residual * evidence[rows]).sum()
        return -weight * logs[picked].sum(), weight * np.r_[slope, residual.sum(axis=0)]

    def cost(free: np.ndarray, rows: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = losses(free, rows)
        scale = np.r_[SPREAD, np.full(classes, SHIFT)]
        return value + ((free / scale) ** 2).sum() / 2, gradient + free / scale**2

    def fitted(most: float, shift: float, rows: np.ndarray) -> tuple[float, np.ndarray]:
        bounds = [(SLIGHT, most)] + [(-shift, shift)] * classes
        start = np.r_[SLIGHT, np.zeros(classes)]
        found = minimize(cost, start, (rows,), jac=True, bounds=bounds, method="L-BFGS-B")
        return float(found.fun), found.x

    dealt = code % FOLDS if folds is None else np.unique(folds, return_inverse=True)[1]
    parts = [dealt == k for k in range(dealt.max() + 1)]
    every = np.ones(count, bool)
    # By the numbers that are fitted: none, the slope, the slope and the offsets.
    limits = {0: (SLIGHT, 0.0), 1: (np.inf, 0.0), classes: (np.inf, np.inf)}
    kept, least, free = 0, np.full(2, np.inf), np.zeros(1 + classes)
    if len(parts) < FEWEST:
        del limits[classes]
    with threadpool_limits(1):  # the matrices are tiny: more threads wait for each other
        for numbers, bounds in limits.items():
            value, found = fitted(*bounds, every)
            others = (
                [losses(fitted(*bounds, ~part)[1], part)[0] for part in parts]
                if len(parts) > 1
                else [0]
            )
            tried = np.array([value + PAYS * numbers, sum(others)])
            if (tried < least).all() or not numbers:
                kept, least, free = numbers, tried, found
    slope = float(free[0] / spread)
    offsets = prior + free[1:] - slope * trained
    return Calibration(
        slope, tuple((offsets - offsets.mean()).tolist()), count, len(names), kept == classes
    )
