"""A sheet of photographs that a run got right and wrong, with maps of what its answer hangs on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data import centre_crop, prepare
from cervix_tf.data.manifests import labels, photographs_or_phantoms, validated
from cervix_tf.errors import UserError, unknown
from cervix_tf.explanation.attribution import METHODS, saliency
from cervix_tf.explanation.overlays import plot_explanation
from cervix_tf.inference import probabilities
from cervix_tf.runs import Run, load


@dataclass(frozen=True)
class Explanation:
    """The photographs of a sheet and their maps.

    Attributes:
        path: The PNG.
        table: One row a photograph shown, in the sheet's order: `image`, `path`, `label` (missing where
            it is not known), `predicted`, `explained` (the class whose logit the maps explain) and one
            column a class with its probability.
        images: uint8 (N, S, S, 3), the crops the network saw.
        maps: Method to float32 (N, S, S), as `saliency` returns them.
    """

    path: Path
    table: pd.DataFrame
    images: np.ndarray
    maps: dict[str, np.ndarray]


def explain(
    run: Run | Path | str,
    manifest: pd.DataFrame | None = None,
    out: Path | str | None = None,
    methods: Sequence[str] = ("gradient", "smoothgrad", "integrated", "gradcam"),
    photographs: int = 8,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Draw what a run looks at in photographs it got right and in others it got wrong.

    Half of the photographs shown are of either kind, as far as there are so many, drawn at random so
    that the true classes take turns. The maps explain the logit of the true class, of the predicted
    one where no label is known.

    Args:
        run: A run or its folder.
        manifest: Photographs to choose from; by default the run's validation photographs. If any has
            a label, those without are passed over.
        out: The PNG to write; by default `plots/saliency.png` in the run's folder, which the report
            shows.
        methods: One or more of "gradient", "smoothgrad", "integrated", "gradcam", as `saliency` takes
            them.
        photographs: How many to show at the most, 1 to 24.
        seed: Seed of the choice and of SmoothGrad's noise; the same seed draws the same sheet.
        progress: Called with the methods worked through and their number.

    Returns:
        The photographs and their maps, and where the sheet is.

    Raises:
        UserError: An unknown method, no photograph to explain, one that cannot be read, or a class
            the run does not know.

    Following: section 7 and Figure 17 of the report.

    Example:
        >>> explain("runs/first").table[["image", "label", "predicted"]]
    """
    run, methods = load(run), list(dict.fromkeys(methods))
    for method in methods:
        if method not in METHODS:
            raise unknown("method", method, METHODS)
    if not methods or not 1 <= photographs <= 24:
        raise UserError(
            f"photographs={photographs}, methods={methods}: show 1 to 24, by at least one method."
        )
    table = _candidates(run, manifest)
    classes = run.class_names
    known = table["label"].notna().all()
    true = labels(table, classes) if known else None
    squares = prepare(table, run.square_size, cache="memory", crop=run.crop).array
    shares = probabilities(run.model, squares)
    guess = shares.argmax(axis=1)

    right = guess == true if known else np.ones(len(table), bool)
    shown = _choose(guess if true is None else true, right, photographs, seed)
    target = (guess if true is None else true)[shown]
    images = np.asarray(centre_crop(squares[shown], run.image_size))
    maps = {}
    for done, method in enumerate(methods, start=1):
        maps[method] = saliency(run.model, images, target, method, seed=seed)
        if progress:
            progress(done, len(methods))

    rows = table.iloc[shown][["image", "path", "label"]].reset_index(drop=True)
    rows["predicted"] = [classes[k] for k in guess[shown]]
    rows["explained"] = [classes[k] for k in target]
    rows[classes] = shares[shown]
    path = Path(out) if out else run.path("plots/saliency.png")
    explanation = Explanation(path, rows, images, maps)
    counts = (int(right.sum()), len(table)) if known else None
    what = photographs_or_phantoms(table)
    plot_explanation(explanation, classes, f"{run.recipe.model.name} on {what}", counts)
    return explanation


def _candidates(run: Run, manifest: pd.DataFrame | None) -> pd.DataFrame:
    if manifest is None:
        own = run.manifest
        table, where = own[own["split"] == "validation"], f"{run.folder}/manifest.csv"
    else:
        labelled = manifest["label"].notna()
        table, where = manifest[labelled] if labelled.any() else manifest, "the manifest"
    if table.empty:
        raise UserError(
            f"{where} has no photograph to explain: give labelled photographs with --data."
        )
    return validated(table, where)


def _choose(classes: np.ndarray, right: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Row numbers: the right ones, then the wrong ones, the classes taking turns within each."""
    order = np.random.default_rng(seed).permutation(len(classes))
    parts = []
    for kind in (True, False):
        rows = order[right[order] == kind]
        turn = pd.Series(classes[rows]).groupby(classes[rows]).cumcount().to_numpy()
        parts.append(rows[np.lexsort((classes[rows], turn))])
    first, second = parts
    half = max(most // 2, most - len(second))
    first = first[:half]
    return np.concatenate([first, second[: most - len(first)]])
