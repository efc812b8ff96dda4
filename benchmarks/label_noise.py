"""What recipes for transfer learning make of wrong labels: the table of docs/crossfit.md.

    python -m benchmarks.label_noise [--seeds 5] [--write docs/crossfit.md]

MobileNet 0.25 from ImageNet's weights (../shared) is trained at 96 x 96 on 120 phantoms a type, with the
right labels and with 15 % of them turned into another class, and judged on 300 phantoms of another seed.
A seed decides phantoms, turned labels, split, order, views and new weights.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import cervix_tf as cx
from benchmarks.crossfit import BEFORE, TURNED, judged, real_recipe, turned
from benchmarks.tables import machine, write

RECIPES = {
    "linear probe alone": {"stages": [{"train": "probe"}]},
    "former: head 200, all 600, constant rate": BEFORE,
    "`keras.yaml`: probe, all 400 along a cosine": {},
    "the same, `label_smoothing: 0.1`": {"label_smoothing": 0.1},
}


def main() -> None:
    """Print the mean log losses of each recipe over the seeds, and its seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="a page with markers for the table")
    chosen = parser.parse_args()
    losses = {name: np.zeros((chosen.seeds, 2, 2)) for name in RECIPES}  # labels, raw or calibrated
    seconds: dict[str, list[float]] = {name: [] for name in RECIPES}
    for seed in range(chosen.seeds):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            known = cx.phantom(folder / "known", per_class=120, seed=seed)
            fresh = cx.phantom(folder / "fresh", per_class=100, seed=1000 + seed)
            wrong = known.assign(label=turned(known["label"], seed))
            cx.data.prepare(known, cx.data.square_size(96), cache=folder / "cache")
            for name, changes in RECIPES.items():
                for k, manifest in enumerate((known, wrong)):
                    began = time.perf_counter()
                    run = cx.fit(
                        manifest, real_recipe(seed, {**changes, "keep": "last"}),
                        folder / f"{len(seconds[name])}-{name[:6]}", cache=folder / "cache",
                    )  # fmt: skip
                    seconds[name].append(time.perf_counter() - began)
                    found = judged([run], fresh)
                    losses[name][seed, k] = found["raw"][0], found["calibrated"][0]
                    print(seed, name, k, losses[name][seed, k].round(4), flush=True)
    head = (
        f"Log loss on 300 new phantoms, mean of seeds 0 to {chosen.seeds - 1}, none or {TURNED:.0%} of "
        f"the labels turned. {machine('tensorflow keras')}"
    )
    lines = [
        "| recipe | right labels: raw | calibrated | turned labels: raw | calibrated | seconds a fit |",
        "|---|---|---|---|---|---|",
    ]
    for name, each in losses.items():
        figures = " | ".join(f"{loss:.3f}" for loss in each.mean(axis=0).ravel())
        lines.append(f"| {name} | {figures} | {np.median(seconds[name]):.0f} |")
    text = "\n".join([head, "", *lines])
    print(text)
    if chosen.write:
        write(chosen.write, "label-noise", text)


if __name__ == "__main__":
    main()
