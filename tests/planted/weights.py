"""The weights of runs, compared to the last bit."""

import numpy as np


def weights(run):
    return [np.asarray(v) for v in run.model.weights]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))
