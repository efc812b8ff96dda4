"""Confidence intervals by resampling patients."""

from collections.abc import Callable

import numpy as np
import pandas as pd

RESAMPLES = 1000
LEVEL = 0.95
_CELLS = 4_000_000  # of one block of weights, 32 MB

# Figures by name, each an array whose first axis is that of the weights' rows.
Figures = dict[str, np.ndarray]


def resample(
    groups, figures: Callable[[np.ndarray], Figures], seed: int = 0, resamples: int = RESAMPLES
) -> Figures:
    """Draw groups with replacement, many times, and compute figures of each resample.

    Photographs of one patient are alike, so that they are drawn together; photographs drawn singly would
    make the intervals too narrow.

    Args:
        groups: (N,) the group (patient) of each photograph.
        figures: A function of weights (R, N), such as `measures` with labels and probabilities.
        seed: Seed of the draws.
        resamples: How many resamples.

    Returns:
        The figures, with `resamples` rows.

    Example:
        >>> resample(groups, lambda weights: measures(labels, probabilities, weights), seed=1)
    """
    code, names = pd.factorize(np.asarray(groups), use_na_sentinel=False)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), resamples)
    rows = max(1, _CELLS // len(code))
    parts = [figures(drawn[k : k + rows][:, code]) for k in range(0, resamples, rows)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def percentile_interval(values: np.ndarray, level: float = LEVEL) -> list:
    """Give the percentile interval of resampled figures.

    Args:
        values: (R,) or (R, ...) figures of the resamples; those that are NaN are left out.
        level: Share of the resamples inside, 0 to 1.

    Returns:
        `[low, high]`, or nested lists of such pairs; `None` in place of a pair that has no values.

    Example:
        >>> percentile_interval(np.arange(1001.0))
        [25.0, 975.0]
    """
    if values.ndim > 1:
        return [percentile_interval(values[:, k], level) for k in range(values.shape[1])]
    known = values[~np.isnan(values)]
    if not len(known):
        return None  # type: ignore[return-value]
    tail = 50 * (1 - level)
    return np.percentile(known, [tail, 100 - tail]).tolist()


def left_out(values: np.ndarray) -> int:
    """Count the resamples in which a figure, or one of its parts, is not defined."""
    return int(np.isnan(values).reshape(len(values), -1).any(axis=1).sum())
