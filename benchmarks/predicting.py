"""Predicting a folder, beside decoding it alone and beside the network alone; and while a device works.

    python -m benchmarks.predicting [--rounds 5] [--write docs/appendix/pipeline.md]

All take turns in one process, on phantoms of a camera's size. A run's network has been called before, as
a second call in a notebook finds it. On the processor decoding and network share the cores, and cannot be
faster together than one after the other. A network that only waits, for as long as a batch would take on
a device of its own, shows whether both go on at the same time: 960 hard links, batches of 32.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

import cervix_tf as cx
from benchmarks.tables import Row, machine, markdown, ratio, take_turns, write
from cervix_tf.inference.engines import Engine

WAITS = (0.5, 1.0, 2.0)  # of the time that a batch takes to decode
BATCH, LINKS = 32, 10
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


def waiting(manifest, folder: Path, rounds: int) -> list[Row]:
    """Rows of a network that waits."""
    folder.mkdir()
    links = []
    for path in manifest["path"]:
        for k in range(LINKS):
            links.append(folder / f"{Path(path).stem}-{k}.jpg")
            links[-1].hardlink_to(path)
    many = cx.data.manifests.validated(pd.DataFrame({"path": links}), "links")

    def decode():
        cx.data.prepare(many, 182, cache="memory")

    decode()
    began = time.perf_counter()
    decode()
    a_batch = (time.perf_counter() - began) * BATCH / len(many)
    rows = []
    for share in WAITS:
        wait = share * a_batch

        def network(squares, tta, batch_size, wait=wait):
            time.sleep(wait)
            return np.full((len(squares), 3), 1 / 3)

        engine = Engine("waiting", ["1", "2", "3"], 182, "square", network, ())
        opened = "cervix_tf.inference.prediction_stream.engines"
        with mock.patch(opened, return_value=[engine]):
            seconds = take_turns(
                {"predict": lambda: cx.predict("", many, batch_size=BATCH), "decode": decode},
                rounds,
            )
        alone = wait * -(-len(many) // BATCH)
        seconds["slower"] = np.maximum(seconds["decode"], alone)
        rate = {work: len(many) / np.median(turns) for work, turns in seconds.items()}
        rows.append(
            (
                f"Predicting {len(many)} photographs with a network that waits {1000 * wait:.0f} ms a "
                f"batch, compared with the slower of decoding and waiting ({rate['decode']:.0f} and "
                f"{len(many) / alone:.0f} images/s)",
                f"{rate['predict']:.0f} images/s",
                f"{ratio(seconds, 'predict', 'slower'):.2f}",
                "0.9",
            )
        )
        print(*rows[-1], sep="  ", flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--waiting", action="store_true", help="the network that waits alone")
    parser.add_argument("--write", type=Path, help="a page with markers for the table")
    chosen = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        manifest = cx.data.phantom(Path(scratch) / "in", per_class=32, seed=1, sizes=[(2448, 3264)])
        rows += waiting(manifest, Path(scratch) / "links", chosen.rounds)
        for name, size in NETWORKS.items() if not chosen.waiting else ():
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
