"""The most memory of `fit` and `predict` by the number of photographs, and a manifest of a million rows.

    python -m benchmarks.memory [--photographs 1000 20000 100000] [--rows 1000000]
                                [--write docs/appendix/scale.md]

Photographs are hard links to a few phantoms, prepared for 96 pixels; the network is small, since memory
is asked for, not speed. Each verb is a process of its own, whose memory is read twenty times a second, on
Linux alone: what it holds by itself (RssAnon), and all that counts as resident. The manifest is a table
of names of no files.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd

import cervix_tf as cx
from benchmarks.tables import machine, markdown, write

RECIPE = """\
model: {name: cervixnet2, widths: [16, 16, 32]}
image_size: 96
batch_size: 32
stages: [{train: all, steps: 40}]
validate_every: 40
"""
VERBS = ("measured", "own memory", "above TensorFlow's", "resident", "seconds")
BARE = "import numpy, tensorflow as tf; (tf.zeros((64, 96, 96, 3)) + 1).numpy()"


def linked(originals: list[Path], folder: Path, count: int) -> Path:
    """A folder a class, of so many hard links in all."""
    for k in range(count):
        path = folder / f"Type_{k % 3 + 1}" / f"{k}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(originals[k % len(originals)])
    return folder


def peak(*words: object) -> dict[str, float]:
    """Run a Python process; the most GB of its own and in all, and its seconds."""
    began, most = time.perf_counter(), {"own": 0.0, "all": 0.0}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, *map(str, words)], stdout=said, stderr=subprocess.STDOUT
        )
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                break
            for name, field in (("own", "RssAnon:"), ("all", "VmRSS:")):
                found = [line.split()[1] for line in status.splitlines() if line.startswith(field)]
                most[name] = max(most[name], *(int(kb) / 1e6 for kb in found), 0.0)
            time.sleep(0.05)
        if process.wait():
            said.seek(0)
            raise SystemExit(said.read().decode())
    return {**most, "seconds": time.perf_counter() - began}


def verbs(counts: list[int], folder: Path) -> tuple[str, list[tuple[str, ...]]]:
    cx.data.phantom(folder / "drawn", per_class=4, seed=1, sizes=[(144, 192)])
    originals = sorted((folder / "drawn").rglob("*.jpg"))
    (folder / "recipe.yaml").write_text(RECIPE)
    bare = peak("-c", BARE)
    print(f"TensorFlow alone: {bare}", flush=True)
    found: dict[tuple[str, int], dict[str, float]] = {}
    for count in counts:
        photographs = linked(originals, folder / f"in-{count}", count)
        pd.DataFrame({"path": [str(p) for p in photographs.rglob("*.jpg")]}).to_csv(
            folder / f"{count}.csv", index=False
        )
        run, cli = folder / f"run-{count}", ("-m", "cervix_tf.cli")
        found["fit", count] = peak(
            *cli, "fit", "--recipe", folder / "recipe.yaml", "--data", photographs, "--run", run,
            "--cache", folder / "cache",
        )  # fmt: skip
        found["predict", count] = peak(
            *cli, "predict", run, folder / f"{count}.csv", "--out", folder / f"{count}.out.csv"
        )
        for verb in ("fit", "predict"):
            print(verb, count, found[verb, count], flush=True)
    rows = []
    for verb in ("fit", "predict"):
        first = found[verb, counts[0]]
        for count in counts:
            this = found[verb, count]
            rows.append(
                (
                    f"`{verb}` with {count:,} photographs",
                    f"{this['own']:.2f} GB",
                    f"{this['own'] - bare['own']:.2f} GB",
                    f"{this['all']:.2f} GB",
                    f"{this['seconds']:.0f}",
                    f"{this['own'] / first['own']:.2f}",
                    f"{this['all'] / first['all']:.2f}",
                )
            )
    return f"TensorFlow's own: {bare['own']:.2f} GB.", rows


ROWS = """
import resource, sys, time
import numpy as np, pandas as pd
import cervix_tf as cx
from cervix_tf.data.cache_file import photograph_keys
from cervix_tf.data.manifests import class_names, labels, read_csv, validated, write_manifest
from cervix_tf.data.splits import check_split
from pathlib import Path

count, folder = int(sys.argv[1]), Path(sys.argv[2])
draw = np.random.default_rng(0)
table = pd.DataFrame({
    "path": [f"/photographs/{k // 1000}/{k}.jpg" for k in range(count)],
    "label": np.array(["Type_1", "Type_2", "Type_3"])[draw.integers(0, 3, count)],
    "group": [f"patient {k}" for k in draw.integers(0, count // 3, count)],
})
works = {
    "checking it": lambda: validated(table, "the table", existing=False),
    "writing its CSV": lambda: write_manifest(manifest, folder / "manifest.csv"),
    "reading its CSV": lambda: read_csv(folder / "manifest.csv", existing=False),
    "the cache's keys": lambda: photograph_keys(manifest["path"].tolist()),
    "its classes as numbers": lambda: labels(manifest, class_names(manifest)),
    "`split`": lambda: split_kept.append(cx.data.split(manifest)),
    "checking the split": lambda: check_split(split_kept[0]),
    "`folds`, five": lambda: len(cx.data.folds(manifest, 5)),
}
manifest, split_kept = None, []
for name, work in works.items():
    began = time.perf_counter()
    made = work()
    manifest = made if manifest is None else manifest
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{name}|{time.perf_counter() - began:.1f}|{most:.2f} GB", flush=True)
from cervix_tf.data import streams
began = time.perf_counter()
for epoch in range(5):
    streams.order(0, epoch, count)
print(f"the order of an epoch|{(time.perf_counter() - began) / 5:.1f}|"
      f"{streams.order(0, 0, count).nbytes / 1e6:.0f} MB of its own")
"""


def million(count: int, folder: Path) -> list[tuple[str, ...]]:
    done = subprocess.run(
        [sys.executable, "-c", ROWS, str(count), str(folder)], stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise SystemExit(done.returncode)
    return [tuple(line.split("|")) for line in done.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", type=int, nargs="*", default=[1000, 20_000, 100_000])
    parser.add_argument("--rows", type=int, default=1_000_000, help="0 for none")
    parser.add_argument("--write", type=Path, help="a page with markers for the tables")
    chosen = parser.parse_args()
    tables, packages = {}, "tensorflow keras pandas scikit-learn"
    with tempfile.TemporaryDirectory() as scratch:
        if chosen.photographs:
            own, rows = verbs(chosen.photographs, Path(scratch))
            head = (
                "On hard links to 12 phantoms of 144 x 192, prepared for 96 pixels, seed 1; a small "
                f"CervixNet-2; one run. {machine(packages)} {own}"
            )
            first = f"compared with {chosen.photographs[0]:,}"
            last = (f"own, {first}", f"resident, {first}")
            tables["memory"] = markdown(head, rows, (*VERBS, *last))
        if chosen.rows:
            head = (
                f"On {chosen.rows:,} names of no files, a third as many groups, seed 0; one run. "
                f"{machine(packages)}"
            )
            rows = million(chosen.rows, Path(scratch))
            tables["rows"] = markdown(head, rows, ("measured", "seconds", "memory"))
    for mark, table in tables.items():
        print(table, flush=True)
        if chosen.write:
            write(chosen.write, mark, table)


if __name__ == "__main__":
    main()
