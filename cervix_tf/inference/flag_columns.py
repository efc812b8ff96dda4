"""What a photograph is, beside what a network makes of it: the audit's looks, and unfamiliar ones."""

import numpy as np
import pandas as pd

from cervix_tf.data.flags import UNFAMILIAR, join_flags
from cervix_tf.data.square_rows import SquareArray
from cervix_tf.inference.familiarity import distance_limit, distances
from cervix_tf.quality.appearance import appearance_flags, measure, shrunk
from cervix_tf.runs import Run

_TOGETHER = 24  # photographs measured at once


def photograph_flags(run: Run, squares: SquareArray) -> tuple[list[str | None], np.ndarray]:
    """Flag photographs whose probabilities should not be taken as they are.

    Args:
        run: A run or an ensemble.
        squares: uint8 RGB (N, P, P, 3), prepared for it.

    Returns:
        The flags of each photograph, as the column `flags` has them: those of the audit's looks, measured
        on the squares (not where all but the cervix is painted out, `crop: mask`), and `unfamiliar`
        where the distance is above the run's limit. And the distances, as `distances` gives them.

    Raises:
        UserError: The run has no `references.npz`.

    Example:
        >>> flags, far = photograph_flags(run, squares[:2])
    """
    limit = distance_limit(run)
    far = distances(run, squares)
    found = {UNFAMILIAR: far > limit}
    if run.crop != "mask":
        parts = [
            measure([shrunk(np.asarray(square)) for square in squares[k : k + _TOGETHER]])[1]
            for k in range(0, len(squares), _TOGETHER)
        ]
        found |= appearance_flags(np.concatenate(parts))
    words = [join_flags(flag for flag, rows in found.items() if rows[k]) for k in range(len(far))]
    return words, far


def with_photograph_flags(table: pd.DataFrame, run: Run, squares: SquareArray) -> pd.DataFrame:
    """Add to a table of predictions the columns `flags` and `distance`.

    Args:
        table: A row a photograph.
        run: A run or an ensemble.
        squares: As `photograph_flags` takes them, in the order of the table.

    Returns:
        A copy with the two columns.

    Raises:
        UserError: The run has no `references.npz`.

    Example:
        >>> with_photograph_flags(predictions.table(), run, predictions.squares)["flags"]
    """
    words, far = photograph_flags(run, squares)
    return table.assign(flags=pd.Series(words, table.index, "object"), distance=far)
