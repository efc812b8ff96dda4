"""A sheet of photographs that a run got right and wrong, with maps of what the answers depend on."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.data.manifests import photographs_or_phantoms, validated
from cervix_tf.data.outputs import check_not_among
from cervix_tf.errors import UserError, unknown
from cervix_tf.explanation.attribution import METHODS, run_saliency
from cervix_tf.explanation.overlays import Explanation, plot_explanation
from cervix_tf.files import check_output
from cervix_tf.given import as_list, as_path, is_whole
from cervix_tf.inference import Predictions, held_out, predictions_of
from cervix_tf.pages.figures import picture_format
from cervix_tf.runs import Run, load
from cervix_tf.runs.provenance import check_recorded


def explain(
    run: Run | Path | str | Predictions,
    manifest: pd.DataFrame | None = None,
    out: Path | str | None = None,
    methods: Sequence[str] = ("gradient", "smoothgrad", "integrated", "gradcam"),
    photographs: int = 8,
    seed: int = 0,
    cache: Path | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Draw what a run looks at in photographs it got right and in others it got wrong.

    Half of the photographs shown are of either kind, as far as there are so many, drawn at random so
    that the true classes take turns. The maps explain the logit of the true class, of the predicted
    one where no label is known.

    Args:
        run: A run or its folder; or predictions, to choose photographs from in place of `manifest`.
        manifest: Photographs to choose from; by default the run's validation photographs. If any has
            a label, those without are passed over.
        out: The PNG to write; by default `plots/saliency.png` in the run's folder, which the report
            shows.
        methods: One or more of "gradient", "smoothgrad", "integrated", "gradcam", as `saliency` takes
            them.
        photographs: How many to show at the most, 1 to 24.
        seed: Seed of the choice and of SmoothGrad's noise; the same seed draws the same sheet.
        cache: Where the prepared squares are kept, as `data.prepare` takes it.
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
    methods = list(dict.fromkeys(as_list(methods, "methods")))
    out = as_path(out, "out") if out else None
    for method in methods:
        if method not in METHODS:
            raise unknown("method", method, METHODS)
    if not methods or not is_whole(photographs) or not 1 <= photographs <= 24:
        raise UserError(
            f"photographs={photographs!r}, methods={methods}: show 1 to 24, by at least one method."
        )
    if isinstance(run, Predictions):
        predictions = run
        if out:
            table = predictions.photographs
            check_not_among(out, table["path"], table["label"], kind="file")
    else:
        run = load(run)
        _check_path(out or run.path("plots/saliency.png"))
        candidates = _candidates(run, manifest)
        if out:
            for table in (candidates, run.manifest) if run.photographs else (candidates,):
                check_not_among(out, table["path"], table["label"], kind="file")
        predictions = (
            held_out(run, candidates, cache=cache)
            if manifest is None
            else predictions_of(run, candidates, cache=cache)
        )
    labelled = predictions.targets >= 0
    has_labels = bool(labelled.any())
    if has_labels and not labelled.all():
        predictions = predictions[labelled]
    explained = predictions.targets if has_labels else predictions.predicted
    right = predictions.predicted == explained  # all of them where there are no labels
    opened = predictions.run

    shown = _choose(explained, right, photographs, seed)
    explained, sheet = explained[shown], predictions[shown]
    images = np.asarray(sheet.images)
    maps = {}
    for done, method in enumerate(methods, start=1):
        maps[method] = run_saliency(opened, images, explained, method, seed=seed)
        if progress:
            progress(done, len(methods))

    classes = np.array(sheet.class_names, dtype=object)
    table = sheet.photographs[["image", "path", "label"]].assign(
        predicted=classes[sheet.predicted], explained=classes[explained]
    )
    table[sheet.class_names] = sheet.probabilities
    path = out or opened.path("plots/saliency.png")
    explanation = Explanation(path, table, images, maps)
    what = photographs_or_phantoms(predictions.photographs)
    counts = (int(right.sum()), len(right)) if has_labels else None
    plot_explanation(explanation, f"{opened.recipe.model.name} on {what}", counts, path)
    return explanation


def _check_path(path: Path) -> None:
    check_output(path)
    picture_format(path)


def _candidates(run: Run, manifest: pd.DataFrame | None) -> pd.DataFrame:
    """The photographs to choose from; an unknown class ends here, before photographs are read."""
    if manifest is None:
        table, where = run.validation, f"{run.folder}/manifest.csv"
    else:
        manifest = validated(manifest)
        labelled = manifest["label"].notna()
        table, where = manifest[labelled] if labelled.any() else manifest, "the manifest"
    if table.empty:
        raise UserError(
            f"{where} has no photograph to explain: give labelled photographs with --data."
        )
    if manifest is None:
        check_recorded(table, run.folder)
    if table["label"].notna().all():
        class_indices(table, run.class_names)
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
