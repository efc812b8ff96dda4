"""The competition's score."""

import numpy as np

from cervix_tf.errors import UserError

CLIP = 1e-15
ROUNDING = 1e-12  # of a sum of probabilities


def log_loss(labels, probabilities) -> float:
    """Score probabilities as Kaggle does: multi-class log loss with the natural logarithm.

    Each row is rescaled to sum 1, then clipped to [1e-15, 1 - 1e-15]; the score is the mean of
    -log(p) over the true classes (section 2 of the report).

    Args:
        labels: (N,) class indices, 0 to classes - 1.
        probabilities: (N, classes), not negative; rows need not sum to 1.

    Returns:
        The log loss, 0 or more; log(classes) for uniform probabilities.

    Raises:
        UserError: The shapes do not fit, a label is out of range, or a row holds NaN, infinity, a
            negative number or only zeros; the message names the first such row.

    Example:
        >>> round(log_loss([0, 1], [[0.5, 0.5], [0.5, 0.5]]), 4)
        0.6931
    """
    return float(row_losses(*checked(labels, probabilities)).mean())


def checked(labels, probabilities) -> tuple[np.ndarray, np.ndarray]:
    """Check labels and probabilities, and rescale the rows to sum 1.

    Args:
        labels: As in `log_loss`.
        probabilities: As in `log_loss`.

    Returns:
        Labels as integers (N,) and probabilities as float64 (N, classes), each row summing to 1.

    Raises:
        UserError: As in `log_loss`.

    Example:
        >>> checked([0], [[1, 3]])[1]
        array([[0.25, 0.75]])
    """
    labels = np.asarray(labels)
    p = np.asarray(probabilities, dtype="float64")
    if p.ndim != 2 or labels.shape != p.shape[:1] or len(p) == 0:
        raise UserError(
            f"log_loss needs N labels and N x classes probabilities; received shapes {labels.shape} "
            f"and {p.shape}."
        )
    outside = (labels < 0) | (labels >= p.shape[1]) | (labels != labels.astype(int))
    if outside.any():
        row = int(np.argmax(outside))
        raise UserError(f"Label {labels[row]} in row {row} is not one of 0 to {p.shape[1] - 1}.")
    broken = ~np.isfinite(p).all(axis=1) | (p < 0).any(axis=1) | (p.sum(axis=1) <= 0)
    if broken.any():
        row = int(np.argmax(broken))
        raise UserError(f"Row {row} holds no probabilities: {p[row].tolist()}.")
    sums = p.sum(axis=1, keepdims=True)
    # A sum that is 1 but for rounding stays: dividing by it would break ties between photographs.
    return labels.astype(int), p / np.where(abs(sums - 1) < ROUNDING, 1, sums)


def row_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Score each of `checked` rows: -log of the true class's probability, clipped as Kaggle does."""
    given = probabilities[np.arange(len(labels)), labels]
    return -np.log(np.clip(given, CLIP, 1 - CLIP))
