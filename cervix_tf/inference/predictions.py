"""Photographs with what one run, or the mean of several, makes of them: decoded and predicted once."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cervix_tf.data.crops import centre_crop
from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.data.square_rows import SquareArray, SquareRows
from cervix_tf.errors import UserError
from cervix_tf.inference.patients import group_means, group_names, group_table
from cervix_tf.inference.photographs import as_photographs
from cervix_tf.runs import Run, geometric_mean, load
from cervix_tf.runs.ensembles import check_each_once

if TYPE_CHECKING:
    import keras

VIEWS = 8  # the square's own symmetries: four quarter turns, each also mirrored


@dataclass(frozen=True, eq=False)
class Predictions:
    """Photographs, their squares, their class probabilities and the runs these come from.

    Attributes:
        runs: The runs whose probabilities are averaged, at least one.
        photographs: A table of N rows as a manifest has them; a picture in memory has an `image` alone.
        squares: uint8 RGB (N, P, P, 3), prepared for the first run, as `data.prepare` returned them, or
            some of these, read where they lie when they are asked for.
        probabilities: float64 (N, classes), rows summing to 1, calibrated where an ensemble is.
        views: Views a photograph that these are the mean of, as `tta` of `predict`.
        raw: The same before calibration; None where nothing is calibrated.
        per: What a row is: a `photograph`, or a `group` of them, shown by its first photograph.

    Example:
        >>> surest = np.argsort(-predictions.probabilities.max(axis=1))
        >>> predictions[surest[:5]].table()
    """

    runs: tuple[Run, ...]
    photographs: pd.DataFrame
    squares: SquareArray
    probabilities: np.ndarray
    views: int = 1
    raw: np.ndarray | None = None
    per: str = "photograph"

    def __len__(self) -> int:
        return len(self.probabilities)

    def __getitem__(self, rows) -> "Predictions":
        """Take some of the photographs: by row numbers, a mask (N,) or a slice."""
        return replace(
            self,
            photographs=self.photographs.iloc[rows].reset_index(drop=True),
            squares=SquareRows(self.squares, rows),
            probabilities=self.probabilities[rows],
            raw=None if self.raw is None else self.raw[rows],
        )

    @property
    def run(self) -> Run:
        """The first run, for which the squares were prepared."""
        return self.runs[0]

    @property
    def class_names(self) -> list[str]:
        """The classes, in the order of the columns of `probabilities`."""
        return self.run.class_names

    @property
    def images(self) -> np.ndarray:
        """The centre crops that the first run's network saw, uint8 RGB (N, S, S, 3)."""
        return centre_crop(self.squares, self.run.image_size)

    @property
    def predicted(self) -> np.ndarray:
        """Index of the likeliest class of each photograph, (N,)."""
        return self.probabilities.argmax(axis=1)

    @functools.cached_property
    def targets(self) -> np.ndarray:
        """Class index of each label, int32 (N,), -1 where there is none.

        Raises:
            UserError: A label is of a class that the run does not know.
        """
        indices = np.full(len(self), -1, "int32")
        if "label" in self.photographs:
            labelled = self.photographs["label"].notna().to_numpy()
            indices[labelled] = class_indices(self.photographs[labelled], self.class_names)
        return indices

    def per_group(self) -> "Predictions":
        """Average the photographs of each group (patient) by `group_means`.

        Raises:
            UserError: Photographs of one group have different labels.
        """
        groups = group_names(self.photographs)
        return replace(
            self,
            photographs=group_table(self.photographs.assign(group=groups)),
            squares=SquareRows(self.squares, ~pd.Series(groups).duplicated().to_numpy()),
            probabilities=group_means(self.probabilities, groups),
            raw=None if self.raw is None else group_means(self.raw, groups),
            per="group",
        )

    def table(self) -> pd.DataFrame:
        """Make a table: `image` and `path`, of groups `group` and `photographs`; a column a class."""
        heads = ["group", "photographs"] if self.per == "group" else ["image", "path"]
        table = self.photographs.reindex(columns=heads)
        table[self.class_names] = self.probabilities
        return table


def predictions_of(
    runs: Run | Path | str | Sequence[Run | Path | str],
    photographs: Any,
    tta: int = 1,
    batch_size: int = 64,
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    raw: bool = False,
) -> Predictions:
    """Decode photographs and predict their class probabilities, each once.

    What `evaluate`, `explain` and the plots take, so that they need not do it again.

    Args:
        runs: As `predict` takes them.
        photographs: As `predict` takes them.
        tta: As `predict` takes it.
        batch_size: As `predict` takes it.
        cache: Where the prepared squares are kept, as `data.prepare` takes it.
        progress: As `predict` takes it.
        raw: As `predict` takes it.

    Returns:
        The predictions, in the photographs' order.

    Raises:
        UserError: As of `predict`.

    Example:
        >>> predictions = predictions_of("runs/first", "photographs")
        >>> predictions.squares.shape[0] == len(predictions)
        True
    """
    opened = [load(run) for run in (runs if isinstance(runs, list | tuple) else [runs])]
    check_each_once(opened)
    check_views(tta, batch_size)
    check_classes({str(run.folder): run.class_names for run in opened})
    first = opened[0]
    given = as_photographs(photographs)
    squares: dict[tuple, np.ndarray] = {}
    parts = []
    for run in opened:
        kind = run.square_size, run.crop
        if kind not in squares:
            squares[kind] = given.squares(*kind, cache, progress)
        parts.append(run_probabilities(run, squares[kind], tta, batch_size))
    calibrated, plain = (np.mean(part, axis=0) for part in zip(*parts, strict=True))
    return Predictions(
        tuple(opened),
        given.table,
        squares[first.square_size, first.crop],
        plain if raw else calibrated,
        tta,
        plain if any(run.calibration for run in opened) and not raw else None,
    )


