"""The localiser on phantoms it has not seen, its speed, and what `crop: box` gains.

    python benchmarks/localizer.py FOLDER [--parts train overlap speed crop]
                                          [--write docs/appendix/localizer.md]

Everything is drawn into FOLDER and every result written there as it comes; what is there already is not
done again. `train` makes the localiser that comes with the package (FOLDER/localizer.keras). All of it
takes about half an hour on two cores.
"""

import argparse
import json
import logging
import os
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import pandas as pd
from tables import machine, write

import cervix_tf as cx
from cervix_tf.recipes import load_recipe
from cervix_tf.segmentation import fit_localizer, load_localizer, overlap, segment, squeezed
from cervix_tf.training import fit

SMALL, LARGE = [(480, 640), (640, 480), (480, 480)], [(600, 800), (960, 540)]
SETS = {  # trained on, then held out: other seeds, other sizes of photograph
    "near": {"per_class": 130, "seed": 11, "sizes": SMALL, "off_centre": 0.15, "distance": (0.7, 1.6)},
    "afar": {"per_class": 110, "seed": 12, "sizes": SMALL, "off_centre": 0.35, "distance": (1.3, 3.2)},
    "heldout": {"per_class": 60, "seed": 21, "sizes": LARGE},
    "heldout_afar": {
        "per_class": 30, "seed": 23, "sizes": LARGE, "off_centre": 0.3, "distance": (2, 3)
    },
    "framed": {
        "per_class": 120, "seed": 22, "sizes": SMALL[:2], "off_centre": 0.3, "distance": (2, 3)
    },
}  # fmt: skip
CROPS = ("square", "box")
SETTINGS = ["image_size=96", "stages.0.steps=300", "validation=0.25", "validate_every=50"]


def drawn(folder: Path, name: str) -> pd.DataFrame:
    return cx.data.phantom(folder / name, **SETS[name])


def train(folder: Path) -> Path:
    path = folder / "localizer.keras"
    if not path.is_file():
        # Patients are named alike in both sets and are not the same.
        sets = [drawn(folder, name) for name in ("near", "afar")]
        sets = [each.assign(group=f"{k} " + each["group"]) for k, each in enumerate(sets)]
        manifest = pd.concat(sets, ignore_index=True)
        logging.basicConfig(format="%(message)s")
        logging.getLogger("cervix_tf").setLevel(logging.INFO)
        fit_localizer(manifest, path, steps=600, seed=0)
    return path


