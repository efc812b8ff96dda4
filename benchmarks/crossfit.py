"""What crossfit's probabilities are worth: the tables of docs/crossfit.md.

    python -m benchmarks.crossfit annocerv [--seeds 0 1 2 3 4] [--before]
    python -m benchmarks.crossfit phantoms [--seeds 0 1 2 3 4] [--steps 300] [--fresh 300] [--folder F]
    python -m benchmarks.crossfit labels [--seeds 0 1 2 3 4] [--steps 300] [--leave-out] [--folder F]
    python -m benchmarks.crossfit cost [--steps 150] [--rounds 2]

`annocerv` needs ../shared: 297 real photographs of 100 patients and ImageNet weights of MobileNet 0.25.
It compares the recipe of `keras:NAME` with the one that was the default before, on the same folds.
`phantoms` compares an ensemble with its runs on new phantoms. `labels` turns 15 % of the labels of
phantoms, finds them by `label_errors`, and trains again with the first of them looked at. Both train on
the same phantoms, so that one `--folder` serves both: an ensemble that is finished there is not trained
again. `cost` times a crossfit of five folds beside five fits of the same folds, photographs decoded
beforehand.
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

import cervix_tf as cx
from benchmarks.calibration import cross_fitted
from benchmarks.tables import ROOT, ratio, take_turns
from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.evaluation import log_loss, measures
from cervix_tf.inference import predictions_of
from cervix_tf.inference.out_of_fold import stored
from cervix_tf.quality import label_errors
from cervix_tf.recipes import Recipe, load_recipe
from cervix_tf.runs import Run, geometric_mean

SHARED = ROOT.parent / "shared"
MOBILENET = {
    "name": "keras:MobileNet",
    "weights": str(SHARED / "weights/mobilenet_2_5_224_tf_no_top.h5"),
    "alpha": 0.25,
    "dropout": 0.3,
}
BEFORE = {  # the recipe of `keras:NAME` until crossfit came
    "optimizer": {"name": "adam", "learning_rate": 0.001, "clip_norm": 2.0},
    "stages": [
        {"train": "head", "steps": 200},
        {"train": "all", "steps": 600, "learning_rate": 0.0001, "batch_norm": "frozen"},
    ],
}
TURNED = 0.15  # share of the labels


def main() -> None:
    """Print the table asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=["annocerv", "phantoms", "labels", "cost"])
    parser.add_argument("--seeds", type=int, nargs="+", default=range(5))
    parser.add_argument("--steps", type=int, default=300, help="of a run on phantoms")
    parser.add_argument("--fresh", type=int, default=300, help="new phantoms a type to judge by")
    parser.add_argument("--leave-out", action="store_true", help="labels: also without the flagged")
    parser.add_argument("--folder", type=Path, help="where ensembles stay, finished ones are used")
    parser.add_argument("--rounds", type=int, default=2, help="of cost")
    parser.add_argument("--before", action="store_true", help="annocerv: the former recipe too")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        if chosen.table == "annocerv":
            annocerv(folder, chosen.seeds, chosen.before)
        elif chosen.table == "phantoms":
            phantoms(folder, chosen.seeds, chosen.steps, chosen.fresh)
        elif chosen.table == "cost":
            cost(folder, chosen.steps, chosen.rounds)
        else:
            for seed in chosen.seeds:
                print(turned_labels(folder, seed, chosen.steps, chosen.leave_out), flush=True)


