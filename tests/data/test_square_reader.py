import threading

import numpy as np
import pandas as pd
import pytest

from cervix_tf.data import prepare
from cervix_tf.data.decoding import UnreadableError
from cervix_tf.data.manifests import validated
from cervix_tf.data.square_reader import square_reader
from cervix_tf.data.threads import ahead

SIZE = 8


@pytest.fixture
def manifest(photograph, tmp_path):
    paths = [photograph(tmp_path / f"in/{k}.jpg", k) for k in range(9)]
    return validated(pd.DataFrame({"path": paths}), "nine")


@pytest.fixture
def decoded(monkeypatch):
    """The names of the photographs decoded while they are asked for."""
    from cervix_tf.data import square_reader as module

    names, square = [], module.square

    def noting(path, *rest):
        names.append(path.name)
        return square(path, *rest)

    monkeypatch.setattr(module, "square", noting)
    return names


def read_all(manifest, cache, rows=None):
    with square_reader(manifest, SIZE, cache) as read:
        return np.stack(list(ahead(read, range(len(manifest)) if rows is None else rows, 4)))


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_nothing_is_kept_without_a_folder(manifest, decoded, cache):
    whole = prepare(manifest, SIZE, "memory").array
    assert np.array_equal(read_all(manifest, cache), whole)
    assert np.array_equal(read_all(manifest, cache, [3, 1]), whole[[3, 1]])
    assert len(decoded) == 11


def test_a_folder_is_completed_as_squares_are_asked_for(manifest, decoded, tmp_path):
    whole, cache = prepare(manifest, SIZE, "memory").array, tmp_path / "cache"
    assert np.array_equal(read_all(manifest, cache, [7, 0, 2]), whole[[7, 0, 2]])
    assert not list(cache.glob("*.npy")), "the set is not whole"
    assert np.array_equal(read_all(manifest, cache), whole)
    assert sorted(decoded) == [f"{k}.jpg" for k in range(9)], "each once"
    assert prepare(manifest, SIZE, cache).path == next(cache.glob("*.npy"))
    assert np.array_equal(read_all(manifest, cache), whole)
    assert np.array_equal(read_all(manifest[2:5], cache), whole[2:5]), "taken from the larger set"
    assert len(decoded) == 9


def test_what_cannot_be_read_is_told_by_its_row_and_tried_again(manifest, decoded, tmp_path):
    broken, cache = tmp_path / "in/4.jpg", tmp_path / "cache"
    content = broken.read_bytes()
    broken.write_bytes(content[:40])
    with square_reader(manifest, SIZE, cache) as read:
        squares = [read(row) for row in range(9) if row != 4]
        with pytest.raises(UnreadableError):
            read(4)
    assert not list(cache.glob("*.npy"))
    broken.write_bytes(content)
    whole = prepare(manifest, SIZE, "memory").array
    assert np.array_equal(read_all(manifest, cache), whole)
    assert np.array_equal(squares, np.delete(whole, 4, axis=0))
    assert decoded.count("4.jpg") == 2
    assert len(decoded) == 10


def test_results_come_in_order_and_no_more_wait_than_are_allowed():
    begun, taken, most = [], 0, []
    turn = threading.Lock()

    def work(item):
        with turn:
            begun.append(item)
            most.append(len(begun) - taken)
        return item

    for result in ahead(work, range(200), 7):
        assert result == taken
        taken += 1
    assert taken == 200
    assert max(most) <= 8, "seven, and the one that was just taken"


def test_an_error_is_raised_where_its_result_is_asked_for():
    def work(item):
        if item == 5:
            raise ValueError("amiss")
        return item

    results = ahead(work, range(1000), 4)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="amiss"):
        next(results)
