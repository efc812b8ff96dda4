"""How well `--dry-run` foresees what a fit takes: the estimate beside the fit itself, recipe by recipe.

    python -m benchmarks.dry_run --write docs/appendix/dry-run.md

On phantoms. The fit follows the estimate in the same process, the squares decoded by neither before. What
both compile is traced anew for each.
"""

import argparse
import gc
import os
import platform
import tempfile
import time
from pathlib import Path

# Network, size, batch, steps and photographs a type: small, and of different bottlenecks.
CASES = {
    "cervixnet1, 64 pixels": ("cervixnet1", 64, 32, 200, 60),
    "cervixnet2, 96 pixels": ("cervixnet2", 96, 32, 120, 120),
    "inception, head, 96 pixels": ("inception", 96, 16, 60, 60),
    "inception, all, 96 pixels": ("inception-all", 96, 16, 40, 60),
    "keras:MobileNet, 128 pixels": ("keras:MobileNet", 128, 16, 40, 60),
}


def case(name: str, size: int, batch: int, steps: int, scale: float) -> dict:
    """The recipe of a case, from random weights."""
    model, _, whole = name.partition("-")
    first = "head" if model == "inception" and not whole else "all"
    return {
        "model": {"name": model, "weights": "none"},
        "image_size": size,
        "batch_size": batch,
        "validate_every": max(2, round(20 * scale)),
        "validation": 0.2,
        "optimizer": {"learning_rate": 1e-4},
        "stages": [{"train": first, "steps": max(2, round(steps * scale))}],
    }


def measured(number: int, scale: float) -> list[float]:
    """Seconds of estimate (likely, least, most), of making it, and of the fit."""
    import cervix_tf as cx

    network, size, batch, steps, count = list(CASES.values())[number]
    with tempfile.TemporaryDirectory() as folder:
        count = max(10, round(count * scale))
        cx.phantom(f"{folder}/data", per_class=count, seed=number, sizes=[(480, 640)])
        manifest = cx.read_manifest(f"{folder}/data")
        recipe = cx.recipes.load_recipe(case(network, size, batch, steps, scale))
        began = time.perf_counter()
        estimate = cx.training.estimate(manifest, recipe, cache=f"{folder}/squares")
        made = time.perf_counter() - began
        gc.collect()
        began = time.perf_counter()
        cx.fit(manifest, recipe, f"{folder}/run", f"{folder}/squares", progress=lambda *_: None)
        return [*estimate.seconds, made, time.perf_counter() - began]


def page(rows: dict[str, list[float]], scale: float) -> str:
    """The table, and what it was measured on."""
    lines = [
        "| recipe | estimate, s | range, s | the fit, s | fit by estimate | to make the estimate, s |",
        "|---|---|---|---|---|---|",
    ]
    for name, (likely, least, most, made, took) in rows.items():
        lines.append(
            f"| {name} | {likely:.0f} | {least:.0f} to {most:.0f} | {took:.0f} | {took / likely:.2f} "
            f"| {made:.0f} |"
        )
    return "\n".join(
        [
            "# How well a dry run foresees a fit",
            "",
            f"`python -m benchmarks.dry_run --scale {scale:g}`, on {os.cpu_count()} cores of "
            f"{platform.machine()}, phantoms of 480 x 640 pixels, 20 % of them for validation, random "
            "weights, seed of the recipe 0 and of the phantoms 0 to 4; one fit each. See "
            "[before a long job](../cost.md).",
            "",
            *lines,
            "",
        ]
    )


def main() -> None:
    """Measure the cases and print, or write, the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of steps and photographs")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of cases, from 0")
    parser.add_argument("--write", type=Path, help="the page to write")
    given = parser.parse_args()
    numbers = range(len(CASES)) if given.only is None else given.only
    rows = {}
    for number in numbers:
        rows[list(CASES)[number]] = measured(number, given.scale)
        text = page(rows, given.scale)
        print(text.splitlines()[-1], flush=True)
    if given.write:
        given.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
