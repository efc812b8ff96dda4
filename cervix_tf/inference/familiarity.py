"""How far a photograph is from those a run was trained on, in what its network makes of them.

The distance is that to the tenth nearest training photograph, between features before the logits brought
to length 1 (Sun, Ming, Zhu and Li 2022, "Out-of-distribution detection with deep nearest neighbors"). It
is told in multiples of what is usual of photographs that the run did not train on, and these give the
limit too.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cervix_tf.archives import check_archive
from cervix_tf.data.square_rows import SquareArray, SquareRows
from cervix_tf.errors import UserError
from cervix_tf.files import replacing
from cervix_tf.inference.penultimate_features import penultimate
from cervix_tf.runs import Run
from cervix_tf.runs.conformal import group_quantile
from cervix_tf.runs.file_shapes import reading

if TYPE_CHECKING:
    import keras

FILE = "references.npz"
MOST = 2000  # training photographs that are kept
NEAREST = 10
SHARE = 0.99  # of held-out photographs that are within the limit
_LEAST = 1e-6
_PART = 256  # photographs whose features and distances are in memory at once
_ROUNDING = 1.0001  # of a limit: the same photograph in another batch differs in its last digits


def write_references(
    run: Run,
    model: "keras.Model",
    training: SquareArray,
    validation: SquareArray,
) -> None:
    """Write `references.npz` into a run: what its network makes of photographs that it trained on.

    Args:
        run: The run.
        model: Its trained model.
        training: uint8 (N, P, P, 3), of which at most 2000 are taken, evenly chosen.
        validation: uint8 (M, P, P, 3), the validation photographs in the order of its `predictions`.

    Raises:
        UserError: The folder cannot be written to.

    Example:
        >>> write_references(run, run.model, predictions.squares, predictions.squares)
    """
    kept = SquareRows(training, evenly_chosen(len(training)))
    references = np.concatenate([part.astype("float16") for part in _in_parts(model, kept)])
    held_out = _distances(model, validation, references)
    with replacing(run.anew(FILE)) as part:
        np.savez(part, references=references, held_out=held_out)


def distances(run: Run, squares: SquareArray) -> np.ndarray:
    """Tell how far photographs are from those that a run was trained on.

    Args:
        run: A run; or an ensemble, whose runs' distances are averaged.
        squares: uint8 (N, P, P, 3), prepared for it.

    Returns:
        float64 (N,): 1 is usual of photographs that it did not train on; above `distance_limit` a
        photograph is unfamiliar.

    Raises:
        UserError: The run has no `references.npz`.

    Example:
        >>> distances(run, squares)
    """
    parts = []
    for member in run.members:
        references, held_out = _read(member)
        far = _distances(member.model, squares, references)
        parts.append(far / _usual(member, held_out))
    return np.mean(parts, axis=0)


def distance_limit(run: Run) -> float:
    """Give the distance that 99 % of the photographs keep below that a run did not train on.

    Each group (patient) counts once. Of an ensemble's photographs each counts as the run sees it that did
    not train on it.

    Args:
        run: A run or an ensemble.

    Returns:
        The limit; with fewer than a hundred groups it may be the largest of these distances.

    Raises:
        UserError: The run has no `references.npz`.

    Example:
        >>> distance_limit(run)
    """
    values = [held_out_distances(member) for member in run.members]
    groups = [member.predictions["group"].to_numpy() for member in run.members]
    return group_quantile(np.concatenate(values), np.concatenate(groups), SHARE) * _ROUNDING


def held_out_distances(run: Run) -> np.ndarray:
    """Distances of the photographs that a run validated on, in the order of its `predictions`: (N,)."""
    held_out = _read(run)[1]
    return held_out / _usual(run, held_out)


def has_references(run: Run) -> bool:
    """Whether photographs can be told to be unfamiliar to a run, or to all runs of an ensemble."""
    return all(member.has(FILE) for member in run.members)


def evenly_chosen(count: int, most: int = MOST) -> np.ndarray:
    """The numbers of so many training photographs that are kept, ascending."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _read(run: Run) -> tuple[np.ndarray, np.ndarray]:
    if not run.has(FILE):
        raise UserError(
            f"{run.path(FILE)} does not exist: an older version trained this run, or `card` wrote "
            "it without; give the run itself, or train again."
        )
    path = run.file(FILE)
    with reading(path):
        check_archive(path)
        with np.load(path, allow_pickle=False) as stored:
            references, held_out = stored["references"], stored["held_out"].astype("float64")
        if references.ndim != 2 or held_out.shape != (len(run.predictions),):
            raise ValueError(f"shapes {references.shape} and {held_out.shape}")
        return references, held_out


def _usual(run: Run, held_out: np.ndarray) -> float:
    """Median distance of the photographs that a run validated on."""
    return max(group_quantile(held_out, run.predictions["group"].to_numpy(), 0.5), _LEAST)


def kept_references(run: Run) -> tuple[pd.DataFrame, np.ndarray]:
    """Give the training photographs that a run keeps the features of: rows of `manifest`, (N, D)."""
    features = _read(run)[0].astype("float32")
    training = run.manifest[(run.manifest["split"] == "train") & run.manifest["label"].notna()]
    return training.iloc[evenly_chosen(len(training))].reset_index(drop=True), features


def unit_features(model: "keras.Model", squares: SquareArray) -> np.ndarray:
    """What a model gives its logits for centre crops, brought to length 1: float32 (N, D)."""
    return np.concatenate(list(_in_parts(model, squares)))


def _in_parts(model: "keras.Model", squares: SquareArray) -> Iterator[np.ndarray]:
    for k in range(0, len(squares), _PART):
        features = penultimate(model, SquareRows(squares, slice(k, k + _PART)))[0].astype("float32")
        features /= np.maximum(np.linalg.norm(features, axis=1, keepdims=True), _LEAST)
        yield features


def _distances(model: "keras.Model", squares: SquareArray, references: np.ndarray) -> np.ndarray:
    """Distance of each square to its tenth nearest reference: float32 (N,)."""
    return np.concatenate([_to_nearest(part, references) for part in _in_parts(model, squares)])


def _to_nearest(features: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Distance of each to the tenth nearest reference, or the last of fewer: float32 (N,)."""
    cosines = np.empty((len(features), len(references)), "float32")
    for k in range(0, len(references), _PART):  # of half precision, which is no good to compute in
        part = slice(k, k + _PART)
        cosines[:, part] = features @ references[part].astype("float32").T
    nearest = min(NEAREST, cosines.shape[1])
    of_nearest = -np.partition(-cosines, nearest - 1, axis=1)[:, nearest - 1]
    return np.sqrt(np.maximum(2 - 2 * of_nearest, 0))
