from dataclasses import replace

import numpy as np
import pytest

from cervix_tf.data import SquareRows, training_stream
from cervix_tf.training.devices import Devices
from cervix_tf.training.hosts import Hosts
from cervix_tf.training.shares import rows_here, validation_rows

splits = np.array(["train", "validation", "train", "train", "train"] * 12)
LABELS = np.arange(60, dtype="int32") % 3
STEPS = 3


@pytest.mark.parametrize("sampling", ["uniform", "balanced"])
def test_a_host_has_what_its_shares_show_and_no_more(recipe, sampling):
    """Beside the chief, which also has what the run's figures are made of."""
    asked = recipe(sampling=sampling, mixup=0.2)
    training, validation = (np.flatnonzero(splits == side) for side in ("train", "validation"))
    squares = np.arange(60, dtype="uint8")[:, None, None, None] * np.ones((1, 2, 2, 3), "uint8")

    def batches(host=None):
        positions = None if host is None else host.positions(8, 1)
        side = SquareRows(squares, training)
        stream = training_stream(
            side, LABELS[training], 8, asked.seed, 0, sampling == "balanced", positions
        )
        return [images[:, 0, 0, 0].numpy() for images, _, _ in stream.take(STEPS)]

    whole = batches()
    for number in (0, 1):
        host = Devices(hosts=replace(Hosts(("a:1", "b:1")), number=number))
        own = batches(host)
        places = (np.arange(5) + 4 * number) % 8  # four of eight, and the next to mix the last with
        for batch, part in zip(whole, own, strict=True):
            assert np.array_equal(batch[places], part)
        here = rows_here(splits, LABELS, asked, host, STEPS)
        if number:
            own_validation = validation[validation_rows(12, host.hosts)]
            assert np.array_equal(here, np.union1d(np.concatenate(own), own_validation))
        else:
            assert np.array_equal(here, np.arange(60))


def test_every_validation_photograph_is_predicted_by_one_host():
    shares = [validation_rows(7, Hosts(("a:1", "b:1", "c:1"), k)) for k in range(3)]
    assert sorted(np.concatenate(shares)) == list(range(7))
