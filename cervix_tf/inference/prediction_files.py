"""Predictions written to a file as they are made, in parts, so that an interrupted prediction goes on."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cervix_tf.data.cache_file import photograph_keys
from cervix_tf.data.crops import regions
from cervix_tf.data.outputs import check_not_read
from cervix_tf.data.tables import read_header, read_table
from cervix_tf.errors import UserError, need_package
from cervix_tf.files import check_output, replacing, write_csv
from cervix_tf.inference.engines import Runs
from cervix_tf.inference.prediction_cluster import made_parts
from cervix_tf.inference.prediction_parts import errors_of, is_intact, parts_folder, write_part
from cervix_tf.inference.prediction_stream import PredictionStream, Progress, prediction_stream
from cervix_tf.inference.prediction_table import check_row, per_group

ERRORS = ("image", "path", "reason")
TEXT = ("image", "path", "set", "flags", "group", "reason")


@dataclass(frozen=True)
class Written:
    """What `write_predictions` wrote.

    Attributes:
        path: The file.
        rows: How many photographs, or groups, it holds.
        unreadable: How many photographs could not be read.
        errors: The CSV that names them; None if there are none.
    """

    path: Path
    rows: int
    unreadable: int = 0
    errors: Path | None = None


def write_predictions(
    runs: Runs,
    photographs: Any,
    path: Path | str,
    tta: int = 1,
    batch_size: int = 64,
    cache: str | Path | None = "none",
    progress: Progress | None = None,
    raw: bool = False,
    per: str = "photograph",
    sets: float | None = None,
    flags: bool = False,
    engine: str = "keras",
    on_error: str = "stop",
    shard: str | None = None,
    ray: str | None = None,
) -> Written:
    """Predict photographs on disk into a file; the same call goes on after a kill where it stopped.

    Parts of 1024 photographs lie in the folder `FILE.parts` until the file is whole. A part counts only
    for the same runs, options and photographs (path, size and times of change), and as it was written, by
    the checksums beside it, so that nothing is mixed up. Memory does not grow with the number of
    photographs, but for some hundred bytes for each name.

    Args:
        runs: As `predict` takes them.
        photographs: As `predict` takes them; no pictures in memory.
        path: The file to write: CSV, or Parquet where its name ends in `.parquet` (extra `parquet`).
        tta: As `predict` takes it.
        batch_size: As `predict` takes it.
        cache: As `predict` takes it.
        progress: As `predict` takes it.
        raw: As `predict` takes it.
        per: As `predict` takes it.
        sets: As `predict` takes it.
        flags: As `predict` takes it.
        engine: As `predict` takes it.
        on_error: As `predict` takes it; recorded, the photographs stand with the reason in a CSV beside
            the file, called `STEM.errors.csv`.
        shard: As `predict` takes it; each share has a file of its own.
        ray: As `predict` takes it; the parts are written here, and those that were made without a cluster
            count as well.

    Returns:
        Where it is and how much it holds.

    Raises:
        UserError: As of `predict`; pyarrow is missing, or another process writes the same file.

    Example:
        >>> write_predictions("runs/first", "photographs", "predictions.csv").rows
    """
    check_output(path)
    target = Path(path)
    check_not_read(target, [photographs])
    if target.suffix not in (".csv", ".parquet"):
        raise UserError(f"{target}: name a file that ends in .csv or .parquet.")
    if target.suffix == ".parquet":
        need_package("pyarrow", "parquet")
    check_row(per, sets, flags, shard)
    stream = prediction_stream(
        runs, photographs, tta, batch_size, cache, raw, sets, flags, engine, on_error, shard, ray
    )
    if stream.photographs.pictures:
        raise UserError("Pictures in memory cannot be told from others later: give paths.")
    if on_error == "record":
        _check_table_of_errors(errors_of(target))
    options = [tta, batch_size, raw, stream.threshold, flags, engine, on_error]
    with parts_folder(target) as folder:
        names = _names(stream, options)
        files = {part: folder / name for part, name in zip(stream.parts(), names, strict=True)}
        _predict(stream, files, progress, ray)
        kept = [errors_of(file) for file in files.values()]
        lost = [read_table(errors) for errors in kept if errors.is_file()]
        errors, errors_path = pd.concat(lost) if lost else None, errors_of(target)
        if per == "group":
            rows = _write_groups(stream, files.values(), errors, target)
        else:
            rows = len(stream.photographs.table) - (0 if errors is None else len(errors))
            _write(files.values(), target, stream.engines[0].class_names)
        if errors is None:
            if _is_table_of_errors(errors_path):  # of an earlier prediction
                errors_path.unlink()
            return Written(target, rows)
        write_csv(errors, errors_path)
        return Written(target, rows, len(errors), errors_path)


def _names(stream: PredictionStream, options: list) -> Iterator[str]:
    """Name each part by its place and by all that its content depends on."""
    table = stream.photographs.table
    paths = table["path"].tolist()
    crops = sorted({one.crop for one in stream.engines})
    keys = [photograph_keys(paths, regions(table, crop)) for crop in crops]
    models = [one.fingerprint() for one in stream.engines]
    base = hashlib.blake2b(json.dumps([models, options]).encode(), digest_size=8)
    for part in stream.parts():
        digest = base.copy()
        for of_crop in keys:
            digest.update(of_crop[part.start : part.stop].tobytes())
        digest.update(
            "\0".join(table["image"][part.start : part.stop]).encode(errors="surrogateescape")
        )
        yield f"{part.start:09}-{digest.hexdigest()}.csv"


def _predict(
    stream: PredictionStream, files: dict[range, Path], progress: Progress | None, ray: str | None
) -> None:
    """Predict the parts that are not there yet, each written whole before the next one's table."""
    left = [part for part, file in files.items() if not is_intact(file)]
    count = len(stream.photographs.table)
    before = count - sum(map(len, left))

    def shown(done: int, _: int) -> None:
        if progress:
            progress(before + done, count)

    with closing(made_parts(stream, left, ray, shown)) as made:
        for part, table in made:
            write_part(files[part], table, stream.errors(part))


