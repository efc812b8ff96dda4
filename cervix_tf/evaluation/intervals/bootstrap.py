"""Figures of many resamples of patients."""

from collections.abc import Callable

import numpy as np
import pandas as pd

RESAMPLES = 1000
_CELLS = 4_000_000  # of one block of weights, 32 MB

# Figures by name, each an array whose first axis is that of the weights' rows.
Figures = dict[str, np.ndarray]


def numbered(groups) -> np.ndarray:
    """Number the groups of photographs, (N,), from 0."""
    return pd.factorize(np.asarray(groups), use_na_sentinel=False)[0]


def draws(code: np.ndarray, seed: int = 0, resamples: int = RESAMPLES) -> np.ndarray:
    """Draw groups with replacement, as many as there are.

    Photographs of one patient are alike, so that they are drawn together; photographs drawn singly would
    make the intervals too narrow.

    Args:
        code: (N,) the number of each photograph's group, as `numbered` gives it.
        seed: Seed of the draws.
        resamples: How many resamples.

    Returns:
        (resamples, groups): how often each group was drawn.
    """
    count = code.max() + 1
    generator = np.random.default_rng(seed)
    return generator.multinomial(count, np.full(count, 1 / count), resamples)


def resample(
    code: np.ndarray, drawn: np.ndarray, figures: Callable[[np.ndarray], Figures]
) -> Figures:
    """Compute figures of each resample, in blocks of resamples that fit the memory.

    Args:
        code: (N,) the number of each photograph's group.
        drawn: (R, groups) as `draws` returns them.
        figures: A function of weights (R, N), such as `measures` with labels and probabilities.

    Returns:
        The figures, with R rows.
    """
    rows = max(1, _CELLS // len(code))
    parts = [figures(drawn[k : k + rows][:, code]) for k in range(0, len(drawn), rows)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def left_out(values: np.ndarray) -> int:
    """Count the resamples in which a figure, or one of its parts, is not defined."""
    return int(np.isnan(values).reshape(len(values), -1).any(axis=1).sum())
