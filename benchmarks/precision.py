"""What half precision does to the log loss.

    python -m benchmarks.precision [--seeds 3] [--steps 200]

`cervixnet2` at 96 x 96 is trained on 120 phantoms a type in single precision and in `mixed_bfloat16`,
with the same seed, and judged on 900 phantoms of another seed. On a CPU this tries whether the figures
are right, not the speed.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cervix_tf as cx
from benchmarks.crossfit import judged, small_recipe


def main() -> None:
    """Print the log loss of each precision, and their difference, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200)
    chosen = parser.parse_args()
    print("| seed | float32 | mixed_bfloat16 | difference |", "|---|---|---|---|", sep="\n")
    with tempfile.TemporaryDirectory() as place:
        for seed in range(chosen.seeds):
            folder = Path(place) / str(seed)
            known = cx.phantom(folder / "known", per_class=120, seed=seed)
            fresh = cx.phantom(folder / "fresh", per_class=300, seed=1000 + seed)
            losses = []
            for precision in ("float32", "mixed_bfloat16"):
                recipe = small_recipe(seed, chosen.steps).model_copy(
                    update={"precision": precision}
                )
                run = cx.fit(known, recipe, folder / precision, cache="memory")
                losses.append(judged([run], fresh)["raw"][0])
            one, half = losses
            print(f"| {seed} | {one:.4f} | {half:.4f} | {half - one:+.4f} |", flush=True)


if __name__ == "__main__":
    main()
