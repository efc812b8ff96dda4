import numpy as np
import pytest

from cervix_tf.data import SquareRows, centre_crop, prepare
from cervix_tf.data.manifests import validated


@pytest.fixture(params=["array", "decoding"])
def squares(request, photograph, tmp_path):
    import pandas as pd

    paths = [photograph(tmp_path / f"{k}.jpg", k) for k in range(7)]
    cache = "memory" if request.param == "array" else "none"
    return prepare(validated(pd.DataFrame({"path": paths}), "seven"), 8, cache).array


def test_rows_are_indexed_as_the_array_is(squares):
    whole, numbers = np.asarray(squares), np.array([5, 0, 3, 3, 6])
    rows = SquareRows(squares, numbers)
    expected = whole[numbers]
    assert (len(rows), rows.shape, rows.dtype) == (5, (5, 8, 8, 3), np.uint8)
    assert np.array_equal(rows, expected)
    for key in (0, -1, slice(1, 4), [4, 2], np.arange(5) % 2 == 0, (slice(None), slice(2, 6), 3)):
        assert np.array_equal(rows[key], expected[key]), key
    assert np.array_equal(centre_crop(rows, 4), centre_crop(expected, 4))


def test_rows_of_rows_are_rows_of_the_array(squares):
    odd = SquareRows(SquareRows(squares, [6, 4, 2]), np.array([True, False, True]))
    assert odd.array is squares
    assert odd.rows.tolist() == [6, 2]


def test_of_a_part_what_is_not_here_cannot_be_read(squares):
    whole = np.asarray(squares)
    part = SquareRows.of_part(whole[[1, 4]], np.array([1, 4]), 7)
    assert part.shape == squares.shape
    side = SquareRows(part, [4, 0, 1])
    assert np.array_equal(side[[0, 2]], whole[[4, 1]])
    with pytest.raises(IndexError):
        side[1]
