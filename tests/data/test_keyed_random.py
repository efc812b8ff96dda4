import numpy as np
import pytest
import tensorflow as tf

from cervix_tf.data.keyed_random import uniform


def keys(epochs, indices):
    grid = np.stack(np.meshgrid(np.arange(epochs), np.arange(indices), indexing="ij"), -1)
    return tf.constant(grid.reshape(-1, 2), tf.int64)


def test_a_number_depends_on_seed_epoch_index_and_place_alone():
    numbers = uniform(keys(20, 30), 7, 5).numpy()
    assert np.array_equal(uniform(keys(20, 30)[450:460], 7, 5), numbers[450:460])
    assert np.array_equal(uniform(keys(20, 30), 7, 3), numbers[:, :3])
    compiled = tf.function(lambda k: uniform(k, 7, 5), jit_compile=True)
    assert np.array_equal(compiled(keys(20, 30)), numbers)
    assert len(np.unique(numbers)) > 0.999 * numbers.size, "no two of them are the same"
    assert len(np.intersect1d(numbers, uniform(keys(20, 30), 8, 5))) < 5


def test_numbers_never_change():
    """A resumed run needs the numbers of yesterday's version."""
    found = uniform(tf.constant([[0, 0], [1, 0], [0, 1], [99, 1480]], tf.int64), 0, 2).numpy()
    assert (found * 2**24).astype(int).tolist() == [
        [11754228, 6853325],
        [14853643, 9355282],
        [2842564, 5290864],
        [5251022, 10577505],
    ]


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_numbers_are_uniform(seed):
    numbers = uniform(keys(40, 500), seed, 10).numpy()
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = np.histogram(numbers, 256, (0, 1))[0]
    expected = numbers.size / 256
    chi = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi - 255) < 5 * np.sqrt(2 * 255)


@pytest.mark.parametrize("seed", [0, 3])
def test_numbers_are_independent(seed):
    """Of their neighbours in epoch, index and place, and of the next seed's."""
    cube = uniform(keys(40, 500), seed, 10).numpy().reshape(40, 500, 10) - 0.5
    other = uniform(keys(40, 500), seed + 1, 10).numpy().reshape(40, 500, 10) - 0.5
    pairs = {
        "epoch": (cube[1:], cube[:-1]),
        "index": (cube[:, 1:], cube[:, :-1]),
        "place": (cube[..., 1:], cube[..., :-1]),
        "both": (cube[1:, 1:], cube[:-1, :-1]),
        "swapped": (cube[:40, :40], cube[:40, :40].swapaxes(0, 1)),
        "seed": (cube, other),
    }
    for name, (one, two) in pairs.items():
        if name == "swapped":
            apart = ~np.eye(40, dtype=bool)
            one, two = one[apart], two[apart]
        # Half of the swapped pairs are the other half.
        size = one.size / 2 if name == "swapped" else one.size
        correlation = (one * two).mean() * 12
        assert abs(correlation) < 5 / np.sqrt(size), name
        # So does what they have in common beyond a line.
        folded = ((np.abs(one) - 0.25) * (np.abs(two) - 0.25)).mean() * 48
        assert abs(folded) < 5 / np.sqrt(size), name


def test_all_bits_are_even():
    bits = (uniform(keys(30, 400), 5, 4).numpy() * 2**24).astype(np.int64).ravel()
    for bit in range(24):
        share = ((bits >> bit) & 1).mean()
        assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(bits.size), bit
