"""Figures of many resamples of patients."""

from collections.abc import Callable

import numpy as np
import pandas as pd

RESAMPLES = 1000
_CELLS = 100_000  # of one block of weights: 0.8 MB, and figures take several such arrays

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
        uint8 (resamples, groups): how often each group was drawn. No group is drawn 256 times: of fewer
        than 256 it cannot be, of more its chance is below 1 in 10 to the power of 500.
    """
    count = code.max() + 1
    generator = np.random.default_rng(seed)
    shares = np.full(count, 1 / count)
    drawn = np.empty((resamples, count), np.uint8)
    for rows in _blocks(drawn):
        drawn[rows] = generator.multinomial(count, shares, len(drawn[rows]))
    return drawn


def resampled_sums(drawn: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum values over the groups of each resample, in blocks that fit the memory.

    Args:
        drawn: (R, groups) as `draws` returns them.
        values: (groups, ...) of each group.

    Returns:
        float64 (R, ...).
    """
    parts = [np.tensordot(drawn[rows].astype(float), values, 1) for rows in _blocks(drawn)]
    return np.concatenate(parts)


def resample(
    code: np.ndarray, drawn: np.ndarray, figures: Callable[[np.ndarray], Figures]
) -> Figures:
    """Compute figures of each resample, in blocks of resamples that fit the memory.

    Args:
        code: (N,) the number of each photograph's group.
        drawn: (R, groups) as `draws` returns them.
        figures: A function of weights, float64 (R, N), such as `measures` with labels and probabilities.

    Returns:
        The figures, with R rows.
    """
    # Bytes would wrap around in a product with other bytes or truth values.
    parts = [figures(drawn[rows][:, code].astype(float)) for rows in _blocks(drawn, len(code))]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def left_out(values: np.ndarray) -> int:
    """Count the resamples in which a figure, or one of its parts, is not defined."""
    return int(np.isnan(values).reshape(len(values), -1).any(axis=1).sum())


def _blocks(drawn: np.ndarray, width: int | None = None) -> list[slice]:
    """Rows of resamples that are worked on together; `width` cells each, by default the groups."""
    rows = max(1, _CELLS // (width or drawn.shape[1]))
    return [slice(k, k + rows) for k in range(0, len(drawn), rows)]