def annocerv(folder: Path, seeds: Sequence[int], before: bool) -> None:
    """Print out-of-fold log losses of each seed, their means, and what averaging repeats gives."""
    manifest = real_photographs()
    recipes = {"now": {}, "before": BEFORE} if before else {"now": {}}
    rows, raws, folds = [], [], np.empty(0)
    for seed in seeds:
        row = {}
        for name, changes in recipes.items():
            began = time.perf_counter()
            recipe = real_recipe(seed, changes)
            ensemble = cx.crossfit(manifest, recipe, folder / f"{name}-{seed}", 5, cache=folder)
            figures = ensemble.metrics
            row |= {
                "class shares": figures["prior"]["log_loss"],
                "linear probe": figures["probe"]["log_loss"],
                f"{name}, raw, weights chosen by the fold itself": chosen_by_fold(ensemble),
                f"{name}, raw": figures["raw"]["log_loss"],
                f"{name}, calibrated": figures["log_loss"],
                f"{name}, coverage": figures["sets"]["coverage"],
                f"{name}, classes a set": figures["sets"]["size"],
                f"{name}, least AUC": min(figures["roc_auc"]),
                f"{name}, largest AUC": max(figures["roc_auc"]),
                f"{name}, minutes": (time.perf_counter() - began) / 60,
            }
            if name == "now":
                photographs, raw = stored(ensemble)
                raws.append(raw[0])
                folds = photographs["fold"].to_numpy(int) if seed == seeds[0] else folds
        rows.append(row)
        print(f"seed {seed}", {key: round(value, 3) for key, value in row.items()}, flush=True)
    print(pd.DataFrame(rows).mean().round(4).to_string())
    targets = class_indices(photographs, ensemble.class_names)
    groups = photographs["group"].to_numpy()
    each = [cross_fitted(raw, targets, groups, folds) for raw in raws]
    together = geometric_mean(np.array(raws))
    after = cross_fitted(together, targets, groups, folds)
    means = {"plain": np.mean(each, 0), "geometric": geometric_mean(np.array(each))}
    for name, mean in means.items():
        print(
            f"{len(raws)} repeats, calibrated, then the {name} mean: {log_loss(targets, mean):.4f}"
        )
    print(f"{len(raws)} repeats, the geometric mean, raw: {log_loss(targets, together):.4f}")
    print(
        f"{len(raws)} repeats, the geometric mean, then calibrated: {log_loss(targets, after):.4f}"
    )


def chosen_by_fold(ensemble: Run) -> float:
    """The log loss that `keep: best` would have shown: each run's least on its own fold."""
    parts = [
        (member.history["validation_loss"].min(), len(member.validation))
        for member in ensemble.members
    ]
    losses, counts = np.array(parts).T
    return float(losses @ counts / counts.sum())


def real_photographs() -> pd.DataFrame:
    """AnnoCerv's photographs, their Swede score in three classes, patients as groups."""
    folder = SHARED / "data/annocerv"
    table = pd.read_csv(folder / "metadata.csv")
    table["path"] = [str(folder / image) for image in table["image"]]
    table["group"] = table["case"].astype(str)
    return table[["path", "label", "group"]]


def real_recipe(seed: int, changes: dict) -> Recipe:
    """The recipe of `keras:NAME` for a small network at 96 x 96."""
    keys = load_recipe("keras").model_dump(mode="json", exclude_unset=True)
    keys |= {"model": MOBILENET, "image_size": 96, "seed": seed, **changes}
    return load_recipe(keys)


def phantoms(folder: Path, seeds: Sequence[int], steps: int, per_class: int) -> None:
    """Print what an ensemble and its runs make of new phantoms."""
    for seed in seeds:
        manifest = drawn(folder / f"known-{seed}", 120, seed)
        fresh = drawn(folder / f"fresh-{seed}-{per_class}", per_class, 1000 + seed)
        recipe = small_recipe(seed, steps)
        ensemble = cx.crossfit(manifest, recipe, folder / f"right-{seed}", cache="memory")
        found = judged([ensemble], fresh)
        runs = [judged([run], fresh) for run in ensemble.members]
        row = {
            "one run, raw": np.mean([run["raw"][0] for run in runs]),
            "one run, calibrated": np.mean([run["calibrated"][0] for run in runs]),
            "ensemble, raw": found["raw"][0],
            "ensemble": found["calibrated"][0],
            "error of one run, raw": np.mean([run["raw"][1] for run in runs]),
            "error of one run": np.mean([run["calibrated"][1] for run in runs]),
            "error of ensemble, raw": found["raw"][1],
            "error of ensemble": found["calibrated"][1],
            "error of perfect probabilities": by_chance([ensemble], fresh),
        }
        print(
            f"seed {seed}", {key: round(float(value), 4) for key, value in row.items()}, flush=True
        )


