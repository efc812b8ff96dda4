"""Sets of classes that hold the true one for a chosen share of new patients: conformal prediction.

The score of a photograph is 1 less the probability of its label. A set holds each class whose score is at
most the threshold, a quantile of the scores of photographs that the networks did not train on. Patients
are the unit (Lee, Barber and Willett 2023, "Distribution-free inference with hierarchical data"): all
photographs of one weigh as much as those of another, and the patient to come weighs as much, at infinity.
"""

import numpy as np

SET_LEVEL = 0.9


def conformal_threshold(scores: np.ndarray, groups: np.ndarray, level: float = SET_LEVEL) -> float:
    """Give the score that a photograph of a new patient keeps below with a chosen probability.

    Args:
        scores: (N,) of photographs that the network did not train on; larger is stranger.
        groups: (N,) the group (patient) of each.
        level: The probability, between 0 and 1.

    Returns:
        One of the scores, or infinity where the groups are too few: G groups allow a level of
        G / (G + 1) at most.

    Following: Lee, Barber and Willett 2023, hierarchical conformal prediction.

    Example:
        >>> conformal_threshold(np.array([0.1, 0.2, 0.3]), np.array(["a", "b", "c"]), 0.5)
        0.2
    """
    number = len(np.unique(groups))
    share = level * (number + 1) / number  # the patient to come weighs as much, at infinity
    return group_quantile(scores, groups, share) if share <= 1 + 1e-9 else np.inf


def group_quantile(values: np.ndarray, groups: np.ndarray, share: float) -> float:
    """Give the least value that a share of the groups keep below, each group weighing the same.

    Args:
        values: (N,).
        groups: (N,) the group (patient) of each; its values share its weight evenly.
        share: Above 0, at most 1.

    Returns:
        One of the values.

    Example:
        >>> group_quantile(np.array([0.1, 0.2, 0.3]), np.array(["a", "a", "b"]), 0.5)
        0.2
    """
    _, code, count = np.unique(groups, return_inverse=True, return_counts=True)
    weights = 1 / (count[code] * len(count))
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) >= share - 1e-9  # sums of thirds and tenths are not exact
    return float(values[order][reached.argmax()])


def prediction_sets(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Tell which classes are in the set of each photograph; the likeliest always is.

    Args:
        probabilities: (N, classes).
        threshold: Of 1 less the probability, as `conformal_threshold` gives it.

    Returns:
        bool (N, classes).

    Example:
        >>> prediction_sets(np.array([[0.5, 0.4, 0.1]]), 0.7)
        array([[ True,  True, False]])
    """
    likeliest = np.eye(probabilities.shape[1], dtype=bool)[probabilities.argmax(axis=1)]
    return (1 - probabilities <= threshold) | likeliest


def cross_fitted_sets(
    probabilities: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    folds: np.ndarray,
    level: float = SET_LEVEL,
) -> np.ndarray:
    """Make each fold's sets by the scores of the other folds alone, so that their coverage is honest.

    Args:
        probabilities: (N, classes), of photographs that the networks did not train on.
        targets: (N,) class indices.
        groups: (N,) the group (patient) of each photograph.
        folds: (N,) the fold of each photograph; a group lies in one.
        level: As `conformal_threshold` takes it.

    Returns:
        bool (N, classes).

    Example:
        >>> sets = cross_fitted_sets(raw, targets, groups, folds)
        >>> sets[np.arange(len(sets)), targets].mean()  # the coverage
    """
    scores = 1 - probabilities[np.arange(len(targets)), targets]
    sets = np.empty(probabilities.shape, bool)
    for fold in np.unique(folds):
        out = folds == fold
        threshold = conformal_threshold(scores[~out], groups[~out], level)
        sets[out] = prediction_sets(probabilities[out], threshold)
    return sets
