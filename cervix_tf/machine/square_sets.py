"""The sets of prepared squares that a cache keeps, and their removal."""

import fcntl
import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from cervix_tf.caches import user_cache
from cervix_tf.data.cache_file import ROW, photograph_keys
from cervix_tf.data.crops import Crop, regions
from cervix_tf.errors import UserError
from cervix_tf.files import printable

DAY = 86400.0  # seconds
KEPT, PRUNED, IN_USE, REMOVED = "kept", "to be removed", "in use", "removed"
_NAME = re.compile(r"(squares-([0-9]+)-[0-9a-f]{6}-[0-9a-f]{16})\.(npy|part|rows|from)")


def cache(
    folder: Path | str | None = None,
    days: float | None = None,
    keep: pd.DataFrame | None = None,
    remove: bool = False,
) -> pd.DataFrame:
    """List the sets of prepared squares in a cache, and remove those no longer wanted.

    A set is what one manifest needed at one size. Removed are the sets alone, of those only the ones that
    no process uses, and nothing else that lies in the folder; what is gone is decoded again when it is
    needed.

    Args:
        folder: The cache, by default the user's.
        days: Choose the sets that were last used so many days ago or earlier.
        keep: Choose the sets that hold no photograph of this manifest, as it is on the disk now, be it
            whole, cropped to its box or to its mask. With `days`, both have to hold.
        remove: Remove what is chosen; else it is only told.

    Returns:
        A row a set, the one last used first: `name`, `size` (side in pixels), `photographs` (squares that
        are there), `of` (that there will be), `bytes`, `used` (time of the last use, UTC), `origin` (the
        folder of the photographs, empty where it is not known) and `state`: `kept`, `to be removed`, `in
        use` (chosen, and kept as long as another process has it) or `removed`.

    Raises:
        UserError: Nothing is chosen and yet to be removed, sets in the folder are being read or written
            now, or it cannot be locked or written.

    Example:
        >>> cache(days=30)[["origin", "bytes", "state"]]
    """
    place = Path(folder) if folder else user_cache()
    if days is not None and not days >= 0:
        raise UserError(f"{days} days: give 0 or more.")
    chooses = days is not None or keep is not None
    if remove and not chooses:
        raise UserError("Nothing says which sets to remove: give --prune DAYS or --keep DATA.")
    with _alone_in(place) if chooses and place.is_dir() else ExitStack():
        sets = _sets(place)
        table = pd.DataFrame(
            [_described(name, files) for name, files in sets.items()],
            columns=["name", "size", "photographs", "of", "bytes", "used", "origin", "keys"],
        )
        wanted = _wanted(table["keys"], keep)
        old = table["used"] <= time.time() - (days or 0) * DAY
        chosen = chooses & old & ~wanted
        table["state"] = KEPT
        for row in np.flatnonzero(chosen):
            table.loc[row, "state"] = _pruned(sets[table["name"][row]], remove)
    table = table.drop(columns="keys").sort_values("used", ascending=False, ignore_index=True)
    return table.assign(used=pd.to_datetime(table["used"], unit="s"))


def _sets(folder: Path) -> dict[str, list[Path]]:
    """The files of each set, by its name; links and all else that lies there are passed over."""
    sets: dict[str, list[Path]] = {}
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return sets
    except OSError as error:
        raise UserError(f"{folder} cannot be read ({error.strerror}).") from error
    for entry in entries:
        match = _NAME.fullmatch(entry.name)
        if match and entry.is_file(follow_symlinks=False):
            sets.setdefault(match[1], []).append(Path(entry.path))
    return sets


def _described(name: str, files: list[Path]) -> tuple:
    """One row of the table, and the keys of the photographs that are there."""
    by_suffix = {path.suffix: path for path in files}
    states = [path.stat() for path in files]
    records = np.empty(0, ROW)
    if ".rows" in by_suffix:
        data = by_suffix[".rows"].read_bytes()
        records = np.frombuffer(data[: len(data) // ROW.itemsize * ROW.itemsize], ROW)
    there = records["key"][records["sum"] != 0]
    source = by_suffix.get(".from")
    return (
        name,
        int(name.split("-")[1]),
        len(there),
        len(records),
        sum(state.st_size for state in states),
        max(state.st_mtime for state in states),
        printable(os.fsdecode(source.read_bytes())) if source else "",
        there,
    )


def _wanted(keys: pd.Series, keep: pd.DataFrame | None) -> pd.Series:
    """Whether each set holds a photograph of the manifest, by any crop that it can be prepared with."""
    if keep is None:
        return pd.Series(False, keys.index)
    wanted: set[bytes] = set()
    paths = [Path(path).absolute() for path in keep["path"]]
    for crop in get_args(Crop):
        with suppress(UserError), warnings.catch_warnings(action="ignore"):
            used = regions(keep, crop)
            wanted |= {key.tobytes() for key in photograph_keys(paths, used)}
    held = [any(key.tobytes() in wanted for key in some) for some in keys]
    return pd.Series(held, keys.index, bool)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep others from looking for sets in a folder while the block runs."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"Another process reads or writes sets in {folder}: prune when it has ended."
            ) from error
        except OSError as error:
            raise UserError(
                f"{folder} cannot be locked ({error.strerror}): remove squares-* there by hand, when no "
                "process uses them."
            ) from error
        yield
    finally:
        os.close(handle)


def _pruned(files: list[Path], remove: bool) -> str:
    """Remove the files of a set, unless its squares are mapped by a process; or tell what would be."""
    with ExitStack() as stack:
        for path in files:
            file = stack.enter_context(path.open("rb"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return IN_USE
        for path in files if remove else ():
            path.unlink()
    return REMOVED if remove else PRUNED
