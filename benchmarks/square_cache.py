"""The cache of squares, one file a set, beside the simpler design of one file a photograph.

    python -m benchmarks.square_cache [--photographs 300 2000] [--rounds 5]

Both decode the same small phantoms, where a cache weighs most, and both check every square. A file a
photograph is written beside its place and renamed; it holds the pixels and their checksum. Read is it
either batch by batch or whole into memory.
"""

import argparse
import itertools
import os
import shutil
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

import cervix_tf as cx
from benchmarks.tables import Row, machine, markdown, ratio, take_turns
from cervix_tf.data.cache_file import photograph_keys
from cervix_tf.data.decoding_pass import decode_all
from cervix_tf.data.photographs import cores

SIDE, BATCH = 256, 32
PIXELS = SIDE * SIDE * 3


class Files:
    """One file a photograph, indexed like the array of squares."""

    def __init__(self, manifest: pd.DataFrame, folder: Path):
        self.photographs = [(Path(path).absolute(), None) for path in manifest["path"]]
        keys = photograph_keys([path for path, _ in self.photographs])
        self.files = [folder / f"{key.tobytes().hex()}.square" for key in keys]
        self.shape, self.dtype, self.ndim = (len(keys), SIDE, SIDE, 3), np.dtype(np.uint8), 4

    def __len__(self) -> int:
        return len(self.files)

    def fill(self) -> "Files":
        """Decode what is missing; a name that stands for path, size and time says what is there."""
        self.files[0].parent.mkdir(parents=True, exist_ok=True)
        missing = [row for row, file in enumerate(self.files) if not file.exists()]
        decode_all(self.photographs, SIDE, missing, self._write, None)
        return self

    def _write(self, row: int, pixels: np.ndarray) -> None:
        part = self.files[row].with_suffix(f".{os.getpid()}")
        content = pixels.tobytes()
        part.write_bytes(content + zlib.crc32(content).to_bytes(4, "little"))
        part.replace(self.files[row])

    def _read(self, row: int) -> np.ndarray:
        content = self.files[row].read_bytes()
        if zlib.crc32(content[:PIXELS]) != int.from_bytes(content[PIXELS:], "little"):
            raise SystemExit(f"{self.files[row]} is damaged.")
        return np.frombuffer(content, np.uint8, PIXELS).reshape(SIDE, SIDE, 3)

    def __getitem__(self, key) -> np.ndarray:
        rows, *rest = key
        return np.stack([self._read(row) for row in rows])[(slice(None), *rest)]

    def whole(self) -> np.ndarray:
        """Read all into memory."""
        array = np.empty(self.shape, np.uint8)
        with ThreadPoolExecutor(cores()) as pool:
            list(pool.map(lambda row: array.__setitem__(row, self._read(row)), range(len(self))))
        return array


def epoch(array) -> None:
    """Hand over every full batch once, in the order in which `fit` trains on them."""
    stream = cx.data.training_stream(array, np.zeros(len(array)), BATCH, seed=0)
    for images, _, _ in itertools.islice(stream, len(array) // BATCH):
        images.numpy()[0, 0, 0, 0]


def forgotten(folder: Path) -> None:
    """Have the system read the files from the disk again, where it can be told."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file() and hasattr(os, "posix_fadvise"):
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measured(manifest: pd.DataFrame, folder: Path, rounds: int) -> list[Row]:
    count = len(manifest)
    one, each = folder / "one", folder / "each"
    files = Files(manifest, each)
    clear = lambda: [shutil.rmtree(path, ignore_errors=True) for path in (one, each)]  # noqa: E731
    whole = lambda: cx.data.prepare(manifest, SIDE, one)  # noqa: E731
    clear()
    first = take_turns({"one file": whole, "files": files.fill}, rounds, clear)
    whole(), files.fill()
    opened = {
        "one file": whole,
        "files": lambda: [file.exists() for file in files.files],
        "whole": files.whole,
    }
    passes = {
        "one file": lambda: epoch(whole().array),
        "files": lambda: epoch(files.fill()),
        "whole": lambda: epoch(files.fill().whole()),
    }
    array = whole().array
    epochs = {"one file": lambda: epoch(array), "files": lambda: epoch(files)}
    rows = []
    for title, seconds in (
        (f"First pass of {count}", first),
        ("Opening them", take_turns(opened, rounds)),
        ("Opening them and an epoch's batches", take_turns(passes, rounds)),
        ("The same from the disk", take_turns(passes, rounds, lambda: forgotten(folder))),
        ("Another epoch's batches", take_turns(epochs, rounds)),
    ):
        each = {name: np.median(turns) / count * 1000 for name, turns in seconds.items()}
        figure = ", ".join(f"{name} {spent:.3f}" for name, spent in each.items())
        beside = " and ".join(
            f"{ratio(seconds, 'one file', name):.2f}" for name in seconds if name != "one file"
        )
        rows.append((title, f"{figure} ms a photograph", beside, ""))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", type=int, nargs="+", default=[300, 2000])
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        drawn = cx.data.phantom(Path(scratch) / "in", per_class=100, seed=1, sizes=[(480, 640)])
        for count in chosen.photographs:
            folder = Path(scratch) / str(count)
            folder.mkdir()
            many = drawn.iloc[np.arange(count) % len(drawn)].reset_index(drop=True)
            paths = [folder / f"{row}.jpg" for row in range(count)]
            for path, drawing in zip(paths, many["path"], strict=True):
                path.symlink_to(Path(drawing).absolute())
            many["path"] = [str(path) for path in paths]
            rows += measured(many, folder, chosen.rounds)
    print(markdown(machine("numpy tensorflow"), rows))


if __name__ == "__main__":
    main()
