"""Photographs decoded ahead while the network works, and the table of what it makes of them, in parts."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from cervix_tf.data.clusters import check_cluster
from cervix_tf.data.decoding import UnreadableError
from cervix_tf.data.threads import ahead
from cervix_tf.errors import UserError, unknown
from cervix_tf.inference.engines import Engine, Runs, engines
from cervix_tf.inference.flag_columns import with_photograph_flags
from cervix_tf.inference.photographs import Photographs, as_photographs
from cervix_tf.inference.predictions import check_views
from cervix_tf.inference.set_column import set_threshold, with_sets
from cervix_tf.runs import Run

PART = 1024  # photographs: a whole number of batches of the usual size
AHEAD = 2  # batches that are decoded while the network works on one
ON_ERROR = ("stop", "record")
OnError = Literal["stop", "record"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PredictionStream:
    """What predicts, of what, and how: goes through the photographs part by part, in their order.

    Attributes:
        engines: Whose probabilities are averaged.
        photographs: What is predicted.
        tta: Views a photograph.
        batch_size: Photographs at a time.
        cache: As `data.square_reader` takes it.
        threshold: That of the sets; None without.
        flags: Whether photographs are flagged, by the first engine's run.
        on_error: Whether an unreadable photograph ends it, all of them named, or is recorded.
        engine: What kind the engines are.
        raw: Whether they leave the networks' probabilities as they are.
        recorded: The reason for each unreadable photograph that was met, by its row.
    """

    engines: list[Engine]
    photographs: Photographs
    tta: int = 1
    batch_size: int = 64
    cache: str | Path | None = "none"
    threshold: float | None = None
    flags: bool = False
    on_error: OnError = "stop"
    engine: str = "keras"
    raw: bool = False
    recorded: dict[int, str] = field(default_factory=dict)

    def parts(self) -> list[range]:
        """The rows of each part."""
        count = len(self.photographs.table)
        return [range(k, min(k + PART, count)) for k in range(0, count, PART)]

    def tables(
        self, parts: Sequence[range], progress: Progress | None = None
    ) -> Iterator[pd.DataFrame]:
        """Predict parts: of each a table with a row for each photograph that can be read.

        Raises:
            UserError: Photographs cannot be read (all of them are named, unless recorded).
        """
        kinds = list(dict.fromkeys((one.square_size, one.crop) for one in self.engines))
        count = sum(map(len, parts))
        with ExitStack() as stack:
            readers = [
                stack.enter_context(self.photographs.reader(*kind, self.cache)) for kind in kinds
            ]

            def decode(row: int) -> list[np.ndarray] | str:
                try:
                    return [read(row) for read in readers]
                except UnreadableError as error:
                    return str(error)

            decoded = ahead(decode, chain.from_iterable(parts), (1 + AHEAD) * self.batch_size)
            stack.callback(decoded.close)  # type: ignore[attr-defined]
            done = 0
            for part in parts:
                tables, batch, read = [], [], []
                for row in part:
                    made = next(decoded)
                    done += 1
                    if progress:
                        progress(done, count)
                    if isinstance(made, str):
                        self.recorded[row] = made
                    elif self.on_error == "record" or not self.recorded:
                        batch.append(made)
                        read.append(row)
                    if len(batch) == self.batch_size or (batch and row == part[-1]):
                        squares = (np.stack(of_kind) for of_kind in zip(*batch, strict=True))
                        tables.append(self._table(read, dict(zip(kinds, squares, strict=True))))
                        batch, read = [], []
                if self.on_error == "record" or not self.recorded:
                    yield pd.concat(tables) if tables else self._empty()
        if self.recorded and self.on_error == "stop":
            raise self.photographs.unreadable(self.recorded)

    def errors(self, rows: Sequence[int] | None = None) -> pd.DataFrame:
        """A table of the unreadable photographs among some: `image`, `path` and `reason`."""
        known = [row for row in sorted(self.recorded) if rows is None or row in rows]
        table = self.photographs.table.iloc[known][["image", "path"]]
        return table.assign(reason=[self.recorded[row] for row in known])

    def _table(self, rows: list[int], squares: dict[tuple, np.ndarray]) -> pd.DataFrame:
        parts = [
            one.probabilities(squares[one.square_size, one.crop], self.tta, self.batch_size)
            for one in self.engines
        ]
        first = self.engines[0]
        table = self.photographs.table.iloc[rows].reindex(columns=["image", "path"])
        table[first.class_names] = np.mean(parts, axis=0)
        if self.threshold is not None:
            table = with_sets(table, first.class_names, self.threshold)
        if self.flags and first.run:
            shown = squares[first.square_size, first.crop]
            table = with_photograph_flags(table, first.run, shown)
        return table

    def _empty(self) -> pd.DataFrame:
        columns = ["image", "path", *self.engines[0].class_names]
        columns += ["set"] * (self.threshold is not None) + ["flags", "distance"] * self.flags
        return pd.DataFrame(columns=columns)


def prediction_stream(
    runs: Runs,
    photographs: Any,
    tta: int = 1,
    batch_size: int = 64,
    cache: str | Path | None = "none",
    raw: bool = False,
    sets: float | None = None,
    flags: bool = False,
    engine: str = "keras",
    on_error: str = "stop",
    shard: str | None = None,
    ray: str | None = None,
) -> PredictionStream:
    """Open all that `predict` needs; arguments as it takes them. Nothing is decoded yet."""
    if ray is not None:
        check_cluster(ray)
        if cache not in ("none", "memory"):
            raise UserError("A cluster keeps no squares while it predicts: leave out --cache.")
    if on_error not in ON_ERROR:
        raise unknown("way with unreadable photographs", str(on_error), ON_ERROR)
    check_views(tta, batch_size)
    if engine == "onnx" and (sets is not None or flags):
        raise UserError("Sets and flags need the run: leave out --engine onnx.")
    opened = engines(runs, engine, raw)
    known = [one.run for one in opened if isinstance(one.run, Run)]
    threshold = None if sets is None else set_threshold(known, sets, raw)
    given = as_photographs(photographs)
    if shard is not None:
        given = given.of_rows(shard_rows(shard, len(given.table)))
    return PredictionStream(
        opened, given, tta, batch_size, cache, threshold, flags,
        "record" if on_error == "record" else "stop", engine, raw,
    )  # fmt: skip


def shard_rows(shard: str, count: int) -> range:
    """Give the rows of a share: the shares are contiguous, in order, and of one size to one row.

    Args:
        shard: `i/n`, the i-th of n, counted from 1.
        count: The rows of all.

    Returns:
        Those of the share.

    Raises:
        UserError: It is no such share, or there are more shares than rows.
    """
    found = re.fullmatch("([0-9]{1,18})/([0-9]{1,18})", shard) if isinstance(shard, str) else None
    number, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= of:
        raise UserError(f"--shard {shard}: give I/N, such as 1/4 for the first of four shares.")
    if of > count:
        raise UserError(f"--shard {shard}: there are only {count} photographs to share out.")
    return range(count * (number - 1) // of, count * number // of)
