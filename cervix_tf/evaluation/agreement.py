"""Whether the photographs of one group (patient) are given the same answer."""

import numpy as np
import pandas as pd

from cervix_tf.evaluation.intervals.bootstrap import draws, resampled_sums
from cervix_tf.evaluation.intervals.rules import score_interval


def agreement_of(probabilities: np.ndarray, groups, seed: int = 0) -> dict | None:
    """Compare the photographs of each group that has several.

    Args:
        probabilities: (N, classes), rows summing to 1.
        groups: (N,) the group (patient) of each photograph.
        seed: Seed of the resamples.

    Returns:
        None where no group has several photographs; else `groups` and `photographs`, how many are
        compared; `differ`, the share of these groups whose photographs are given different classes;
        `difference`, the mean over groups of the largest difference, over the classes, between the
        probabilities that two photographs of the group are given; `largest` of these, and in which
        `group`; and the `intervals` of the two shares.

    Example:
        >>> agreement_of(np.array([[0.9, 0.1], [0.4, 0.6]]), ["a", "a"])["difference"]
        0.5
    """
    code, names = pd.factorize(np.asarray(groups, dtype=object))
    counts = np.bincount(code)
    several = counts > 1
    if not several.any():
        return None
    table = pd.DataFrame(probabilities).groupby(code)
    gaps = (table.max() - table.min()).max(axis=1).to_numpy()[several]
    guessed = pd.Series(probabilities.argmax(axis=1)).groupby(code).nunique()
    values = np.column_stack([guessed.to_numpy()[several] > 1, gaps])
    count = len(values)
    means = values.mean(axis=0)
    pairs: list = [None, None]
    if count > 1:
        drawn = resampled_sums(draws(np.arange(count), seed), values) / count
        pairs = score_interval(means, drawn, np.ones((count, 1))).tolist()
    return {
        "groups": count,
        "photographs": int(counts[several].sum()),
        "differ": float(means[0]),
        "difference": float(means[1]),
        "largest": float(gaps.max()),
        "group": str(names[several][gaps.argmax()]),
        "intervals": {"differ": pairs[0], "difference": pairs[1]},
    }
