from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from cervix_tf.quality.appearance import measure, shrunk
from cervix_tf.quality.measurements import Measurements
from cervix_tf.quality.near_duplicates.signatures import compute_signatures


@pytest.fixture(scope="module")
def squares():
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (37, 256, 256, 3), "uint8")
    return [cv2.GaussianBlur(each, (0, 0), 8) for each in noise]


def test_all_are_measured_whichever_thread_adds_them(squares):
    greys, measures, features = measure([shrunk(square) for square in squares])
    rows = np.random.default_rng(1).permutation(40)[:37]
    seen = Measurements(40)
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(seen.add, rows.tolist(), squares):
            pass
    seen.finish()
    assert np.allclose(seen.measures[rows], measures)
    assert np.allclose(seen.features[rows], features)
    for mine, wanted in zip(seen.signatures, compute_signatures(greys), strict=True):
        assert np.array_equal(mine[rows], wanted)
    assert np.array_equal(seen.greys[rows], greys)
    others = np.setdiff1d(np.arange(40), rows)
    assert np.isnan(seen.measures[others]).all()
    assert seen.signatures.plain[others].all()


def test_little_is_kept_in_memory():
    seen = Measurements(1000)
    arrays = (*seen.signatures, seen.measures, seen.features, seen.greys)
    assert sum(array.nbytes for array in arrays) <= 5500 * 1000