def cost(folder: Path, steps: int, rounds: int) -> None:
    """Print the seconds of five fits and of a crossfit of the same folds, in turns, and their ratio."""
    manifest, recipe = (
        cx.phantom(folder / "phantoms", per_class=120, seed=0),
        small_recipe(0, steps),
    )
    cx.data.prepare(manifest, cx.data.square_size(96), cache=folder)
    recipe = recipe.model_copy(update={"keep": "last"})
    done = itertools.count()

    def fits() -> None:
        for fold in cx.data.folds(manifest, 5, seed=0):
            cx.fit(fold, recipe, folder / f"run-{next(done)}", cache=folder)

    def crossfit() -> None:
        cx.crossfit(manifest, recipe, folder / f"ensemble-{next(done)}", cache=folder)

    seconds = take_turns({"fits": fits, "crossfit": crossfit}, rounds=rounds)
    print({name: turns.round(1).tolist() for name, turns in seconds.items()})
    print(f"crossfit / five fits: {1 / ratio(seconds, 'crossfit', 'fits'):.3f}")


def judged(runs: list, photographs: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Log loss and calibration error on new photographs, calibrated and raw."""
    found = predictions_of(runs, photographs)
    both = {"calibrated": found.probabilities, "raw": found.raw}
    return {
        name: tuple(float(measures(found.targets, p)[key][0]) for key in ("log_loss", "ece"))
        for name, p in both.items()
    }


def by_chance(runs: list, photographs: pd.DataFrame, draws: int = 200) -> float:
    """The mean calibration error that these probabilities would show if they were perfect."""
    probabilities, draw = predictions_of(runs, photographs).probabilities, np.random.default_rng(0)
    reached = np.cumsum(probabilities, axis=1)
    answers = ((draw.random((draws, len(reached), 1)) * reached[:, -1:]) > reached).sum(axis=2)
    return float(np.mean([measures(answer, probabilities)["ece"][0] for answer in answers]))


def drawn(folder: Path, per_class: int, seed: int) -> pd.DataFrame:
    """The phantoms of a folder, drawn where they are not there yet."""
    if folder.exists():
        return cx.read_manifest(folder)
    return cx.phantom(folder, per_class=per_class, seed=seed)


def small_recipe(seed: int, steps: int) -> Recipe:
    """CervixNet-2 at 96 x 96 with a cosine schedule."""
    changes = ["image_size=96", f"seed={seed}", f"stages.0.steps={steps}"]
    changes += ["optimizer.anneal=null", "optimizer.schedule=cosine", "optimizer.clip_norm=2"]
    return load_recipe("cervixnet2", changes)


def turned_labels(folder: Path, seed: int, steps: int, leave_out: bool) -> str:
    """How many turned labels are found, and the log loss on new phantoms before and after."""
    right = drawn(folder / f"known-{seed}", 120, seed)
    fresh = drawn(folder / f"fresh-{seed}-100", 100, 1000 + seed)
    wrong = right.assign(label=turned(right["label"], seed))
    losses = {}

    def trained(name: str, manifest: pd.DataFrame) -> Run:
        recipe, out = small_recipe(seed, steps), folder / f"{name}-{seed}"
        ensemble = cx.crossfit(manifest, recipe, out, cache="memory")
        losses[name] = judged([ensemble], fresh)["calibrated"][0]
        return ensemble

    ranked = label_errors(trained("turned", wrong))
    truth = right.set_index("path")["label"]
    is_wrong = (ranked["path"].map(truth) != ranked["label"]).to_numpy()
    first, flagged = round(TURNED * len(ranked)), ranked["label_error"].to_numpy()
    looked_at = wrong["path"].isin(ranked["path"].head(first))
    trained("looked-at", wrong.assign(label=wrong["label"].mask(looked_at, right["label"])))
    trained("right", right)
    if leave_out:
        trained("left-out", wrong[~wrong["path"].isin(ranked["path"][flagged])])
    return (
        f"seed {seed}: {is_wrong.sum()} of {len(ranked)} turned; {is_wrong[:first].sum()} among the "
        f"first {first}; {flagged.sum()} flagged, {is_wrong[flagged].sum()} of them turned. Log loss on "
        f"new phantoms: " + ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
    )


def turned(labels: pd.Series, seed: int) -> pd.Series:
    """The labels with a share of them turned into another class, each with the same chance."""
    draw, labels = np.random.default_rng(seed), labels.copy()
    for row in draw.choice(len(labels), round(TURNED * len(labels)), replace=False):
        labels.iloc[row] = draw.choice(
            [name for name in labels.unique() if name != labels.iloc[row]]
        )
    return labels


if __name__ == "__main__":
    main()
