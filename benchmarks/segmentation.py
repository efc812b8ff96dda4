"""Masks of the cervix beside the truth, and how fast they are made.

    python benchmarks/segmentation.py [--per-class 50] [--seed 7] [--annocerv FOLDER] [--rounds 5]
                                      [--write docs/appendix/segmentation.md]

Draws phantoms, whose true masks are known. With AnnoCerv's folder also on the photographs in
`outlines.csv` that the shipped colours were not made from. IoU is intersection over union of the
mask with the true one, on whole photographs with a shorter side of 256 pixels.
"""

import argparse
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from reference_colours import outlined
from skimage.segmentation import slic
from tables import ROOT, machine, markdown, ratio, take_turns, write

import cervix_tf as cx
from cervix_tf.data.photographs import cores
from cervix_tf.segmentation import superpixel_mask
from cervix_tf.segmentation.methods import METHODS as PACKAGED

SIDE = 256
Method = Callable[[np.ndarray], np.ndarray]


def centred(image: np.ndarray, disc: bool) -> np.ndarray:
    """The square of the shorter side, or the disc in it."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    y, x = np.abs(y - (height - 1) / 2), np.abs(x - (width - 1) / 2)
    return (np.hypot(x, y) if disc else np.maximum(x, y)) <= min(height, width) / 2


def superpixels(**options) -> Method:
    return lambda image: superpixel_mask(image, **options)


def localizer() -> Method:
    find, _ = PACKAGED["localizer"](None, {})
    return lambda image: find([image], map)[0].mask


METHODS: dict[str, Method] = {
    "whole photograph": lambda image: np.ones(image.shape[:2], bool),
    "centred square": lambda image: centred(image, disc=False),
    "centred disc": lambda image: centred(image, disc=True),
    "superpixels, K 10, M 5, RGB (the report's)": superpixels(),
    "the same, highlights counted": superpixels(highlights=True),
    "the same, Lab": superpixels(space="lab"),
    "superpixels, K 20, M 10, RGB": superpixels(segments=20, keep=10),
    "superpixels, K 20, M 10, Lab": superpixels(segments=20, keep=10, space="lab"),
    "superpixels, K 50, M 25, RGB": superpixels(segments=50, keep=25),
    "the localiser, trained on phantoms of other seeds": localizer(),
}


def phantoms(folder: Path, per_class: int, seed: int, **framing) -> tuple[list, list]:
    """Photographs and true masks with a shorter side of 256 pixels."""
    table = cx.data.phantom(folder, per_class=per_class, seed=seed, **framing)
    images, masks = [], []
    for path, mask in zip(table["path"], table["mask"], strict=True):
        picture, truth = cv2.imread(path)[..., ::-1], cv2.imread(mask, cv2.IMREAD_GRAYSCALE)
        scale = SIDE / min(truth.shape)
        size = round(truth.shape[1] * scale), round(truth.shape[0] * scale)
        images.append(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
        masks.append(cv2.resize(truth, size, interpolation=cv2.INTER_AREA) > 127)
    return images, masks


def agreement(method: Method, images: list, masks: list) -> str:
    """Mean intersection over union, and the tenth of photographs where it is least."""
    found = [method(image) for image in images]
    ious = [(f & m).sum() / (f | m).sum() for f, m in zip(found, masks, strict=True)]
    return f"{np.mean(ious):.3f} ({np.quantile(ious, 0.1):.2f})"


def speed(rounds: int) -> str:
    """Masks a second on prepared squares, in one thread and on every core, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        table = cx.data.phantom(Path(folder) / "phantoms", per_class=11, seed=1)
        squares = cx.data.prepare(table, SIDE, cache="memory").array
    with ThreadPoolExecutor(cores()) as pool:
        works = {
            "one": lambda: [superpixel_mask(square) for square in squares],
            "all": lambda: list(pool.map(superpixel_mask, squares)),
            "slic": lambda: [slic(square, n_segments=10, start_label=0) for square in squares],
        }
        seconds = take_turns(works, rounds)
    names = {
        "all": (f"superpixel masks of {SIDE} x {SIDE} squares, {cores()} threads", "40/s"),
        "one": ("the same, one thread", ""),
        "slic": (f"scikit-image's `slic` alone at {SIDE} x {SIDE}, one thread", ""),
    }
    rows = []
    for key, (name, target) in names.items():
        each = f"{len(squares) / np.median(seconds[key]):.0f}/s"
        rows.append((name, each, f"{ratio(seconds, key, 'slic'):.1f}", target))
    return markdown("Ratios are to the last row.", rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--per-class", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--annocerv", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    sets = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        sets["phantoms"] = phantoms(place / "near", given.per_class, given.seed)
        far = {"off_centre": 0.3, "distance": (2, 3)}
        sets["phantoms, off-centre and from afar"] = phantoms(
            place / "far", given.per_class, given.seed, **far
        )
    if given.annocerv:
        _, images, masks = outlined(given.annocerv, "held out")
        sets["real photographs"] = (images, masks)
    lines = ["| mask | " + " | ".join(f"{n} (n = {len(s[0])})" for n, s in sets.items()) + " |"]
    lines.append("|---|" + "---|" * len(sets))
    for name, method in METHODS.items():
        cells = [agreement(method, *pair) for pair in sets.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    text = (
        f"Mean IoU (lowest tenth) with the true mask. Phantoms: seed {given.seed}, the sizes that "
        "`phantom` draws by default, `off_centre=0.3, distance=(2, 3)` for those from afar.\n\n"
        + "\n".join(lines)
        + f"\n\n{speed(given.rounds)}\n\n{machine('scikit-image opencv-python numpy')}"
    )
    print(text)
    if given.write:
        write(ROOT / given.write, "figures", text)


if __name__ == "__main__":
    main()
