"""Squares that are read when they are asked for: of a file, and some of a set by their numbers."""

import os
import weakref
import zlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from cervix_tf.errors import UserError

_AT_ONCE = 2**26  # bytes of one call; the system takes less than 2**31
_WRITTEN = 1 << 32  # tells a written record from an empty one, whatever its checksum
_ALIGNED = 64  # bytes between the places where TensorFlow takes an array as it lies


def checksum(pixels: bytes | memoryview) -> int:
    """Compute the checksum of one square; never 0."""
    return _WRITTEN | zlib.crc32(pixels)


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Make an array that TensorFlow takes without a copy.

    Args:
        shape: Its shape.

    Returns:
        uint8, not initialised.
    """
    count = int(np.prod(shape))
    memory = np.empty(count + _ALIGNED, np.uint8)
    start = -memory.ctypes.data % _ALIGNED
    return memory[start : start + count].reshape(shape)


class SquaresOnDemand(ABC):
    """Indexed like an array of squares; what is asked for is made anew every time.

    Attributes:
        shape: (N, P, P, 3).
    """

    def __init__(self, count: int, size: int):
        self.shape, self.dtype, self.ndim = (count, size, size, 3), np.dtype(np.uint8), 4
        self._numbers = np.arange(count)

    @abstractmethod
    def _fill(self, squares: np.ndarray, numbers: np.ndarray) -> None:
        """Write the squares of some numbers.

        Args:
            squares: uint8 (K, P, P, 3), to be filled.
            numbers: int (K,).
        """

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def __getitem__(self, key):
        rows, *rest = key if isinstance(key, tuple) else (key,)
        numbers = self._numbers[rows]
        if not isinstance(numbers, np.ndarray):
            return self[[rows]][(0, *rest)]
        squares = aligned((len(numbers), *self.shape[1:]))
        self._fill(squares, numbers)
        return squares[(slice(None), *rest)]


class StoredSquares(SquaresOnDemand):
    """The squares in a file, which is not mapped into memory.

    Where another process cuts the file meanwhile, a map would end this one by a signal (SIGBUS).

    Args:
        path: The file's name, for messages.
        handle: The open file, closed with this.
        start: Where the first square lies.
        sums: The squares' checksums, looked at once the file has changed.
        size: P.
    """

    def __init__(self, path: Path, handle: int, start: int, sums: np.ndarray, size: int):
        super().__init__(len(sums), size)
        self._path, self._handle, self._start, self._sums = path, handle, start, sums
        self._changed = os.fstat(handle).st_mtime_ns
        weakref.finalize(self, os.close, handle)

    def _fill(self, squares: np.ndarray, numbers: np.ndarray) -> None:
        most = max(1, _AT_ONCE // int(np.prod(self.shape[1:])))
        ends = [*(np.flatnonzero(np.diff(numbers) != 1) + 1).tolist(), len(numbers)]
        begin = 0
        for end in ends:  # of neighbours in the file
            for first in range(begin, end, most):
                self._read(squares[first : min(first + most, end)], int(numbers[first]))
            begin = end
        if os.fstat(self._handle).st_mtime_ns != self._changed:
            found = [checksum(square.data) for square in squares]
            if found != self._sums[numbers].tolist():
                raise UserError(
                    f"{self._path} was changed while its squares were read: go on, and what is damaged "
                    "is decoded anew."
                )

    def _read(self, squares: np.ndarray, first: int) -> None:
        start, left = self._start + first * squares[0].nbytes, squares.data.cast("B")
        while len(left):  # a file system may give less at a time
            try:
                count = os.preadv(self._handle, [left], start)
            except OSError as error:
                raise UserError(f"{self._path} cannot be read: {error.strerror}.") from error
            if not count:
                raise UserError(
                    f"{self._path} was cut while its squares were read: go on, and what is missing is "
                    "decoded anew."
                )
            start, left = start + count, left[count:]


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


SquareArray = np.ndarray | SquaresOnDemand | SquareRows
