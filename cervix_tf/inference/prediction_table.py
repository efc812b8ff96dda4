"""The table of what runs make of photographs, with sets and flags beside the probabilities."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from cervix_tf.errors import UserError
from cervix_tf.inference.flag_columns import with_photograph_flags
from cervix_tf.inference.patients import check_unit
from cervix_tf.inference.predictions import predictions_of
from cervix_tf.inference.set_column import set_threshold, with_sets
from cervix_tf.runs import Run


def predict(
    runs: Run | Path | str | Sequence[Run | Path | str],
    photographs: Any,
    tta: int = 1,
    batch_size: int = 64,
    cache: str | Path | None = "memory",
    progress: Callable[[int, int], None] | None = None,
    raw: bool = False,
    per: str = "photograph",
    sets: float | None = None,
    flags: bool = False,
) -> pd.DataFrame:
    """Predict the class probabilities of photographs.

    Args:
        runs: A run or its folder, an ensemble or its folder, or several, whose probabilities are
            averaged.
        photographs: A manifest, of which labels are not needed; a folder, a CSV or one photograph by
            its path; an array, uint8 RGB (H, W, 3) or (N, H, W, 3); a PIL image; or paths, arrays and
            PIL images in a list. A run that was trained with `crop: box` or `crop: mask` needs a
            manifest with the boxes or masks of these.
        tta: Views a photograph, 1 to 8: the centre crop alone, or also turned by quarter turns and
            mirrored; their probabilities are averaged (test-time augmentation).
        batch_size: Photographs at a time.
        cache: Where the prepared squares are kept, as `data.prepare` takes it.
        progress: Called with the photographs decoded and their number.
        raw: Whether to leave the networks' probabilities as they are, not calibrated.
        per: `photograph`, or `group` for a row a group (patient), the mean over its photographs.
        sets: A level such as 0.9, at which an ensemble gives the classes that may be the true one; the
            ensemble's figures say how often they hold it, and how many they are.
        flags: Whether to flag photographs that are blurred, dark, green ... or unlike those of the
            training; of several runs, by the first.

    Returns:
        A table in the photographs' order: `image` (the file's name, or `picture 2` for the second of a
        list that has no name), `path` (missing for a picture in memory), then one column a class. The
        probabilities of a row sum to 1. With `per="group"` the first columns are `group` and
        `photographs`, their number. With `sets` a column `set`: the names of classes, joined by `|`.
        With `flags` the columns `flags` and `distance`, as `photograph_flags` gives them.

    Raises:
        UserError: A photograph cannot be read or lacks its box or mask, an array is no RGB picture, the
            runs have different classes, `tta` is out of range, or sets are asked of what is no
            ensemble, or flags of a run without `references.npz`.

    Warns:
        UserWarning: The ensemble has too few groups for the level, so that a set holds every class.

    Example:
        >>> predict("runs/first", "photographs")
        >>> picture = PIL.Image.open("photographs/2.jpg")
        >>> predict(["runs/a", "runs/b"], ["photographs/1.jpg", picture], tta=8)
    """
    check_unit(per)
    if per == "group" and (sets is not None or flags):
        raise UserError("Sets and flags are of photographs: leave out per group.")
    threshold = None if sets is None else set_threshold(runs, sets, raw)
    found = predictions_of(runs, photographs, tta, batch_size, cache, progress, raw)
    if per == "group":  # whatever the labels say
        unlabelled = found.photographs.drop(columns="label", errors="ignore")
        found = replace(found, photographs=unlabelled).per_group()
    table = found.table()
    if threshold is not None:
        table = with_sets(table, found.class_names, threshold)
    if flags:
        table = with_photograph_flags(table, found.run, found.squares)
    return table
