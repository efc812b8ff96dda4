import tempfile
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from cervix_tf.errors import UserError
from cervix_tf.quality.appearance import measure, shrunk
from cervix_tf.quality.measurements import Measurements
from cervix_tf.quality.near_duplicates.signatures import prints


@pytest.fixture(scope="module")
def squares():
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (37, 256, 256, 3), "uint8")
    return [cv2.GaussianBlur(each, (0, 0), 8) for each in noise]


def test_all_are_measured_whichever_thread_adds_them(squares):
    greys, measures, features = measure([shrunk(square) for square in squares])
    rows = np.random.default_rng(1).permutation(40)[:37]
    with Measurements(40) as seen:
        with ThreadPoolExecutor(4) as pool:
            for _ in pool.map(seen.add, rows.tolist(), squares):
                pass
        seen.finish()
        assert np.allclose(seen.measures[rows], measures)
        assert np.allclose(seen.features[rows], features)
        for mine, wanted in zip(seen.prints, prints(greys), strict=True):
            assert np.array_equal(mine[rows], wanted)
        assert all(
            np.array_equal(seen.greys[row], grey) for row, grey in zip(rows, greys, strict=True)
        )
        others = np.setdiff1d(np.arange(40), rows)
        assert np.isnan(seen.measures[others]).all()
        assert seen.prints.plain[others].all()


def test_little_is_kept_in_memory():
    with Measurements(1000) as seen:
        kept = sum(each.nbytes for each in (*seen.prints, seen.measures, seen.features))
    assert kept <= 1300 * 1000


def test_a_full_disk_is_named(squares, monkeypatch):
    class Full:
        def seek(self, place):
            pass

        def write(self, content):
            return 100

        def close(self):
            pass

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with Measurements(1) as seen:
        seen.add(0, squares[0])
        with pytest.raises(UserError, match="disk is full.*TMPDIR"):
            seen.finish()
