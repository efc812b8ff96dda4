"""Every photograph of a set decoded once: on the cores of this machine, or of a Ray cluster."""

import functools
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from cervix_tf.data.clusters import each
from cervix_tf.data.crops import Region
from cervix_tf.data.decoding import UnreadableError
from cervix_tf.data.names import absolute
from cervix_tf.data.photographs import Progress, read_bytes, square
from cervix_tf.data.threads import spread
from cervix_tf.errors import UserError

Store = Callable[[int, np.ndarray], None]
See = Callable[[int, np.ndarray, bytes], None]
Photograph = tuple[Path, Region]  # where it is, and what of it is used

TOGETHER = 64  # photographs that a worker of a cluster decodes before it sends their squares


class PhotographList(Sequence[Photograph]):
    """Photographs of a table by row; a path is text, which the table shares, until it is asked for.

    Attributes:
        paths: Their absolute paths.
        regions: What of each is used.
    """

    def __init__(self, paths: Iterable[str], regions: list[Region]):
        self.paths = [absolute(path) for path in paths]
        self.regions = regions

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row):
        return Path(self.paths[row]), self.regions[row]


class UnreadablePhotographs(UserError):
    """Photographs of a set cannot be read.

    Attributes:
        reasons: What is wrong with each, by its row.
    """

    def __init__(self, paths: list[Path], reasons: dict[int, str]):
        root = os.path.commonpath([path.parent for path in paths])
        alike: dict[str, list[str]] = {}  # one reason may be that of thousands
        for k in sorted(reasons):
            alike.setdefault(reasons[k], []).append(str(paths[k].relative_to(root)))
        named = "; ".join(f"{', '.join(names)} ({why})" for why, names in alike.items())
        super().__init__(
            f"{len(reasons)} of {len(paths)} photographs in {root} cannot be read: {named}. Replace "
            "them or take them out of the manifest, then run again."
        )
        self.reasons = reasons


def decode_all(
    photographs: Sequence[Photograph],
    size: int,
    rows: Sequence[int],
    store: Store,
    progress: Progress | None,
    see: See | None = None,
    ray: str | None = None,
) -> None:
    """Decode some photographs, one thread a core.

    Args:
        photographs: Photographs, and what of each is used.
        size: Side of the squares.
        rows: Which of them to decode.
        store: Called from the threads with the row and its square.
        progress: Called from the threads, one at a time, with the number of squares there are by
            now, and of all.
        see: Called like `store`, with the content of the file too; not with `ray`.
        ray: The cluster to decode on, as `clusters.check_cluster` takes it; None for this process.

    Raises:
        UnreadablePhotographs: Some cannot be read; the others were stored all the same.
        UserError: The cluster cannot be reached, or ended.
    """
    reasons: dict[int, str] = {}
    done, mutex = [len(photographs) - len(rows)], threading.Lock()

    def decode_one(row: int) -> None:
        try:
            path, region = photographs[row]
            if see is None:
                store(row, square(path, size, region))
                return
            data = read_bytes(path)
            pixels = square(path, size, region, data)
            store(row, pixels)
            see(row, pixels, data)
        except UnreadableError as error:
            reasons[row] = str(error)

    def count() -> None:
        if progress:
            with mutex:
                done[0] += 1
                progress(done[0], len(photographs))

    def work(row: int) -> None:
        decode_one(row)
        count()

    if ray is None:
        # Ctrl+C or a full disk ends the pass after the photographs in hand.
        spread(work, rows)
    else:
        batches = [
            [(row, *photographs[row]) for row in rows[k : k + TOGETHER]]
            for k in range(0, len(rows), TOGETHER)
        ]
        with closing(each(functools.partial(_decoder, size), batches, ray, whole=False)) as decoded:
            for row, made in (pair for batch in decoded for pair in batch):
                if isinstance(made, str):
                    reasons[row] = made
                else:
                    store(row, made)
                count()
    if reasons:
        raise UnreadablePhotographs([path for path, _ in photographs], reasons)


def _decoder(size: int) -> Callable[[list], list]:
    """What a worker of a cluster does: of each row a square, or why there is none."""

    def decode(batch: list[tuple[int, Path, Region]]) -> list[tuple[int, np.ndarray | str]]:
        made: list[tuple[int, np.ndarray | str]] = []
        for row, path, region in batch:
            try:
                made.append((row, square(path, size, region)))
            except UnreadableError as error:
                made.append((row, str(error)))
        return made

    return decode
