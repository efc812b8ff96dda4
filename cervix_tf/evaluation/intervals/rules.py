"""Four rules that make a 95 % interval of a figure from resamples of patients.

A percentile interval is too narrow with few patients: it knows nothing of skewness, and has no width
where every photograph of a class is classified rightly. Which rule serves which figure stands in
`intervals`; how often each holds the true value, in docs/appendix/intervals.md.
"""

import numpy as np
from scipy.stats import norm, t

from cervix_tf.evaluation.intervals.bootstrap import resampled_sums

LEVEL = 0.95
_TAIL = (1 - LEVEL) / 2
PSEUDO = 0.25  # of a patient, chosen in simulation
_STEPS = 200  # of the candidates for the calibration error


def score_interval(
    value: np.ndarray,
    drawn: np.ndarray,
    support: np.ndarray,
    low: float = 0.0,
    high: float = 1.0,
    pseudo: float = PSEUDO,
) -> np.ndarray:
    """Give Wilson's interval of figures that lie between two bounds, such as shares.

    Its number of photographs is that of independent ones with which the figure would vary as it does
    among the resamples. Near the bounds, where the resamples hardly differ, that number is drawn towards
    the number of patients. Student's t stands in for the normal quantile, with the patients that the
    figure is made of.

    Args:
        value: (k,) the figures; NaN where one is not defined.
        drawn: (R, k) the figures of the resamples; NaN is passed over.
        support: (groups, k) or (groups, 1) how many photographs of each group a figure is made of.
        low: The least that a figure can be.
        high: The most.
        pseudo: How much of a patient, whose photographs agree, is added to what the resamples say of the
            variance.

    Returns:
        (k, 2) lower and upper ends: NaN where a figure is not defined, the bounds where it is made of a
        single group's photographs.

    Following: Wilson 1927; the effective sample size and t of Korn and Graubard 1998, with Wilson's
    interval as Franco, Little, Louis and Slud 2019 recommend; Kish 1965 for unequal groups.
    """
    support = np.broadcast_to(support, (len(support), len(value)))
    groups = (support > 0).sum(axis=0)
    ends = np.where(np.isnan(value)[:, None], np.nan, np.array([[low, high]]))
    defined = ~np.isnan(value) & (groups > 1)
    if not defined.any():
        return ends
    groups, support = groups[defined], support[:, defined]
    x = (value[defined] - low) / (high - low)
    patients = support.sum(axis=0) ** 2 / (support**2).sum(axis=0)
    variance = np.nanvar(drawn[:, defined], axis=0) / (high - low) ** 2 * groups / (groups - 1)
    number = (patients * x * (1 - x) + pseudo) / (patients * variance + pseudo / patients)
    q = t.ppf(1 - _TAIL, groups - 1) ** 2 / number
    middle = (x + q / 2) / (1 + q)
    half = np.sqrt(q * x * (1 - x) + q**2 / 4) / (1 + q)
    ends[defined] = low + (high - low) * np.clip([middle - half, middle + half], 0, 1).T
    return ends


