"""Folds of photographs, stratified by class, a group always in one of them."""

import numpy as np

from cervix_tf.given import check_whole


def group_folds(label: np.ndarray, group: np.ndarray, number: int, seed: int) -> list[np.ndarray]:
    """Put photographs into the folds that scikit-learn's `StratifiedGroupKFold` puts them into.

    The groups whose classes differ most in number come first, those alike in the order of the seed; each
    goes to the fold where the classes are then spread most evenly. scikit-learn looks at one fold after
    the other; here all are looked at together, with the same sums in the same order, so that the folds
    are the same to the last photograph (the tests compare them) in a fraction of the time. With one class
    alone and more than seven folds the sums are others, and so may the folds be.

    Args:
        label: (N,) class of each photograph.
        group: (N,) group of each photograph.
        number: How many folds, at most as many as groups.
        seed: Seed of the order, from 0.

    Returns:
        The photographs of each fold: ascending positions.

    Raises:
        UserError: Number or seed are no whole numbers, or the seed is below 0 or not below 2^32.
    """
    check_whole(number, "number of folds", 1)
    check_whole(seed, "seed", 0, 2**32 - 1)
    classes, label = np.unique(label, return_inverse=True)
    names, group = np.unique(group, return_inverse=True)
    counts = np.bincount(group * len(classes) + label, minlength=len(names) * len(classes))
    counts = counts.reshape(len(names), len(classes)).astype(float)
    turn = np.arange(len(names))
    np.random.RandomState(seed).shuffle(turn)
    turn = turn[np.argsort(-np.std(counts[turn], axis=1), kind="stable")]
    fold = np.empty(len(names), np.intp)
    fold[turn] = _fold_of_each(counts[turn], number, counts.sum(axis=0))
    return [np.flatnonzero(fold[group] == k) for k in range(number)]


def _fold_of_each(counts: np.ndarray, number: int, whole: np.ndarray) -> list[int]:
    """The fold of each group, given its photographs of each class, in turn."""
    filled = np.zeros((number, len(whole)))  # photographs of each class in a fold
    sizes = [0.0] * number
    # Shares of each class in the folds (by fold, class, fold joined), counted in where the folds are one.
    shares = np.zeros((number, len(whole), number))
    joins = np.einsum("kck->kc", shares)  # a view
    chosen = []
    for own, size in zip(counts, counts.sum(axis=1).tolist(), strict=True):
        np.divide(filled + own, whole, out=joins)
        # np.std and np.mean, as they add up, without what they check.
        off = shares - np.add.reduce(shares, axis=0) / number
        off *= off
        spread = np.sqrt(np.add.reduce(off, axis=0) / number)
        uneven = (np.add.reduce(spread.T.copy(), axis=1) / len(whole)).tolist()
        best, least = 0, uneven[0]
        for k in range(1, number):
            close = abs(uneven[k] - least) <= 1e-8 + 1e-5 * abs(least)  # np.isclose
            if uneven[k] < least or (close and sizes[k] < sizes[best]):
                best, least = k, uneven[k]
        chosen.append(best)
        filled[best] += own
        sizes[best] += size
        shares[best] = joins[best][:, None]
    return chosen
