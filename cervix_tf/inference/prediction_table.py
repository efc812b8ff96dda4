"""The table of what runs make of photographs, with sets and flags beside the probabilities."""

import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cervix_tf.errors import UserError, listed
from cervix_tf.inference.engines import Runs
from cervix_tf.inference.patients import check_unit, group_means, group_names, group_table
from cervix_tf.inference.prediction_cluster import made_parts
from cervix_tf.inference.prediction_stream import prediction_stream


def predict(
    runs: Runs,
    photographs: Any,
    tta: int = 1,
    batch_size: int = 64,
    cache: str | Path | None = "none",
    progress: Callable[[int, int], None] | None = None,
    raw: bool = False,
    per: str = "photograph",
    sets: float | None = None,
    flags: bool = False,
    engine: str = "keras",
    on_error: str = "stop",
    shard: str | None = None,
    ray: str | None = None,
) -> pd.DataFrame:
    """Predict the class probabilities of photographs, decoding ahead while the network works.

    Args:
        runs: A run or its folder, an ensemble or its folder, or several, whose probabilities are
            averaged; with `engine="onnx"` files that `export` wrote.
        photographs: A manifest, of which labels are not needed; a folder, a CSV or one photograph by
            its path or as bytes; an array, RGB (H, W, 3), grey (H, W) or several (N, H, W, 3); a PIL
            image; or paths, bytes, arrays and PIL images in a list. A run that was trained with
            `crop: box` or `crop: mask` needs a manifest with the boxes or masks of these.
        tta: Views a photograph, 1 to 8: the centre crop alone, or also turned by quarter turns and
            mirrored; their probabilities are averaged (test-time augmentation).
        batch_size: Photographs at a time.
        cache: A folder to keep the prepared squares in, None for the user's cache folder; by default
            each is forgotten when it is predicted.
        progress: Called with the photographs done and their number.
        raw: Whether to leave the networks' probabilities as they are, not calibrated.
        per: `photograph`, or `group` for a row a group (patient), the mean over its photographs.
        sets: A level such as 0.9, at which an ensemble gives the classes that may be the true one; the
            ensemble's figures say how often they hold it, and how many they are.
        flags: Whether to flag photographs that are blurred, dark, green ... or unlike those of the
            training; of several runs, by the first.
        engine: `keras`, or `onnx`: exported files in ONNX Runtime, on the processor, without TensorFlow
            (extra `export`); a file's calibration is inside, so that views are averaged after it.
        on_error: `stop` at photographs that cannot be read, which are all named; or `record`: they are
            left out, with a warning.
        shard: `I/N`, such as `1/4`: only the first of four shares of the photographs, contiguous in
            their order.
        ray: Predict on a Ray cluster (extra `ray`): `local`, one of this machine; `auto`, the one that
            runs on it; or `HOST:PORT`. Photographs and runs have the same paths on every machine.

    Returns:
        A table in the photographs' order: `image` (the file's name, or `picture 2` for the second of a
        list that has no name), `path` (missing for a picture in memory), then one column a class. The
        probabilities of a row sum to 1. With `per="group"` the first columns are `group` and
        `photographs`, their number. With `sets` a column `set`: the names of classes, joined by `|`.
        With `flags` the columns `flags` and `distance`, as `photograph_flags` gives them.

    Raises:
        UserError: A photograph cannot be read or lacks its box or mask, an array is no RGB picture, the
            runs have different classes, `tta` is out of range, or sets are asked of what is no
            ensemble, or flags of a run without `references.npz`, or the cluster cannot be reached.

    Warns:
        UserWarning: The ensemble has too few groups for the level, so that a set holds every class; or
            photographs are left out.

    Example:
        >>> predict("runs/first", "photographs")
        >>> picture = PIL.Image.open("photographs/2.jpg")
        >>> predict(["runs/a", "runs/b"], ["photographs/1.jpg", picture], tta=8)
    """
    check_row(per, sets, flags, shard)
    stream = prediction_stream(
        runs, photographs, tta, batch_size, cache, raw, sets, flags, engine, on_error, shard, ray
    )
    with closing(made_parts(stream, stream.parts(), ray, progress)) as made:
        tables = {part.start: table for part, table in made}
    table = pd.concat([tables[start] for start in sorted(tables)]).reset_index(drop=True)
    lost = stream.errors()
    if len(lost):
        warnings.warn(
            f"{len(lost)} photographs cannot be read and are left out: {listed(lost['image'])}.",
            stacklevel=2,
        )
    if per == "group":
        known = stream.photographs.table
        read = ~known.index.isin(lost.index)
        table = per_group(table, known, read, stream.engines[0].class_names)
    return table


def check_row(per: str, sets: float | None, flags: bool, shard: str | None) -> None:
    """Refuse what is not told of a group of photographs."""
    check_unit(per)
    if per == "group" and (sets is not None or flags):
        raise UserError("Sets and flags are of photographs: leave out per group.")
    if per == "group" and shard:
        raise UserError("A group may lie in several shards: leave out per group, or the shard.")


def per_group(
    table: pd.DataFrame, known: pd.DataFrame, read: np.ndarray, classes: list[str]
) -> pd.DataFrame:
    """Average a table over the photographs of each group; their manifest's labels do not matter.

    Args:
        table: A row for each photograph that was read.
        known: A row for each photograph.
        read: (N,) whether it was read.
        classes: The columns to average.

    Returns:
        A row a group: `group`, `photographs`, then the classes.

    Warns:
        UserWarning: Of a group no photograph was read.
    """
    every = group_names(known)
    groups = every[read]
    if gone := dict.fromkeys(every[~np.isin(every, groups)]):
        warnings.warn(
            f"{len(gone)} groups have no photograph that can be read, and so no row: {listed(gone)}.",
            stacklevel=3,
        )
    named = known[read].drop(columns="label", errors="ignore").assign(group=groups)
    rows = group_table(named)[["group", "photographs"]]
    rows[classes] = group_means(table[classes].to_numpy("float64"), groups)
    return rows
