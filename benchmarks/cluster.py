"""Predicting and preparing on a Ray cluster of this machine, beside the same without a cluster.

    python -m benchmarks.cluster [--photographs 3072] [--rounds 3] [--write docs/appendix/scale.md]

Hard links to phantoms of 600 x 800; both take turns. A worker imports TensorFlow and opens the
network before its first part: the rate is that from the end of the first 1,024 photographs on, and the
time before it is told apart. Both must give the same table, or squares, to the bit.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

import cervix_tf as cx
from benchmarks.tables import machine, write
from cervix_tf.inference.prediction_stream import PART

SIZE, SQUARE, DRAWN = 96, 110, 96


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", type=int, default=3 * PART)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="a page with markers for the table")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        drawn = cx.data.phantom(place / "in", per_class=DRAWN // 3, seed=1, sizes=[(600, 800)])
        many = linked(drawn, place / "links", chosen.photographs)
        run = place / "run"
        stages = [{"train": "head", "steps": 1}]
        recipe = {"model": {"name": "cervixnet2"}, "image_size": SIZE, "stages": stages}
        few = drawn.groupby("label").head(6).reset_index(drop=True)
        cx.fit(few, recipe | {"batch_size": 4}, run=run, cache="memory")
        cx.predict(run, drawn)  # TensorFlow is imported, the network compiled
        works = {
            "predict": lambda ray, seen, k: cx.predict(run, many, ray=ray, progress=seen),
            "prepare": lambda ray, seen, k: cx.prepare(
                many, SQUARE, place / f"squares-{ray}-{k}", seen, ray=ray
            ),
        }
        lines = [line for verb in works for line in compared(verb, works[verb], chosen.rounds)]
    text = "\n".join(
        [
            f"`cervixnet2` at {SIZE}, {len(many):,} hard links to {DRAWN} phantoms of 600 x 800, "
            f"seed 1, medians of {chosen.rounds} rounds. {machine('tensorflow ray')}",
            "",
            "| measured | under way | without Ray | ratio | first 1,024 | without Ray |",
            "|---|---|---|---|---|---|",
            *lines,
        ]
    )
    print(text)
    if chosen.write:
        write(chosen.write, "cluster", text)


def linked(drawn: pd.DataFrame, folder: Path, count: int) -> pd.DataFrame:
    folder.mkdir()
    links = [folder / f"{k:06}.jpg" for k in range(count)]
    for k, link in enumerate(links):
        link.hardlink_to(drawn["path"][k % len(drawn)])
    return cx.data.manifests.validated(pd.DataFrame({"path": links}), "links")


def compared(verb: str, work, rounds: int) -> list[str]:
    """A row of the table: images a second and seconds before, on a cluster and without, in turns."""
    rates, firsts = {"local": [], None: []}, {"local": [], None: []}
    for k in range(rounds):
        results = {}
        for ray in rates:
            seen, began = [], time.perf_counter()
            results[ray] = work(
                ray,
                lambda n, _, seen=seen, began=began: seen.append((n, time.perf_counter() - began)),
                k,
            )
            done, times = np.array(seen).T
            at = np.searchsorted(done, PART)
            rates[ray].append((done[-1] - done[at]) / (times[-1] - times[at]))
            firsts[ray].append(times[at])
            print(verb, ray, f"{rates[ray][-1]:.1f} images/s, {times[at]:.1f} s", flush=True)
        same(*results.values())
    rate, first = ({ray: np.median(all_) for ray, all_ in each.items()} for each in (rates, firsts))
    times_as_fast = np.median(np.array(rates["local"]) / rates[None])
    return [
        f"| `{verb} --ray local` | {rate['local']:.0f} images/s | {rate[None]:.0f} images/s | "
        f"{times_as_fast:.2f} | {first['local']:.0f} s | {first[None]:.0f} s |"
    ]


def same(one, other) -> None:
    if isinstance(one, pd.DataFrame):
        assert one.equals(other), "the tables differ"
    else:
        assert one.fingerprint == other.fingerprint, "the squares differ"


if __name__ == "__main__":
    main()
