"""Training as `fit` does it, from a filled cache and with views, beside the bare step on one batch.

    python -m benchmarks.fit [--rounds 5] [--only cervixnet2] [--write docs/appendix/pipeline.md]

The bare step trains on one constant batch of centre crops. Both take turns in one process and share
the network; a ratio is the median over the rounds, each round of fit beside its own bare steps.
"""

import argparse
import itertools
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import cervix_tf as cx
from benchmarks.tables import Row, machine, markdown, ratio, take_turns, write
from cervix_tf.recipes import load_recipe
from cervix_tf.training.steps import Stepper

# Recipe, whether with views, target of the ratio, steps a turn.
CASES = [
    ("cervixnet2", False, 0.95, 12),
    ("cervixnet2", True, 0.85, 12),
    ("inception", True, 0.95, 4),
]


def measured(name: str, views: bool, target: float, steps: int, folder: Path, rounds: int) -> Row:
    recipe = load_recipe(name)
    size, batch = recipe.image_size, recipe.batch_size
    manifest = cx.data.phantom(folder / "in", per_class=64, seed=1, sizes=[(306, 408)])
    squares = cx.data.prepare(manifest, cx.data.square_size(size), folder / "cache").array
    labels = np.arange(len(squares)) % 3
    rows = np.arange(len(squares))
    stream = cx.data.training_stream(cx.data.SquareRows(squares, rows), labels, batch, recipe.seed)
    model = cx.models.build(name, image_size=size, **recipe.model.options)
    still = cx.data.RandomView(size, **cx.data.STILL)
    view = cx.data.RandomView(size, **recipe.augment.model_dump()) if views else still
    stage = recipe.stages[-1]  # the whole network
    bare, real = (Stepper(model, v, recipe, stage, np.ones(3, "float32")) for v in (still, view))
    constant = [tf.identity(part) for part in next(iter(stream))]

    def train(stepper, photographs):
        for images, keys, classes in itertools.islice(photographs, steps):
            [float(figure) for figure in stepper(images, keys, classes)]

    endless = iter(stream)
    seconds = take_turns(
        {
            "fit": lambda: train(real, endless),
            "step": lambda: train(bare, itertools.repeat(constant)),
        },
        rounds,
    )
    rate = {name: steps * batch / np.median(turns) for name, turns in seconds.items()}
    return (
        f"`fit` of `{name}` at {size}, {'full augmentation' if views else 'no augmentation'}, "
        f"compared with the bare step, batches of {batch}",
        f"{rate['fit']:.1f} and {rate['step']:.1f} images/s",
        f"{ratio(seconds, 'fit', 'step'):.2f}",
        f"{target}",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=sorted({case[0] for case in CASES}))
    parser.add_argument("--write", type=Path, help="a page with markers for the table")
    chosen = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for case in CASES:
            if chosen.only in (None, case[0]):
                rows.append(measured(*case, Path(scratch), chosen.rounds))
                print(*rows[-1], sep="  ", flush=True)
    table = markdown(f"On drawn phantoms. {machine('tensorflow keras')}", rows)
    print(table)
    if chosen.write:
        write(chosen.write, "fit", table)


if __name__ == "__main__":
    main()
