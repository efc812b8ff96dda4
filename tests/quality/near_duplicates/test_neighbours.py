import cv2
import numpy as np
import pytest

from cervix_tf.quality.near_duplicates import neighbours
from cervix_tf.quality.near_duplicates.candidates import candidates
from cervix_tf.quality.near_duplicates.clusters import near_duplicates
from cervix_tf.quality.near_duplicates.signatures import SIDE, compute_signatures


@pytest.fixture(scope="module")
def greys() -> np.ndarray:
    """400 pictures, then the first 100 cropped, turned and mirrored."""
    random = np.random.default_rng(5)
    noise = random.integers(0, 256, (400, 5, 5), "uint8")
    drawn = [
        cv2.resize(each, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_CUBIC) for each in noise
    ]
    copies = [
        np.rot90(each[:: k % 2 * 2 - 1][k % 6 :, 6 - k % 7 :], k)
        for k, each in enumerate(drawn[:100])
    ]
    shrunk = [
        cv2.resize(np.ascontiguousarray(each), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        for each in (*drawn, *copies)
    ]
    return np.stack(shrunk)


def test_an_index_finds_what_comparing_every_pair_finds(greys, monkeypatch):
    signatures, rows = compute_signatures(greys), np.arange(len(greys))
    exact = near_duplicates(signatures, greys, rows)
    assert np.array_equal(exact[:100], exact[400:])
    monkeypatch.setattr(neighbours, "MANY", 100)
    assert np.array_equal(near_duplicates(signatures, greys, rows), exact)
    pairs = candidates(signatures, rows, 10**6)
    once = np.sort([pairs["a"], pairs["b"]], axis=0)
    assert len(np.unique(once, axis=1).T) == len(pairs)
    assert np.array_equal(candidates(signatures, rows, 10**6), pairs), "seeded"


def test_every_pair_is_compared_below_the_limit_or_without_the_package(greys, monkeypatch, recwarn):
    def refused(*_):
        raise AssertionError("an index was made")

    monkeypatch.setattr(neighbours, "Neighbours", refused)
    signatures, rows = compute_signatures(greys[:100]), np.arange(100)
    candidates(signatures, rows, 1000)
    neighbours.warn_of_every_pair(neighbours.MANY - 1)
    assert not recwarn
    monkeypatch.setattr(neighbours, "installed", lambda: False)
    with pytest.warns(
        UserWarning, match=r"1,000,000 photographs .* pip install 'cervix-tf\[scale\]'"
    ):
        neighbours.warn_of_every_pair(10**6)
    monkeypatch.setattr(neighbours, "MANY", 50)
    candidates(signatures, rows, 1000)
