"""The parts of a prediction on a Ray cluster, each by a worker that has the networks."""

import functools
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd

from cervix_tf.data.clusters import each
from cervix_tf.data.crops import regions
from cervix_tf.data.decoding_pass import UnreadablePhotographs
from cervix_tf.errors import UserError
from cervix_tf.inference.engines import engines
from cervix_tf.inference.photographs import Photographs
from cervix_tf.inference.prediction_stream import PredictionStream, Progress

Part = tuple[int, pd.DataFrame]  # its first row, and the photographs
Made = tuple[
    int, pd.DataFrame | None, dict[int, str]
]  # the first row, what `tables` gives, reasons


def made_parts(
    stream: PredictionStream,
    parts: Sequence[range],
    ray: str | None = None,
    progress: Progress | None = None,
) -> Generator[tuple[range, pd.DataFrame], None, None]:
    """Predict parts in this process, in their order, or on a cluster, in whatever order they come.

    Args:
        stream: What predicts, and of what.
        parts: The rows of each part.
        ray: The cluster, as `data.clusters.check_cluster` takes it; None for this process.
        progress: Called with the photographs done and their number; on a cluster after each part.

    Yields:
        Each part once, and its table, as `PredictionStream.tables` gives it.

    Raises:
        UserError: Photographs cannot be read, are in memory, or the cluster cannot be reached, or ended.
    """
    if ray is None:
        yield from zip(parts, stream.tables(parts, progress), strict=True)
        return
    if stream.photographs.pictures:
        raise UserError("Pictures in memory are not on the cluster's machines: give paths.")
    table = stream.photographs.table
    for crop in dict.fromkeys(one.crop for one in stream.engines):
        regions(table, crop)  # what lacks for it is said before any work
    if "mask" in table:  # workers have another folder of their own
        table = table.assign(mask=table["mask"].map(os.path.abspath, na_action="ignore"))
    items = [
        (part.start, table.iloc[part.start : part.stop].reset_index(drop=True)) for part in parts
    ]
    rows = {part.start: part for part in parts}
    done, count = 0, sum(map(len, parts))
    predicted = each(_opener(stream), items, ray, whole=True, gpus=stream.engine == "keras")
    with closing(predicted) as results:
        for start, made, reasons in results:
            part = rows[start]
            stream.recorded.update({start + row: why for row, why in reasons.items()})
            done += len(part)
            if progress:
                progress(done, count)
            if made is not None:
                yield part, made.set_axis(made.index + start)
    if stream.recorded and stream.on_error == "stop":
        raise stream.photographs.unreadable(stream.recorded)


def _opener(stream: PredictionStream) -> Callable[[], Callable[[Part], Made]]:
    """What opens the networks in a worker: all that it is sent are the paths of their files."""
    runs = [str(Path(one.name).absolute()) for one in stream.engines]
    options = {
        "tta": stream.tta,
        "batch_size": stream.batch_size,
        "threshold": stream.threshold,
        "flags": stream.flags,
        "on_error": stream.on_error,
    }
    return functools.partial(_predictor, runs, stream.engine, stream.raw, options)


def _predictor(runs: list[str], engine: str, raw: bool, options: dict) -> Callable[[Part], Made]:
    """What a worker does with a part."""
    nothing = Photographs(pd.DataFrame())
    opened = PredictionStream(engines(runs, engine, raw), nothing, **options)

    def predict(part: Part) -> Made:
        start, photographs = part
        stream = replace(opened, photographs=Photographs(photographs), recorded={})
        try:
            (table,) = stream.tables([range(len(photographs))])
        except UnreadablePhotographs:
            table = None
        return start, table, stream.recorded

    return predict
