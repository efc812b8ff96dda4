"""Which pictures `predict --flags` flags: the table of docs/flags.md.

    cervix-tf crossfit --recipe keras --set model.name=keras:MobileNet --set model.alpha=0.25 \
        --set image_size=128 --set 'optimizer={name: adam, learning_rate: 0.001, clip_norm: 2.0}' \
        --set 'stages=[{train: head, steps: 40},
            {train: all, steps: 60, learning_rate: 0.0001, batch_norm: frozen}]' \
        --weights WEIGHTS --data ANNOCERV --out ENSEMBLE
    python -m benchmarks.unfamiliar ENSEMBLE

The ensemble's own photographs are judged out of fold: each by the run that did not train on it, with the
limit of the other folds. The others are phantoms, pictures that come with scikit-image, and drawn noise.
"""

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
import skimage

from cervix_tf.data import phantom, prepare
from cervix_tf.data.flags import UNFAMILIAR, flag_words
from cervix_tf.data.photographs import square_of
from cervix_tf.inference.familiarity import SHARE, held_out_distances
from cervix_tf.inference.flag_columns import photograph_flags
from cervix_tf.runs import Run, load
from cervix_tf.runs.conformal import group_quantile

EVERYDAY = ["astronaut", "chelsea", "coffee", "rocket", "motorcycle_left", "camera", "horse"]
EVERYDAY += ["coins", "logo", "color"]
TEXTURES = ["brick", "grass", "gravel"]
PAPER = ["page", "text"]
SCIENCE = ["hubble_deep_field", "moon", "retina", "ihc", "cell", "microaneurysms"]
COUNT = 40


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ensemble", type=Path)
    parser.add_argument("--cache", default="memory")
    chosen = parser.parse_args()
    run = load(chosen.ensemble)
    groups = np.concatenate([one.predictions["group"].to_numpy() for one in run.members])
    print(
        f"| held-out photographs ({len(set(groups))} patients) | {len(groups)} "
        f"| {100 * np.mean(held_out_flags(run)):.1f} % | |"
    )
    for name, squares in pictures(run, chosen.cache).items():
        flags, far = photograph_flags(run, squares)
        words = [flag_words(one) for one in flags]
        unfamiliar = np.mean([UNFAMILIAR in some for some in words])
        some_flag = np.mean([bool(some) for some in words])
        print(
            f"| {name} | {len(far)} | {100 * unfamiliar:.0f} % | {100 * some_flag:.0f} % |",
            flush=True,
        )


def held_out_flags(run: Run) -> np.ndarray:
    """Whether each held-out photograph is beyond the limit of the other folds: (N,)."""
    values = [held_out_distances(one) for one in run.members]
    groups = [one.predictions["group"].to_numpy() for one in run.members]
    flagged = []
    for k, own in enumerate(values):
        others = [j for j in range(len(values)) if j != k]
        limit = group_quantile(
            np.concatenate([values[j] for j in others]),
            np.concatenate([groups[j] for j in others]),
            SHARE,
        )
        flagged.append(own > limit)
    return np.concatenate(flagged)


def pictures(run: Run, cache: str) -> dict[str, np.ndarray]:
    """Squares by what they show."""
    side = run.square_size
    folder, draw = Path(skimage.__file__).parent / "data", np.random.default_rng(0)

    def of(names: list[str]) -> np.ndarray:
        files = [next(folder.glob(f"{name}.*")) for name in names]
        return np.stack(
            [square_of(cv2.imread(str(file), cv2.IMREAD_COLOR_RGB), side) for file in files]
        )

    with tempfile.TemporaryDirectory() as place:
        drawn = phantom(place, per_class=1, test=COUNT, seed=5)
        drawn = drawn[drawn["source"] == "test"]
        phantoms = np.array(prepare(drawn, side, "memory").array)
    noise = draw.integers(0, 256, (COUNT, side, side, 3), "uint8")
    soft = [cv2.GaussianBlur(one.astype("float32") - 127.5, (0, 0), side / 24) for one in noise]
    clouds = np.stack([np.clip(127.5 + 60 * one / one.std(), 0, 255) for one in soft])
    return {
        "phantoms, drawn cervices": phantoms,
        "everyday pictures (cat, coffee, rocket ...)": of(EVERYDAY),
        "printed pages": of(PAPER),
        "textures (brick, grass, gravel)": of(TEXTURES),
        "sky, retina, microscopy": of(SCIENCE),
        "noise": noise,
        "coloured clouds": clouds.astype("uint8"),
    }


if __name__ == "__main__":
    main()
