"""The input pipeline beside what a user would otherwise write, and beside the decoder alone.

    python benchmarks/pipeline.py [--photographs FOLDER] [--annocerv FOLDER] [--rounds 5]
                                  [--memory 2000] [--write docs/appendix/pipeline.md]

Draws 96 phantoms of 2448 x 3264 unless a folder of photographs is given. All that is compared takes
turns in one run; a ratio is the median over the rounds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import keras
import numpy as np
import pandas as pd
import simplejpeg
import tensorflow as tf
from PIL import Image
from tables import ROOT, Row, machine, markdown, ratio, take_turns, write

import cervix_tf as cx
from cervix_tf.data.photographs import cores

SIDE, SIZE, BATCH = 256, 224, 32
CACHED = 10  # times that the photographs are repeated for a cached pass


def threads(work, items):
    with ThreadPoolExecutor(cores()) as pool:
        for _ in pool.map(work, items):
            pass


def first_pass(manifest: pd.DataFrame, folder: Path, rounds: int) -> tuple[list[Row], float]:
    """Decode to 256 x 256 in four ways; the rows, and our images a second."""
    paths = [Path(path) for path in manifest["path"]]
    content = [path.read_bytes() for path in paths]
    classes = folder / "classes"
    for path, label in zip(paths, manifest["label"].fillna("none"), strict=True):
        (classes / str(label)).mkdir(parents=True, exist_ok=True)
        (classes / str(label) / path.name).symlink_to(path.absolute())
    number = iter(range(10**6))

    def turbo(data: bytes):
        return simplejpeg.decode_jpeg(data, min_height=SIDE, min_width=SIDE)

    def pillow(path: Path):
        with Image.open(path) as image:
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            box = (left, top, left + side, top + side)
            return np.asarray(image.convert("RGB").resize((SIDE, SIDE), box=box))

    def directory():
        dataset = keras.utils.image_dataset_from_directory(
            classes, image_size=(SIDE, SIDE), batch_size=BATCH, crop_to_aspect_ratio=True, verbose=0
        )
        for _ in dataset:
            pass

    seconds = take_turns(
        {
            "ours": lambda: cx.data.prepare(manifest, SIDE, folder / f"cache-{next(number)}"),
            "turbo": lambda: threads(turbo, content),
            "keras": directory,
            "pillow": lambda: threads(pillow, paths),
        },
        rounds,
    )
    rate = {name: len(paths) / np.median(turns) for name, turns in seconds.items()}
    named = "First pass to 256 x 256, with cache"
    rows = [
        (
            f"{named}, compared with {what}",
            f"{rate['ours']:.0f} and {rate[other]:.0f} images/s",
            f"{ratio(seconds, 'ours', other):.2f}",
            target,
        )
        for other, what, target in (
            ("turbo", "libjpeg-turbo's scaled decode alone (bytes in memory)", "0.85"),
            ("keras", "`keras.utils.image_dataset_from_directory`", "2.5"),
            ("pillow", "Pillow's full decode and resize", "5"),
        )
    ]
    return rows, rate["ours"]


def cached_pass(manifest: pd.DataFrame, folder: Path, rounds: int, first: float) -> list[Row]:
    """Read, batch, hand over and crop, from the cache and from an array in memory."""
    many = pd.concat([manifest] * CACHED, ignore_index=True)
    ours = cx.data.batches(many, SIZE, BATCH, cache=folder / "cached")
    squares = cx.data.prepare(many, SIDE, folder / "cached")
    images, margin = np.array(squares.array), (SIDE - SIZE) // 2
    labels, inside = np.zeros(len(images), "int32"), slice(margin, margin + SIZE)
    memory = tf.data.Dataset.from_tensor_slices((images, labels)).batch(BATCH)
    memory = memory.map(lambda images, labels: (images[:, inside, inside], labels)).prefetch(2)
    seconds = take_turns(
        {"ours": lambda: sum(1 for _ in ours), "memory": lambda: sum(1 for _ in memory)},
        8 * rounds,
    )
    rate = {name: len(images) / np.median(turns) for name, turns in seconds.items()}
    what = f"Cached pass, centre crop of {SIZE}, compared with "
    return [
        (
            what + "the first pass",
            f"{rate['ours']:.0f} and {first:.0f} images/s",
            f"{rate['ours'] / first:.0f}",
            "20",
        ),
        (
            what + "the same from an array in memory (`Dataset.from_tensor_slices`)",
            f"{rate['ours']:.0f} and {rate['memory']:.0f} images/s",
            f"{ratio(seconds, 'ours', 'memory'):.2f}",
            "0.9",
        ),
    ]


def augmentation(rounds: int) -> list[Row]:
    """One resampling beside four layers, on the same batch of uint8 squares and the same device."""
    images = np.random.default_rng(0).integers(0, 256, (BATCH, SIDE, SIDE, 3), "uint8")
    images = tf.constant(np.stack([cv2.blur(image, (5, 5)) for image in images]))
    view = cx.data.RandomView(SIZE, True, False, rotation=20.0, scale=(0.8, 1.2), crop=0.07)
    layers = keras.Sequential(
        [
            keras.layers.RandomFlip(),
            keras.layers.RandomRotation(20 / 360),
            keras.layers.RandomZoom(0.2),
            keras.layers.RandomCrop(SIZE, SIZE),
        ]
    )
    works = {"ours": view, "keras": layers}
    compiled = {
        name: tf.function(lambda f=f: f(images, training=True)) for name, f in works.items()
    }
    seconds = take_turns(
        {name: lambda f=f: f().numpy() for name, f in compiled.items()}, 4 * rounds
    )
    rate = {name: BATCH / np.median(turns) for name, turns in seconds.items()}
    return [
        (
            "Augmentation, `RandomView`, compared with RandomFlip + RandomRotation + RandomZoom + "
            "RandomCrop",
            f"{rate['ours']:.0f} and {rate['keras']:.0f} images/s",
            f"{ratio(seconds, 'ours', 'keras'):.1f}",
            "3.5",
        )
    ]


MEMORY = """
import re, resource, sys
from pathlib import Path
import pandas as pd
import tensorflow as tf
from cervix_tf.data import prepare