def interval_of_mean(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Give the interval (2,) of the mean of independent figures (k,), from their intervals (k, 2).

    Figures that are NaN are passed over.

    Following: Zou and Donner, "Construction of confidence limits about effect measures: a general
    approach", 2008.
    """
    defined = ~np.isnan(values)
    away = np.sqrt(((ends[defined] - values[defined, None]) ** 2).sum(axis=0)) / defined.sum()
    return values[defined].mean() + np.array([-1, 1]) * away


def studentised_interval(sums: np.ndarray, counts: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Give the bootstrap-t interval of a mean over photographs, which heeds skewness.

    It is nowhere narrower than Student's t.

    Args:
        sums: (groups,) the sum over each group's photographs.
        counts: (groups,) how many those are.
        drawn: (R, groups) how often each resample holds each group.

    Returns:
        (2,) lower and upper end.

    Following: Efron and Tibshirani, "An introduction to the bootstrap", 1993, section 12.5.
    """
    mean, error = (part[0, 0] for part in _means(sums[:, None], counts, np.ones((1, len(counts)))))
    means, errors = (part[:, 0] for part in _means(sums[:, None], counts, drawn))
    some = errors > 1e-6 * error  # not where it drew one group alone
    far = np.zeros(2)
    if some.any():
        far = np.quantile((means[some] - mean) / errors[some], [_TAIL, 1 - _TAIL])
    quantile = t.ppf(1 - _TAIL, len(counts) - 1)
    far *= quantile / norm.ppf(1 - _TAIL)
    return mean - error * np.array([max(far[1], quantile), min(far[0], -quantile)])


def calibration_interval(gaps: np.ndarray, counts: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Give the interval of the expected calibration error, by inverting a test.

    Chance makes the sum of absolute deviations too large, and resampling adds to it. So one asks of each
    candidate which errors would be observed if it were true: the deviations of the bins that it stands
    for, all of one sign and each as large as its standard error allows, plus those by which the
    resamples differ from the photographs, rescaled where a resample's own standard errors are smaller.
    The interval holds the candidates under which the observed error is no extreme one, and that itself;
    an error smaller than chance alone commonly makes it does not shorten the interval.

    Args:
        gaps: (groups, bins) for each group and bin of confidence the number of right photographs minus
            the sum of their confidences.
        counts: (groups,) the group's photographs.
        drawn: (R, groups) how often each resample holds each group.

    Returns:
        (2,) lower and upper end.

    Following: Carpenter, "Test inversion bootstrap confidence intervals", 1999; for the upper end Cowan,
    Cranmer, Gross and Vitells, "Power-constrained limits", 2011. Sun, Chaudhari, Barnett and Dobriban,
    2024, treat the root mean square error, which is smooth.
    """
    groups = len(counts)
    gap, error = (part[0] for part in _means(gaps, counts, np.ones((1, groups))))
    observed = np.abs(gap).sum()
    if not error.any():
        return np.array([observed, observed])
    means, errors = _means(gaps, counts, drawn)
    total = errors.sum(axis=1)
    larger = np.divide(error.sum(), total, out=np.ones_like(total), where=total > 0)
    factor = np.sqrt(groups / (groups - 1)) * t.ppf(1 - _TAIL, groups - 1) / norm.ppf(1 - _TAIL)
    noise = (means - gap) * (factor * np.maximum(larger, 1))[:, None]
    direction = (1 if gap.sum() > 0 else -1) * error / error.sum()
    usual, most_by_chance = np.quantile(np.abs(noise).sum(axis=1), [0.5, 1 - _TAIL])
    top = min(1.0, max(observed, usual) + most_by_chance)
    candidates = np.linspace(0, top, _STEPS)
    sums = np.abs(candidates[:, None, None] * direction + noise).sum(axis=2)
    bounds = np.quantile(sums, [_TAIL, 1 - _TAIL], axis=1)
    least, most = np.maximum.accumulate(bounds, axis=1)
    low = np.interp(observed, most, candidates, left=0.0)
    high = np.interp(max(observed, usual), least, candidates)
    return np.array([low, max(high, observed)])


def _means(
    sums: np.ndarray, counts: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Means over photographs under weights of groups, and their standard errors: (R, k) each."""
    alike = counts[:, None]
    parts = [alike, sums, sums**2, sums * alike, alike**2]
    widths = np.cumsum([part.shape[1] for part in parts])[:-1]
    total, summed, squared, crossed, counted = np.split(
        resampled_sums(weights, np.hstack(parts)), widths, axis=1
    )
    means = summed / total
    squares = squared - 2 * means * crossed + means**2 * counted
    groups = len(counts)
    return means, np.sqrt(np.maximum(squares, 0) * groups / (groups - 1)) / total
