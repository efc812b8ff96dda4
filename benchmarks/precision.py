"""What half precision does to the log loss, and what rounding alone does.

    python -m benchmarks.precision [--seeds 3] [--steps 200] [--size 96] [--dropout 0.5]
                                   [--against mixed_bfloat16]

`cervixnet2` at 96 x 96 is trained on 120 phantoms a type in single precision and in `mixed_bfloat16`,
with the same seed, and judged on 900 phantoms of another seed. On a CPU this tries whether the figures
are right, not the speed. `--against xla` trains in single precision both times, the second time compiled
by XLA, which adds the same numbers in another order. Dropout's draws depend on precision and on XLA too:
`--dropout 0` leaves rounding alone.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cervix_tf as cx
from benchmarks.crossfit import judged, small_recipe
from cervix_tf.recipes import load_recipe

CHANGES = {
    "mixed_bfloat16": {"precision": "mixed_bfloat16"},
    "mixed_float16": {"precision": "mixed_float16"},
    "xla": {"jit": "true"},
}


def main() -> None:
    """Print the log loss of each precision, and their difference, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--against", choices=list(CHANGES), default="mixed_bfloat16")
    chosen = parser.parse_args()
    print(f"| seed | float32 | {chosen.against} | difference |", "|---|---|---|---|", sep="\n")
    with tempfile.TemporaryDirectory() as place:
        for seed in range(chosen.seeds):
            folder = Path(place) / str(seed)
            known = cx.phantom(folder / "known", per_class=120, seed=seed)
            fresh = cx.phantom(folder / "fresh", per_class=300, seed=1000 + seed)
            losses = []
            for name, changes in (("float32", {}), (chosen.against, CHANGES[chosen.against])):
                recipe = load_recipe(
                    small_recipe(seed, chosen.steps).model_dump(exclude_unset=True),
                    [f"model.dropout={chosen.dropout}", f"image_size={chosen.size}"]
                    + [f"{key}={value}" for key, value in changes.items()],
                )
                run = cx.fit(known, recipe, folder / name, cache="memory")
                losses.append(judged([run], fresh)["raw"][0])
            one, half = losses
            print(f"| {seed} | {one:.4f} | {half:.4f} | {half - one:+.4f} |", flush=True)


if __name__ == "__main__":
    main()
