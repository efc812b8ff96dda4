"""Does transfer learning help? MobileNet on AnnoCerv from ImageNet's weights and from random ones.

    python -m benchmarks.fine_tuning [--write docs/fine-tuning.md]

Three seeds each; a seed decides the split (a quarter of the photographs, no patient on both sides), the
order, the views and the new weights. It takes about ten minutes on two cores.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.tables import ROOT, machine, write
from cervix_tf.data import read_manifest
from cervix_tf.recipes import load_recipe
from cervix_tf.training import fit

SETTINGS = [
    "model.name=keras:MobileNet",
    "model.alpha=0.25",
    "validation=0.25",
    "stages.0.steps=100",
    "stages.1.steps=150",
    "validate_every=25",
    "keep=last",  # the best of many validations would flatter both
]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=ROOT / "../shared/data/annocerv")
    arguments.add_argument(
        "--weights",
        type=Path,
        default=ROOT / "../shared/weights/mobilenet_2_5_224_tf_no_top.h5",
    )
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments.add_argument("--write", type=Path, help="a page with the markers of this table")
    arguments = arguments.parse_args()

    manifest = read_manifest(arguments.data)
    rows = []
    for seed in arguments.seeds:
        for name, weights in (("ImageNet", arguments.weights), ("random", "none")):
            recipe = load_recipe("keras", [*SETTINGS, f"model.weights={weights}", f"seed={seed}"])
            with tempfile.TemporaryDirectory() as folder:
                figures = fit(manifest, recipe, run=Path(folder) / "run").metrics
            rows.append((seed, name, figures))
            print(
                seed, name, round(figures["log_loss"], 4), round(figures["accuracy"], 3), flush=True
            )

    lines = [
        "| seed | weights | photographs (patients) | log loss | accuracy | prior's log loss | "
        "prior's accuracy |",
        "|---|---|---|---|---|---|---|",
    ]
    for seed, name, f in rows:
        lines.append(
            f"| {seed} | {name} | {f['photographs']} ({f['groups']}) | {f['log_loss']:.4f} | "
            f"{100 * f['accuracy']:.1f} % | {f['prior']['log_loss']:.4f} | "
            f"{100 * f['prior']['accuracy']:.1f} % |"
        )
    for name in ("ImageNet", "random"):
        these = [f for _, n, f in rows if n == name]
        loss, accuracy, prior, guess = (
            np.mean(values)
            for values in zip(
                *(
                    (f["log_loss"], f["accuracy"], f["prior"]["log_loss"], f["prior"]["accuracy"])
                    for f in these
                ),
                strict=True,
            )
        )
        lines.append(
            f"| mean | {name} | | {loss:.4f} | {100 * accuracy:.1f} % | {prior:.4f} | "
            f"{100 * guess:.1f} % |"
        )
    text = "\n".join([machine("tensorflow keras"), "", *lines])
    print(text)
    if arguments.write:
        write(arguments.write, "fine-tuning", text)


if __name__ == "__main__":
    main()
