"""Some of the squares of a set, by their numbers: nothing is read until it is asked for."""

from typing import Any

import numpy as np


class SquareRows:
    """Some rows of an array of squares, in any order, indexed as the array itself.

    A cache file of any size is read batch by batch, where a copy of the rows would fill the memory.

    Attributes:
        array: The whole set, uint8 (M, P, P, 3), as `Squares.array`.
        rows: The numbers of the squares in it, int (N,).

    Example:
        >>> some = SquareRows(squares, [4, 8, 15])
        >>> some[:2].shape
        (2, 256, 256, 3)
    """

    def __init__(self, array: Any, rows: Any):
        numbers = np.arange(len(array))[rows]
        if isinstance(array, SquareRows):
            array, numbers = array.array, array.rows[numbers]
        self.array: Any = array
        self.rows: np.ndarray = numbers
        self.shape, self.dtype, self.ndim = (len(numbers), *array.shape[1:]), array.dtype, 4

    @classmethod
    def of_part(cls, array: Any, here: np.ndarray, count: int) -> "SquareRows":
        """Number the squares of a set of which only some are here; to read another is an error.

        Args:
            array: uint8 (M, P, P, 3), those that are here.
            here: (M,) their numbers in the set.
            count: How many the set has.

        Returns:
            The set: uint8 (count, P, P, 3).

        Example:
            >>> SquareRows.of_part(squares, [4, 8, 15], 20)[8].shape
            (256, 256, 3)
        """
        whole = cls(array, slice(0, 0))
        whole.rows = np.full(count, len(array))  # beyond the last
        whole.rows[here] = np.arange(len(array))
        whole.shape = (count, *array.shape[1:])
        return whole

    def __len__(self) -> int:
        return len(self.rows)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def __getitem__(self, key):
        rows, *rest = key if isinstance(key, tuple) else (key,)
        return self.array[(self.rows[rows], *rest)]


SquareArray = np.ndarray | SquareRows
