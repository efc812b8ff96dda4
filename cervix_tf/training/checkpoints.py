"""Checkpoints: everything a killed run needs to go on as if nothing had happened."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from cervix_tf.errors import UserError
from cervix_tf.files import replacing


def save_variables(path: Path, variables: Iterable, state: dict | None = None) -> None:
    """Write variables, and a state that JSON can hold, into one `.npz` file, whole or not at all."""
    arrays = {f"v{k:05d}": keras.ops.convert_to_numpy(v) for k, v in enumerate(variables)}
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, state=np.array(json.dumps(state or {})), **arrays)


def load_state(path: Path) -> dict:
    """Read the state of a checkpoint without its variables."""
    with _opened(path) as file:
        return json.loads(str(file["state"]))


def load_variables(path: Path, variables: Sequence) -> None:
    """Assign the variables of a checkpoint, in the order they were saved."""
    with _opened(path) as file:
        values = [file[f"v{k:05d}"] for k in range(len(file.files) - 1)]
    if [v.shape for v in values] != [tuple(v.shape) for v in variables]:
        raise UserError(f"The checkpoint {path} belongs to another model: its variables differ.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@contextmanager
def _opened(path: Path) -> Iterator:
    """Open a checkpoint, and say so where it is damaged."""
    try:
        with np.load(path) as file:
            yield file
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"The checkpoint {path} is damaged: delete it to train anew.") from error