def _is_table_of_errors(path: Path) -> bool:
    if path.is_file():
        with suppress(UserError):  # no table at all
            return tuple(read_header(path)) == ERRORS
    return False


def _check_table_of_errors(path: Path) -> None:
    """Refuse to write over a file that is no table of an earlier prediction."""
    if path.exists() and not _is_table_of_errors(path):
        raise UserError(
            f"{path} would be the table of unreadable photographs, but is something else: move it away, "
            "or name another file to write."
        )


def _write_groups(
    stream: PredictionStream, files: Iterable[Path], errors: pd.DataFrame | None, target: Path
) -> int:
    """Average the parts over groups, write these and count them."""
    table = pd.concat([read_table(file, TEXT) for file in files])
    known = stream.photographs.table
    read = ~known["path"].isin([] if errors is None else errors["path"]).to_numpy()
    groups = per_group(table, known, read, stream.engines[0].class_names)
    if target.suffix == ".parquet":
        _write_parquet([groups], target)
    else:
        write_csv(groups, target)
    return len(groups)


def _write(files: Iterable[Path], target: Path, classes: list[str]) -> None:
    """Join the parts to the file."""
    if target.suffix == ".parquet":
        _write_parquet((read_table(file, TEXT) for file in files), target)
        return
    lines = 1 + sum(name.count("\n") for name in classes)  # of a part's head
    with replacing(target) as whole, whole.open("wb") as out:
        for number, file in enumerate(files):
            with file.open("rb") as part:
                head = b"".join(part.readline() for _ in range(lines))
                out.write(b"" if number else head)
                shutil.copyfileobj(part, out)


def _write_parquet(tables: Iterable[pd.DataFrame], target: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    writer = None
    with replacing(target) as whole:
        for table in tables:
            kinds = {name: pyarrow.float64() for name in table} | {
                name: pyarrow.int64() if name == "photographs" else pyarrow.string()
                for name in (*TEXT, "photographs")
                if name in table
            }
            schema = pyarrow.schema(kinds)
            writer = writer or parquet.ParquetWriter(whole, schema)
            plain = {name: list(table[name].where(table[name].notna(), None)) for name in table}
            writer.write_table(pyarrow.table(plain, schema))
        if writer:
            writer.close()
