"""Do the maps point at the transformation zone? Measured against the true mask of phantoms.

    python -m benchmarks.attribution [--run RUN] [--write docs/appendix/explain.md]

Without a run, CervixNet-2 is trained at 96 x 96 for 300 steps on 270 phantoms. Its validation phantoms
are explained for their true class. About ten minutes on two cores.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import keras
import numpy as np
import pandas as pd

import cervix_tf as cx
from benchmarks.tables import ROOT, machine, write
from cervix_tf.data.manifests import labels
from cervix_tf.explanation import mass_inside, saliency
from cervix_tf.recipes import load_recipe
from cervix_tf.runs import Run

SETTINGS = ["image_size=96", "stages.0.steps=300", "validation=0.25", "optimizer.clip_norm=2"]
LEAST = 0.01  # of the crop: where less of the zone is visible there is nothing to point at
RESAMPLES = 2000


def trained(phantoms: pd.DataFrame, folder: Path, settings=()) -> Run:
    """Train CervixNet-2 on three quarters of the phantoms."""
    chosen = dict(setting.split("=", 1) for setting in (*SETTINGS, *settings))
    recipe = load_recipe("cervixnet2", ["=".join(one) for one in chosen.items()])
    return cx.training.fit(phantoms, recipe, run=folder, cache="memory")


def validation(run: Run) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """The validation phantoms with a visible zone: rows, crops, and the zone's share of each pixel."""
    rows = run.manifest[run.manifest["split"] == "validation"].reset_index(drop=True)
    masks = np.stack([crop(mask(p, run.square_size), run.image_size) for p in rows["tz_mask"]])
    rows["area"] = masks.mean(axis=(1, 2))
    seen = np.flatnonzero(rows["area"] >= LEAST)
    squares = [cx.data.read_square(rows["path"][k], run.square_size) for k in seen]
    images = np.stack([crop(square, run.image_size) for square in squares])
    return rows.iloc[seen].reset_index(drop=True), images, masks[seen]


def mask(path: str, size: int) -> np.ndarray:
    """Read a mask as the photograph is read: the square of the shorter side, shrunk by areas."""
    whole = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    height, width = whole.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = whole[top : top + side, left : left + side].astype("float32") / 255
    return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)


def within(mask: np.ndarray) -> np.ndarray:
    """The zone and what lies within it, the red epithelium and the os: the convex hull."""
    points = np.argwhere(mask >= 0.5)[:, ::-1].astype("int32")
    filled = np.zeros(mask.shape, "uint8")
    if len(points):
        cv2.fillConvexPoly(filled, cv2.convexHull(points), 1)
    return np.maximum(filled, mask)


def crop(square: np.ndarray, size: int) -> np.ndarray:
    margin = (square.shape[0] - size) // 2
    return square[margin : margin + size, margin : margin + size]


def elsewhere(maps: np.ndarray, masks: np.ndarray, rows: pd.DataFrame) -> np.ndarray:
    """Mass of each map in the zones of other patients of its type: what position alone gives."""
    found = np.empty(len(maps))
    for k, row in rows.iterrows():
        others = masks[(rows["group"] != row["group"]) & (rows["label"] == row["label"])]
        found[k] = mass_inside(np.repeat(maps[k : k + 1], len(others), axis=0), others).mean()
    return found


def interval(groups: pd.Series, one: np.ndarray, other: np.ndarray, seed: int = 0):
    """The ratio of two means and its 95 % bootstrap interval over patients (percentiles)."""
    sums = pd.DataFrame({"one": one, "other": other}).groupby(groups.to_numpy()).sum().to_numpy()
    drawn = np.random.default_rng(seed).integers(0, len(sums), (RESAMPLES, len(sums)))
    totals = sums[drawn].sum(axis=1)
    low, high = np.percentile(totals[:, 0] / totals[:, 1], [2.5, 97.5])
    return one.mean() / other.mean(), low, high


def measured(run: Run, methods=("gradient", "smoothgrad", "integrated", "gradcam"), model=None):
    """One dict a method and region: mass inside, area, the ratio, the same beside others' regions."""
    rows, images, zones = validation(run)
    true = labels(rows, run.class_names)
    regions = {"zone": zones, "zone and within": np.stack([within(zone) for zone in zones])}
    found = []
    for method in methods:
        maps = saliency(model or run.model, images, true, method)
        for region, masks in regions.items():
            inside, area = mass_inside(maps, masks), masks.mean(axis=(1, 2))
            found.append(
                {
                    "method": method,
                    "region": region,
                    "inside": inside.mean(),
                    "area": area.mean(),
                    "chance": interval(rows["group"], inside, area),
                    "position": interval(rows["group"], inside, elsewhere(maps, masks, rows)),
                }
            )
    return found


def markdown(trained: list[dict], untrained: list[dict], run: Run) -> str:
    rows, _, _ = validation(run)
    counts = ", ".join(f"{t}: {n}" for t, n in rows["label"].value_counts().sort_index().items())
    lines = [
        f"CervixNet-2 at {run.image_size} x {run.image_size}, log loss {run.metrics['log_loss']:.3f}, "
        f"accuracy {100 * run.metrics['accuracy']:.0f} % on {run.metrics['photographs']} validation "
        f"phantoms; {len(rows)} of them show the zone on at least {100 * LEAST:.0f} % of the crop "
        f"({counts}). {machine('tensorflow keras')}",
        "",
        "| network | region | method | mass inside | area | mass / area (95 %) | "
        "mass inside / mass in other patients' regions (95 %) |",
        "|---|---|---|---|---|---|---|",
    ]
    for network, part in (("trained", trained), ("random weights", untrained)):
        for f in sorted(part, key=lambda each: each["region"]):
            lines.append(
                f"| {network} | {f['region']} | {f['method']} | {100 * f['inside']:.1f} % | "
                f"{100 * f['area']:.1f} % | "
                + "{:.2f} ({:.2f} to {:.2f}) | ".format(*f["chance"])
                + "{:.2f} ({:.2f} to {:.2f}) |".format(*f["position"])
            )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="a CervixNet-2 trained on phantoms")
    parser.add_argument("--write", type=Path, nargs="?", const=ROOT / "docs/appendix/explain.md")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        if chosen.run:
            run = cx.load(chosen.run)
        else:
            drawn = cx.data.phantom(place / "phantoms", per_class=120, seed=1, sizes=[(480, 640)])
            run = trained(drawn, place / "run")
        options = {k: v for k, v in run.recipe.model.options.items() if k != "weights"}
        keras.utils.set_random_seed(0)
        random = cx.models.build(run.recipe.model.name, image_size=run.image_size, **options)
        table = markdown(measured(run), measured(run, ("gradient", "gradcam"), random), run)
    print(table)
    if chosen.write:
        write(chosen.write, "attribution", table)


if __name__ == "__main__":
    main()
