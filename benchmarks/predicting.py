"""Predicting a folder, beside decoding it alone and beside the network alone.

    python -m benchmarks.predicting [--rounds 5] [--write docs/appendix/pipeline.md]

The three take turns in one process, on phantoms of a camera's size. A run's network has been called
before, as a second call in a notebook finds it.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import cervix_tf as cx
from benchmarks.tables import Row, machine, markdown, ratio, take_turns, write

NETWORKS = {"cervixnet2": 160, "keras:MobileNet": 160, "inception": 224}


def measured(name: str, size: int, manifest, folder: Path, rounds: int) -> Row:
    stages = [{"train": "head", "steps": 1}]
    recipe = {"model": {"name": name, "weights": "none"}, "image_size": size, "stages": stages}
    few = manifest.groupby("label").head(6).reset_index(drop=True)
    run = cx.training.fit(few, recipe | {"batch_size": 4}, run=folder / "run", cache="memory")
    squares = cx.data.prepare(manifest, run.square_size, cache="memory").array
    seconds = take_turns(
        {
            "predict": lambda: cx.predict(run, manifest),
            "decode": lambda: cx.data.prepare(manifest, run.square_size, cache="memory"),
            "network": lambda: cx.inference.probabilities(run.model, squares),
        },
        rounds,
    )
    rate = {work: len(manifest) / np.median(turns) for work, turns in seconds.items()}
    seconds["both"] = seconds["decode"] + seconds["network"]
    return (
        f"Predicting {len(manifest)} photographs with `{name}` at {size}, compared with decoding them "
        f"alone and then the network alone ({rate['decode']:.0f} and {rate['network']:.0f} images/s)",
        f"{rate['predict']:.0f} images/s",
        f"{ratio(seconds, 'predict', 'both'):.2f}",
        "0.9",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="a page with markers for the table")
    chosen = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        manifest = cx.data.phantom(Path(scratch) / "in", per_class=32, seed=1, sizes=[(2448, 3264)])
        for name, size in NETWORKS.items():
            folder = Path(scratch) / name.replace(":", "-")
            rows.append(measured(name, size, manifest, folder, chosen.rounds))
            print(*rows[-1], sep="  ", flush=True)
    head = f"On drawn phantoms of 2448 x 3264. {machine('tensorflow keras simplejpeg')}"
    table = markdown(head, rows)
    print(table)
    if chosen.write:
        write(chosen.write, "predicting", table)


if __name__ == "__main__":
    main()
