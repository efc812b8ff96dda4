"""One answer a group (patient) of photographs: the mean of what its photographs are given."""

import warnings
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import softmax

from cervix_tf.errors import UserError, listed, unknown
from cervix_tf.runs.calibration import LEAST

Mean = Literal["log probability", "probability"]
MEAN: Mean = "log probability"  # which measures better: docs/patients.md, benchmarks/patients.py
UNITS = ("photograph", "group")


def check_unit(per: str) -> None:
    """Refuse a unit of prediction that is neither `photograph` nor `group`."""
    if per not in UNITS:
        raise unknown("unit", str(per), UNITS)


def group_names(photographs: pd.DataFrame) -> np.ndarray:
    """Name the group of each photograph of a table; one of which nothing is known is its own.

    Args:
        photographs: A table, with or without a column `group`.

    Returns:
        (N,) names.

    Warns:
        UserWarning: No group has several photographs.

    Example:
        >>> group_names(pd.DataFrame({"group": ["a", "a", None]}))
        array(['a', 'a', 'photograph 3'], dtype=object)
    """
    known = photographs["group"] if "group" in photographs else [None] * len(photographs)
    names = [
        f"photograph {row}" if pd.isna(name) else str(name) for row, name in enumerate(known, 1)
    ]
    if len(set(names)) == len(names):
        warnings.warn(
            "No two photographs share a group, so each is a group of its own: a column 'group' or "
            "'patient' in a CSV says which belong together.",
            stacklevel=3,
        )
    return np.array(names, dtype=object)


def group_means(probabilities: np.ndarray, groups, mean: Mean = MEAN) -> np.ndarray:
    """Average the probabilities of each group's photographs.

    Args:
        probabilities: (N, classes), rows summing to 1.
        groups: (N,) the group (patient) of each photograph.
        mean: `log probability`: the mean of the logarithms, rescaled to sum 1 (the geometric mean), by
            which a photograph that is sure counts for more; or `probability`: the plain mean.

    Returns:
        (groups, classes), rows summing to 1, groups in the order in which they first occur.

    Example:
        >>> group_means(np.array([[0.9, 0.1], [0.5, 0.5]]), ["a", "a"])
        array([[0.75, 0.25]])
    """
    code, names = pd.factorize(np.asarray(groups, dtype=object))
    logs = mean == "log probability"
    values = np.log(np.maximum(probabilities, LEAST)) if logs else probabilities
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, code, values)
    means = sums / np.bincount(code)[:, None]
    return softmax(means, axis=1) if logs else means


def group_table(photographs: pd.DataFrame) -> pd.DataFrame:
    """Make of a table of photographs one of groups.

    Args:
        photographs: A table of which every row has a `group`.

    Returns:
        A row a group, in the order in which they first occur: `group`, `photographs`, how many it has,
        then what its first photograph has in the other columns.

    Raises:
        UserError: Photographs of one group have different labels.

    Example:
        >>> group_table(read_manifest("data"))[["group", "photographs", "label"]]
    """
    if "label" in photographs:
        labels = photographs.groupby("group")["label"].nunique()
        mixed = labels.index[labels > 1]
        if len(mixed):
            raise UserError(
                f"{len(mixed)} groups hold photographs of different labels, so that they have no one "
                f"answer: {listed(mixed)}; correct their labels or groups, or leave them out."
            )
    counts = photographs["group"].map(photographs["group"].value_counts())
    first = ~photographs["group"].duplicated()
    others = photographs.drop(columns=["group", "photographs"], errors="ignore")
    heads = photographs[["group"]].assign(photographs=counts)
    return pd.concat([heads, others], axis=1)[first].reset_index(drop=True)
