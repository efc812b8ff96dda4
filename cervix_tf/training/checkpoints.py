"""Checkpoints: everything a killed run needs to go on as if nothing had happened."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import keras
import numpy as np

from cervix_tf.errors import UserError
from cervix_tf.files import replacing


def save_variables(path: Path, variables: Iterable, state: dict | None = None) -> None:
    """Write variables, and a state that JSON can hold, into one file, whole or not at all.

    Args:
        path: The file, `.npz`.
        variables: Keras variables, in an order that the reader repeats.
        state: What else must be known, such as the step.

    Example:
        >>> save_variables(Path("run/checkpoint.npz"), model.variables, {"step": 100})
    """
    arrays = {f"v{k:05d}": keras.ops.convert_to_numpy(v) for k, v in enumerate(variables)}
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, state=np.array(json.dumps(state or {})), **arrays)


def load_state(path: Path) -> dict:
    """Read the state of a checkpoint without its variables.

    Raises:
        UserError: The file is damaged.
    """
    try:
        with np.load(path) as file:
            return json.loads(str(file["state"]))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"The checkpoint {path} is damaged: delete it to train anew.") from error


def load_variables(path: Path, variables: Sequence) -> None:
    """Assign the variables of a checkpoint.

    Args:
        path: A file that `save_variables` wrote.
        variables: The variables in the order they were saved.

    Raises:
        UserError: The file is damaged, or belongs to another model.
    """
    try:
        with np.load(path) as file:
            values = [file[f"v{k:05d}"] for k in range(len(file.files) - 1)]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"The checkpoint {path} is damaged: delete it to train anew.") from error
    if [v.shape for v in values] != [tuple(v.shape) for v in variables]:
        raise UserError(f"The checkpoint {path} belongs to another model: its variables differ.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