tf.zeros(1).numpy()
def peak():
    if Path("/proc/self/status").is_file():  # what Linux tells by getrusage includes the parent
        return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
paths, count = pd.read_csv(sys.argv[1])["path"], int(sys.argv[2])
manifest = pd.DataFrame({"path": [paths[k % len(paths)] for k in range(count)]})
own, early = peak(), []
def look(done, total):
    if done == total // 8:
        early.append(peak())
prepare(manifest, 256, sys.argv[3], progress=look)
print(own, early[0], peak())
"""


def memory(manifest: pd.DataFrame, folder: Path, count: int) -> list[Row]:
    """The peak of a process of its own, after an eighth of a first pass and after all of it."""
    manifest.to_csv(folder / "list.csv", index=False)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, folder / "list.csv", str(count), folder / "memory"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    own, early, late = (int(number) / 1e9 for number in done.stdout.split())
    return [
        (
            f"Peak memory above TensorFlow's own, first pass over {count} photographs",
            f"{early - own:.2f} GB after {count // 8}, {late - own:.2f} GB after all",
            "",
            "1.5 GB, flat",
        )
    ]


def quality(annocerv: Path, folder: Path) -> list[Row]:
    """The squares of real photographs, enlarged, beside those of a full decode and area resize."""
    sources = sorted((annocerv / "images").glob("*.jpg"))[::6]
    if not sources:
        print(f"{annocerv} has no photographs: the quality of the scaled decode is left out.")
        return []

    def psnr(source: Path) -> float:
        large = folder / source.name
        image = cv2.resize(cv2.imread(str(source)), (3264, 2448), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(large), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
        full = cv2.cvtColor(cv2.imread(str(large)), cv2.COLOR_BGR2RGB)[:, 408:-408]
        full = cv2.resize(full, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(float)
        return 10 * np.log10(255**2 / np.mean((cx.data.read_square(large, SIDE) - full) ** 2))

    found = [psnr(source) for source in sources]
    return [
        (
            f"Scaled decode against full decode and area resize, {len(found)} AnnoCerv photographs "
            "enlarged to 2448 x 3264",
            f"PSNR {np.min(found):.1f} dB at least, {np.median(found):.1f} dB median",
            "",
            "35 dB",
        )
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", type=Path, help="a folder that read_manifest reads")
    parser.add_argument("--annocerv", type=Path, default=ROOT / "../shared/data/annocerv")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, default=2000, help="photographs; 0 leaves it out")
    parser.add_argument("--write", type=Path, help="a page with markers for the table")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if chosen.photographs:
            manifest, what = cx.data.read_manifest(chosen.photographs), "photographs"
        else:
            manifest = cx.data.phantom(folder / "in", per_class=32, seed=1, sizes=[(2448, 3264)])
            what = "phantoms of 2448 x 3264, JPEG quality 90"
        megabytes = np.mean([Path(path).stat().st_size for path in manifest["path"]]) / 1e6
        rows, rate = first_pass(manifest, folder, chosen.rounds)
        rows += cached_pass(manifest, folder, chosen.rounds, rate)
        rows += augmentation(chosen.rounds)
        rows += memory(manifest, folder, chosen.memory) if chosen.memory else []
        rows += quality(chosen.annocerv, folder)
    packages = "tensorflow keras simplejpeg opencv-python pillow"
    head = f"On {len(manifest)} {what} ({megabytes:.1f} MB each). {machine(packages)}"
    table = markdown(head, rows)
    print(table)
    if chosen.write:
        write(chosen.write, "pipeline", table)


if __name__ == "__main__":
    main()
