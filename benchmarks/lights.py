"""Whether crossfit leaves alone what fine-tuning has learned: real photographs in three simulated lights.

    python -m benchmarks.lights [--seeds 0 1] [--before]

Needs ../shared: AnnoCerv's 297 photographs of 100 patients, each as it is, as through a green filter or
as after iodine (Lugol's), by a draw and more or less strongly; the class is the light. So the photographs
are real and can be told apart, but the lights are drawn. Out of fold, five folds, the recipe of
`keras:NAME` at 96 x 96 with ImageNet's MobileNet 0.25; `--before` adds the former default recipe.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import pandas as pd

import cervix_tf as cx
from benchmarks.crossfit import BEFORE, real_photographs, real_recipe

LIGHTS = ("white", "green", "iodine")
SIDE = 256  # of the photographs written: the network sees 96


def main() -> None:
    """Print the out-of-fold figures of each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--before", action="store_true", help="the former recipe too")
    chosen = parser.parse_args()
    recipes = {"now": {}, "before": BEFORE} if chosen.before else {"now": {}}
    with tempfile.TemporaryDirectory() as folder:
        for seed in chosen.seeds:
            manifest = lit(Path(folder) / f"lit-{seed}", seed)
            for name, changes in recipes.items():
                out = Path(folder) / f"{name}-{seed}"
                figures = cx.crossfit(
                    manifest, real_recipe(seed, changes), out, cache="memory"
                ).metrics
                row = {
                    "class shares": figures["prior"],
                    "linear probe": figures["probe"],
                    "raw": figures["raw"],
                    "calibrated": figures,
                }
                print(
                    f"seed {seed}, {name}:",
                    {
                        key: (round(f["log_loss"], 3), round(f["accuracy"], 3))
                        for key, f in row.items()
                    },
                    flush=True,
                )


def lit(folder: Path, seed: int) -> pd.DataFrame:
    """Write AnnoCerv's photographs in drawn lights and give their manifest, patients as groups."""
    folder.mkdir(parents=True)
    draw, table = np.random.default_rng(seed), real_photographs()
    table["label"] = draw.choice(LIGHTS, len(table))
    for row, (path, light) in enumerate(zip(table["path"], table["label"], strict=True)):
        image = cv2.resize(cv2.imread(path), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        shown = in_light(image.astype(np.float32) / 255, light, draw)
        table.loc[row, "path"] = str(folder / f"{row}.jpg")
        cv2.imwrite(table.loc[row, "path"], np.uint8(255 * shown.clip(0, 1)))
    return table


def in_light(image: np.ndarray, light: str, draw: np.random.Generator) -> np.ndarray:
    """A photograph (blue, green, red; 0 to 1) in a light, under a camera's own cast and exposure."""
    strength = draw.uniform(0.15, 1)
    if light == "green":
        filtered = image[..., 1:2] * np.float32([0.35, 1, 0.15])
        image = (1 - strength) * image + strength * filtered
    elif light == "iodine":  # stains healthy epithelium brown, in patches
        coarse, size = draw.standard_normal((5, 5)), image.shape[1::-1]
        field = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
        stained = 1 / (1 + np.exp(-8 * field[..., None]))
        image = image * (1 - strength * stained * (1 - np.float32([0.12, 0.25, 0.45])))
    return image * np.exp(draw.normal(0, 0.1, 3)) * draw.uniform(0.7, 1.2)


if __name__ == "__main__":
    main()