def overlaps(folder: Path) -> list[str]:
    localizer = load_localizer(train(folder))
    lines = [
        "| phantoms, seed | photographs | localiser: mean IoU | worst tenth | os in its box | "
        "not located | centred square: mean IoU | os in it |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in ("heldout", "heldout_afar"):
        manifest = drawn(folder, name)
        images, _ = squeezed(manifest["path"].tolist(), localizer.size)
        masks, boxes, confidence = localizer.predict(images)
        ious, squares, inside, centred = [], [], [], []
        for k, row in manifest.iterrows():
            true = cv2.imread(row["mask"], cv2.IMREAD_GRAYSCALE) > 127
            height, width = true.shape
            found = cv2.resize(masks[k].astype("float32"), (width, height)) > 0.5
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            square = np.zeros_like(true)
            square[top : top + side, left : left + side] = True
            ious.append(overlap(found[None], true[None])[1][0])
            squares.append(overlap(square[None], true[None])[1][0])
            x, y, w, h = boxes[k] * [width, height, width, height]
            inside.append(x <= row["os_x"] <= x + w and y <= row["os_y"] <= y + h)
            centred.append(square[int(row["os_y"]), int(row["os_x"])])
        worst = np.sort(ious)[: len(ious) // 10].mean()
        lost = (confidence < localizer.threshold).sum()
        seed = SETS[name]["seed"]
        lines.append(
            f"| {'from afar, off-centre' if 'afar' in name else 'as drawn by default'}, {seed} | "
            f"{len(ious)} | {np.mean(ious):.3f} | {worst:.3f} | {np.mean(inside):.1%} | {lost} | "
            f"{np.mean(squares):.3f} | {np.mean(centred):.1%} |"
        )
    return lines


def speed(folder: Path) -> list[str]:
    """Both by the clock and by processor time: the latter also tells where others use the machine."""
    localizer = load_localizer(train(folder))
    paths = drawn(folder, "heldout")["path"].tolist()[:128]
    images, _ = squeezed(paths, localizer.size)
    works = {
        "network alone": lambda: localizer.network.predict_on_batch(images),
        "network, masks, boxes": lambda: localizer.predict(images, len(images)),
        "decoding too (0.5 megapixels)": lambda: localizer.predict(
            squeezed(paths, localizer.size)[0], len(paths)
        ),
    }
    lines = [
        f"| batches of {len(paths)} | photographs a second | a second of processor time |",
        "|---|---|---|",
    ]
    for name, work in works.items():
        work()
        turns = []
        for _ in range(5):
            began = time.perf_counter(), time.process_time()
            work()
            turns.append((time.perf_counter() - began[0], time.process_time() - began[1]))
        wall, processor = np.median(turns, axis=0)
        lines.append(f"| {name} | {len(paths) / wall:.0f} | {len(paths) / processor:.0f} |")
    return lines


def crops(folder: Path, seeds: list[int]) -> list[str]:
    manifest = drawn(folder, "framed")
    boxes = segment(manifest, method="localizer", model=train(folder))
    results = folder / "crops.jsonl"
    known = {}
    if results.is_file():
        known = {(r["seed"], r["crop"]): r for r in map(json.loads, results.open())}
    for seed in seeds:
        for crop in CROPS:
            if (seed, crop) in known:
                continue
            recipe = load_recipe("cervixnet2", [*SETTINGS, f"crop={crop}", f"seed={seed}"])
            run = fit(boxes, recipe, run=folder / f"run-{crop}-{seed}", cache=folder / "cache")
            figures = run.metrics
            last = float(run.history["validation_loss"].dropna().iloc[-1])
            known[seed, crop] = {
                "seed": seed, "crop": crop, "last": last, "photographs": figures["photographs"],
                "log_loss": figures["log_loss"], "accuracy": figures["accuracy"],
                "prior": figures["prior"]["log_loss"],
            }  # fmt: skip
            with results.open("a") as file:
                file.write(json.dumps(known[seed, crop]) + "\n")
    lines = [
        "| seed | crop | validation photographs | log loss, best | after the last step | accuracy | "
        "prior's log loss |",
        "|---|---|---|---|---|---|---|",
    ]
    table = pd.DataFrame([known[seed, crop] for seed in seeds for crop in CROPS])
    for _, r in table.iterrows():
        lines.append(
            f"| {r['seed']} | {r['crop']} | {r['photographs']} | {r['log_loss']:.3f} | "
            f"{r['last']:.3f} | {r['accuracy']:.1%} | {r['prior']:.3f} |"
        )
    for crop in CROPS:
        mean = table[table["crop"] == crop].mean(numeric_only=True)
        lines.append(
            f"| mean | {crop} | | {mean['log_loss']:.3f} | {mean['last']:.3f} | "
            f"{mean['accuracy']:.1%} | {mean['prior']:.3f} |"
        )
    return lines


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--parts", nargs="+", default=["overlap", "speed", "crop"])
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments.add_argument("--write", type=Path, help="a page with the markers of these tables")
    arguments = arguments.parse_args()
    warnings.simplefilter("ignore")
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    works = {
        "train": lambda: [str(train(folder))],
        "overlap": lambda: overlaps(folder),
        "speed": lambda: speed(folder),
        "crop": lambda: crops(folder, arguments.seeds),
    }
    for part in arguments.parts:
        text = "\n".join(works[part]())
        print(text, flush=True)
        if arguments.write and part != "train":
            head = machine("tensorflow keras opencv-python")
            write(arguments.write, f"localizer {part}", f"{head}\n\n{text}")


if __name__ == "__main__":
    main()
