import json
import re
from dataclasses import dataclass

import keras
import numpy as np
import pytest

from cervix_tf.errors import UserError
from cervix_tf.training.checkpoints import (
    check_best,
    load_variables,
    restored,
    save_variables,
)
from tests.planted.damages import DAMAGES, flipped


@dataclass
class State:
    step: int = 0


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "checkpoint/last.npz"
    save_variables(path, variables(3.0), {"step": 4})
    return path


def variables(value: float) -> list:
    return [keras.Variable(np.full((2, 3), value)), keras.Variable(np.full(5, value))]


def test_state_and_variables_come_back(checkpoint):
    into = variables(0.0)
    load_variables(checkpoint, into)
    assert [float(v.numpy().mean()) for v in into] == [3.0, 3.0]
    assert restored(State, checkpoint) == State(4)
    check_best(checkpoint, into, 4)


@pytest.mark.parametrize("damage", [*DAMAGES, "flipped", "folder"])
def test_a_damaged_checkpoint_is_named(checkpoint, damage):
    if damage == "folder":
        checkpoint.unlink()
        checkpoint.mkdir()
    else:
        change = flipped if damage == "flipped" else DAMAGES[damage]
        checkpoint.write_bytes(change(checkpoint.read_bytes()))
    named = (
        f"{re.escape(str(checkpoint))} is damaged: .* delete {re.escape(str(checkpoint.parent))} "
    )
    with pytest.raises(UserError, match=named):
        load_variables(checkpoint, variables(0.0))


def test_a_state_of_another_version_is_not_guessed_at(checkpoint):
    with np.load(checkpoint) as file:
        arrays = dict(file)
    arrays["state"] = np.array(json.dumps({"step": 4, "momentum": 1}))
    np.savez(checkpoint, **arrays)
    with pytest.raises(UserError, match="last.npz was written by another version.*'momentum'"):
        restored(State, checkpoint)


def test_the_best_weights_are_there_and_as_new_as_the_last(checkpoint):
    with pytest.raises(UserError, match="last.npz is older than the checkpoint beside it"):
        check_best(checkpoint, variables(0.0), 5)
    with pytest.raises(UserError, match="belongs to another model"):
        check_best(checkpoint, variables(0.0)[:1], 4)
    checkpoint.unlink()
    with pytest.raises(UserError, match="last.npz is gone: bring it back"):
        check_best(checkpoint, variables(0.0), 4)
