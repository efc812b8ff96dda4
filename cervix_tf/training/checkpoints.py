"""Checkpoints: everything a killed run needs to go on as if nothing had happened."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cervix_tf.archives import check_archive
from cervix_tf.errors import UserError
from cervix_tf.files import replacing


def save_variables(path: Path, variables: Iterable, state: dict | None = None) -> None:
    """Write variables, and a state that JSON can hold, into one `.npz` file, whole or not at all."""
    arrays = {f"v{k:05d}": keras.ops.convert_to_numpy(v) for k, v in enumerate(variables)}
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, state=np.array(json.dumps(state or {})), **arrays)


def load_state(path: Path) -> dict:
    """Read the state of a checkpoint without its variables."""
    return _read(path)[0]


def restored(kind: type, path: Path) -> Any:
    """Read the state of a checkpoint into a dataclass.

    Args:
        kind: The dataclass.
        path: The checkpoint.

    Returns:
        An instance.

    Raises:
        UserError: The checkpoint is damaged, or holds what this version does not know.
    """
    state = load_state(path)
    if unknown := sorted(set(state) - {field.name for field in fields(kind)}):
        raise UserError(
            f"The checkpoint {path} was written by another version, which knows {unknown[0]!r}: go on "
            f"with that one, or delete {path.parent} to train anew."
        )
    return kind(**state)


def load_variables(path: Path, variables: Sequence) -> None:
    """Assign the variables of a checkpoint, in the order they were saved."""
    _check_there(path)
    for variable, value in zip(variables, _values(path, variables), strict=True):
        variable.assign(value)


def check_best(path: Path, variables: Sequence, step: int) -> None:
    """Refuse to go on without the best weights so far, which the finished run would lack.

    Args:
        path: Their checkpoint.
        variables: What it is to be read into.
        step: The step that they are of; they may be of a later one, which is done again.

    Raises:
        UserError: They are gone, damaged, or of an earlier step.
    """
    _check_there(path)
    _values(path, variables)
    if load_state(path).get("step", 0) < step:
        raise UserError(
            f"{path} is older than the checkpoint beside it: bring back both, or delete {path.parent} to "
            "train anew."
        )


def _check_there(path: Path) -> None:
    if not path.exists():
        raise UserError(
            f"The checkpoint {path} is gone: bring it back, or delete {path.parent} to train anew."
        )


def _values(path: Path, variables: Sequence) -> list[np.ndarray]:
    values = _read(path, variables=True)[1]
    if [v.shape for v in values] != [tuple(v.shape) for v in variables]:
        raise UserError(f"The checkpoint {path} belongs to another model: its variables differ.")
    return values


def _read(path: Path, variables: bool = False) -> tuple[dict, list[np.ndarray]]:
    """Read the state of a checkpoint, and its variables if asked for; say so where it is damaged."""
    try:
        check_archive(path)
        with np.load(path, allow_pickle=False) as file:
            state = json.loads(str(file["state"]))
            if not isinstance(state, dict):
                raise ValueError("its state is no object")
            count = len(file.files) - 1 if variables else 0
            return state, [file[f"v{k:05d}"] for k in range(count)]
    except Exception as error:  # of zip, zlib, numpy, JSON: no two have a class in common
        raise UserError(
            f"The checkpoint {path} is damaged: bring it back, or delete {path.parent} to train "
            "anew."
        ) from error
