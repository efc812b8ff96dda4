import numpy as np

from cervix_tf.exploration import sample_sheets as exploring_sheets
from cervix_tf.exploration.sample_sheets import class_mean


def test_the_mean_of_a_class_alone_in_parts(monkeypatch):
    monkeypatch.setattr(exploring_sheets, "_BATCH", 4)
    squares = np.random.default_rng(0).integers(0, 256, (30, 5, 5, 3), "uint8")
    rows = np.arange(30) % 3 == 1
    np.testing.assert_allclose(class_mean(squares, rows), squares[rows].mean(axis=0))
