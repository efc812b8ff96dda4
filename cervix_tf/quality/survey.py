"""Every photograph of a manifest is shown once while it is decoded to its square and kept."""

import threading
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data.cache_file import CacheFile, origin, photograph_keys
from cervix_tf.data.decoding_pass import PhotographList, See, UnreadablePhotographs, decode_all
from cervix_tf.data.photographs import Progress, read_bytes
from cervix_tf.data.squares import cache_folder, kept
from cervix_tf.data.threads import spread


def survey(
    manifest: pd.DataFrame,
    size: int,
    see: See,
    cache: Path | str | None = None,
    progress: Progress | None = None,
) -> dict[int, str]:
    """Hand every readable photograph of a manifest to `see` once, decoded and kept as by `prepare`.

    Nothing is decoded that lies in the cache, and nothing stays in memory. A later `prepare` of the
    readable photographs, or of a part of them, finds their squares in the folder.

    Args:
        manifest: A manifest; only its column `path` is used.
        size: Side of the squares in pixels.
        see: Called from several threads with the row, its square and the content of its file.
        cache: As for `prepare`; "memory" and "none" keep nothing.
        progress: Called with the number of photographs done so far and of all.

    Returns:
        The reasons of the photographs that cannot be read, by row.
    """
    photographs = PhotographList(manifest["path"], [None] * len(manifest))  # the centred squares
    paths = photographs.paths
    seen, mutex = np.zeros(len(paths), bool), threading.Lock()

    def note(row: int, pixels: np.ndarray, data: bytes) -> None:
        see(row, pixels, data)
        with mutex:
            seen[row] = True
            if progress:
                progress(int(seen.sum()), len(paths))

    reasons: dict[int, str] = {}
    with nullcontext() if cache in ("memory", "none") else cache_folder(cache) as folder:
        file = folder and CacheFile(folder, size, photograph_keys(paths), origin(paths))
        try:
            if file:
                kept(photographs, file, None, note)
            else:
                decode_all(
                    photographs, size, range(len(paths)), lambda row, pixels: None, None, note
                )
        except UnreadablePhotographs as error:
            reasons = error.reasons
        if file:
            rest = [row for row in np.flatnonzero(~seen).tolist() if row not in reasons]
            # Mapped anew for each photograph, lest all that was read stays in memory.
            spread(lambda k: note(k, file.open()[k], read_bytes(Path(paths[k]))), rest)
    if progress:
        progress(len(paths), len(paths))
    return reasons
