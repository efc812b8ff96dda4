"""The harness over every registered network, once; its table goes into docs/appendix/networks.md.

    python -m benchmarks.keras_table [--only NAME ...]

Each network is built with random weights on small images, takes uint8 and float32,
takes one training step, and is saved and loaded with the same predictions (tests/models/harness.py). A
network that fails, or has other parameters than `cx.models.spec` says, is listed and the exit code is 1.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.tables import ROOT
from cervix_tf import models
from tests.models.harness import exercise

PAGE = ROOT / "docs" / "appendix" / "networks.md"
START, END = "<!-- networks: written by benchmarks/keras_table.py -->", "<!-- networks: end -->"


# On the smallest images the last maps are one pixel, and a training step normalises two values; through
# a thousand layers of it the gradient of this one overflows.
SIZES = {"keras:EfficientNetV2L": 96}


def run(name):
    """Put one network through the harness; its parameters and the seconds it took."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        # The parameters of the report's own networks depend on the size of their last maps.
        own = name.startswith("cervixnet")
        size = models.spec(name).image_size if own else models.spec(name).smallest
        size = SIZES.get(name, size)
        model = exercise(name, Path(folder), size)
    return model.count_params(), time.perf_counter() - start


def markdown(rows):
    lines = [
        "| network | parameters | image size | smallest | first layer expects | weights |",
        "|---|---:|---:|---:|---|---|",
    ]
    lines += [
        f"| `{row['name']}` | {row['parameters']:,} | {row['image_size']} | {row['smallest']} "
        f"| {row['value_range']} | {', '.join(row['weights'])} |"
        for row in rows
    ]
    return "\n".join(lines)


def write(table, note):
    """Replace the section between the two marks, or add it."""
    section = f"{START}\n\n{note}\n\n{table}\n\n{END}"
    text = PAGE.read_text() if PAGE.exists() else "# Tables of the networks\n"
    if START in text:
        before, _, rest = text.partition(START)
        text = before + section + rest.partition(END)[2]
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=models.names())
    names = parser.parse_args().only
    failed = []
    # A process for each network: its memory, gigabytes for the largest, is given back.
    start = multiprocessing.get_context("spawn")
    for name in names:
        with ProcessPoolExecutor(1, mp_context=start) as pool:
            try:
                parameters, seconds = pool.submit(run, name).result()
            except Exception:  # the others are still to be run
                traceback.print_exc()
                failed.append(name)
                continue
        print(f"{name}: {parameters} parameters, {seconds:.0f} s", flush=True)
        if parameters != models.spec(name).parameters:
            failed.append(f"{name} (spec says {models.spec(name).parameters})")
    if failed:
        sys.exit("Failed: " + ", ".join(failed))
    if names == models.names():
        note = (
            "Every network below passed the harness of the tests (prediction on uint8 and float32, one "
            "training step, saved and loaded with the same predictions). Parameters are those of the "
            "classifier of three classes; sizes are sides in pixels."
        )
        write(markdown(models.table()), note)


if __name__ == "__main__":
    main()