def check_views(tta: int, batch_size: int = 1) -> None:
    """Refuse a number of views out of range, and batches of no photograph."""
    if not isinstance(tta, Integral) or not 1 <= tta <= VIEWS:
        raise UserError(f"tta={tta!r}: give 1 to {VIEWS} views a photograph.")
    if not isinstance(batch_size, Integral) or batch_size < 1:
        raise UserError(f"batch_size={batch_size!r}: give at least 1 photograph at a time.")


def check_classes(known: dict[str, list[str]]) -> None:
    """Refuse to average no run, or runs of different classes, given by the runs' names."""
    if not known:
        raise UserError("No run to predict with: give at least one run folder.")
    (first, names), *others = known.items()
    for other, its in others:
        if its != names:
            raise UserError(
                f"{other} knows the classes {', '.join(its)}, {first} {', '.join(names)}: only runs "
                "of the same classes can be averaged."
            )


def run_probabilities(
    run: Run, squares: SquareArray, tta: int = 1, batch_size: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Predict prepared squares by a run, or by the mean of an ensemble's runs.

    The mean is that of the runs' log probabilities; the calibration follows.

    Args:
        run: The run or ensemble.
        squares: uint8 (N, P, P, 3), prepared for it.
        tta: As `predict` takes it.
        batch_size: As `predict` takes it.

    Returns:
        float64 (N, classes), calibrated and raw, rows summing to 1; the two are the same where the run
        has no calibration.

    Example:
        >>> calibrated, raw = run_probabilities(load("runs/first"), squares)
    """
    each = [probabilities(member.model, squares, tta, batch_size) for member in run.members]
    raw = geometric_mean(np.array(each))
    return (run.calibration(raw) if run.calibration else raw), raw


def probabilities(
    model: "keras.Model", squares: SquareArray, tta: int = 1, batch_size: int = 64
) -> np.ndarray:
    """Predict the centre crops of prepared squares.

    Args:
        model: A built model: RGB (N, S, S, 3) in [0, 255] in, probabilities out.
        squares: uint8 (N, P, P, 3), P at least S.
        tta: Views a square, 1 to 8.
        batch_size: Squares at a time.

    Returns:
        float64 (N, classes), each row summing to 1.

    Example:
        >>> probabilities(build("cervixnet2", image_size=64), np.zeros((2, 74, 74, 3), "uint8")).shape
        (2, 3)
    """
    size, classes = model.input_shape[1], model.output_shape[-1]
    return mean_of_views(model.predict_on_batch, size, classes, squares, tta, batch_size)


def mean_of_views(
    predict: Callable[[np.ndarray], np.ndarray],
    size: int,
    classes: int,
    squares: SquareArray,
    tta: int = 1,
    batch_size: int = 64,
) -> np.ndarray:
    """Predict the centre crops of prepared squares by whatever takes a batch of them.

    Args:
        predict: uint8 (N, size, size, 3) in, probabilities (N, classes) out.
        size: Side of the crops.
        classes: Their number.
        squares: As `probabilities` takes them.
        tta: As `probabilities` takes it.
        batch_size: As `probabilities` takes it.

    Returns:
        As `probabilities` does.
    """
    total = np.zeros((len(squares), classes))
    for first in range(0, len(squares), batch_size):
        rows = slice(first, first + batch_size)
        for view in crops(squares, size, tta, rows):
            total[rows] += predict(view)
    return total / total.sum(axis=1, keepdims=True)


def crops(squares: SquareArray, size: int, tta: int, rows: slice) -> Iterator[np.ndarray]:
    """Give the views of some squares, one after the other.

    Args:
        squares: uint8 (N, P, P, 3).
        size: Side S of the centre crop, at most P.
        tta: How many views, 1 to 8.
        rows: Which squares.

    Yields:
        uint8 (rows, S, S, 3): the centre crops, then turned by quarter turns and mirrored.
    """
    straight = centre_crop(np.asarray(squares[rows]), size)
    for view in range(tta):
        turned = np.rot90(straight, view % 4, axes=(1, 2))
        yield np.ascontiguousarray(turned[:, :, ::-1] if view >= 4 else turned)
