"""One self-contained HTML page about a run, or about several side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cervix_tf.data import summary
from cervix_tf.data.outputs import check_not_among
from cervix_tf.errors import UserError
from cervix_tf.evaluation.learning_curves import plot_curves
from cervix_tf.evaluation.report import set_wording, wording
from cervix_tf.evaluation.report.comparison import check_told, differences, table_of_runs
from cervix_tf.files import check_output, write_text
from cervix_tf.pages.pictures import data_address
from cervix_tf.pages.templates import render
from cervix_tf.recipes.recipe_files import to_yaml
from cervix_tf.runs import Run, load
from cervix_tf.runs.ensembles import check_each_once

PLOTS = {
    "curves.png": "Loss and accuracy by optimiser step: training on random views, validation on centre "
    "crops.",
    "confusion.png": "Confusion matrix: how many photographs of each true class were given each class, "
    "their share of the true class and its 95 % interval.",
    "reliability.png": "Reliability: of the photographs of which the network was so sure, how many it "
    "classified rightly, with 95 % intervals. Below the diagonal it is too sure.",
    "roc.png": "ROC: each class against the rest, sensitivity against the share of the others called so, "
    "with the area under the curve and its 95 % interval.",
    "precision_recall.png": "Precision against recall of each class; AP, the average precision, is the "
    "area. The dotted line is the class's share, the precision of chance.",
    "prevalence.png": "How often each class occurs, and its mean probability. For a calibrated network "
    "the two agree.",
    "predictions.png": "Photographs as the network saw them, over their probabilities; a red title "
    "marks a wrong answer.",
    "mistakes.png": "The mistakes of which the network was most sure, the surest first.",
    "saliency.png": "Which pixels the score of the true class depends on.",
}
TEST_PLOTS = ("confusion.png", "reliability.png", "roc.png", "precision_recall.png", "mistakes.png")
SHEETS = ("predictions.png", "mistakes.png", "saliency.png")
WITH_EVERY_FIT = ("curves.png", "confusion.png", "reliability.png", "prevalence.png")
COMPARISON = "comparison.html"


def report(
    run_or_runs: Run | Path | str | Sequence[Run | Path | str], path: Path | str | None = None
) -> Path:
    """Write one HTML page: what was run, on what, with which figures; or several runs side by side.

    The figures of test photographs stand beside those of validation where `RUN/test` holds them, as
    `evaluate(run, manifest, out="RUN/test")` writes them.

    Args:
        run_or_runs: A run or its folder, with figures and plots, or several.
        path: The page to write; by default the run's own `report.html`, or `comparison.html` in the
            present folder for several runs.

    Returns:
        The page's path. It needs no other file.

    Raises:
        UserError: A run has not ended, so lacks figures or plots, is given twice, or the page cannot
            be written or would lie among the photographs.

    Example:
        >>> report(["runs/a", "runs/b"], "table5.html")
    """
    several = isinstance(run_or_runs, list | tuple)
    runs = [load(r) for r in (run_or_runs if several else [run_or_runs])]  # type: ignore[union-attr]
    if not runs:
        raise UserError("No run to report on: give at least one run folder.")
    check_each_once(runs)
    for run in runs:
        _check_finished(run)
    path = Path(path or (COMPARISON if len(runs) > 1 else runs[0].path("report.html")))
    check_output(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{path}: name a file that ends in .html or .htm.")
    for run in runs:
        if run.photographs:
            check_not_among(path, run.manifest["path"], run.manifest["label"], kind="file")
    facts = [_facts(run) for run in runs]
    page = render(
        "run.html",
        runs=facts,
        compared=table_of_runs(facts),
        differences=differences(runs),
        curves=data_address(plot_curves(runs)) if len(runs) > 1 else None,
        number=wording.number,
        figure_rows=wording.figure_rows,
        class_rows=wording.class_rows,
        point_rows=wording.point_rows,
        point_words=wording.point_words,
        stratum_rows=wording.stratum_rows,
        stratum_words=wording.stratum_words,
        remarks=wording.remarks,
        set_rows=set_wording.set_rows,
        set_remark=set_wording.set_remark,
    )
    write_text(path, page)
    return path


def _check_finished(run: Run) -> None:
    """Refuse a run of which fit has not written all: its page would mark it as complete."""
    for name in () if run.complete else WITH_EVERY_FIT:
        if not run.path(f"plots/{name}").is_file():
            raise UserError(
                f"{run.path(f'plots/{name}')} does not exist: training has not ended; go on with "
                f"cervix-tf fit --resume {run.folder}."
            )
    if "intervals" not in run.metrics:
        raise UserError(
            f"{run.path('metrics.json')} holds no intervals: an older version wrote it; train again."
        )
    check_told(run.path("metrics.json"), run.metrics)
    if run.test_metrics:
        check_told(run.path("test/metrics.json"), run.test_metrics)


def _facts(run: Run) -> dict[str, Any]:
    """What the page says of one run."""
    plots = run.path("plots")
    return {
        "name": run.folder.resolve().name,
        "metrics": run.metrics,
        "test": run.test_metrics,
        "setting": _setting(run),
        "photographs": _photographs(run.manifest).to_html(border=0),
        "pictures": [p for name in PLOTS if (p := _picture(plots / name))],
        "test_pictures": [p for n in TEST_PLOTS
                          if (p := _picture(run.path("test/plots") / n))] if run.test_metrics else [],
        "recipe": to_yaml(run.recipe),
        "environment": _flat(run.environment),
    }  # fmt: skip


def _picture(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    caption = PLOTS[path.name]
    return {"address": data_address(path), "caption": caption, "wide": path.name in SHEETS}


def _setting(run: Run) -> str:
    """Network, steps and optimiser in a sentence."""
    recipe, history = run.recipe, run.members[0].history
    stages = [
        f"{part['train'].iloc[0]} to step {int(part['step'].iloc[-1])}"
        for _, part in history.groupby("stage")
    ]
    validated = history.dropna(subset="validation_loss")
    best = int(validated.loc[validated["validation_loss"].idxmin(), "step"])
    kept = f"the best of its validations, step {best}" if recipe.keep == "best" else "the last step"
    optimizer, weights = recipe.optimizer, recipe.model.weights
    return (
        f"{recipe.model.name} from {'random' if weights == 'none' else weights} weights "
        f"at {recipe.image_size}\u00a0×\u00a0{recipe.image_size} pixels; {int(history['step'].iloc[-1])} "
        f"steps of {recipe.batch_size} photographs with {optimizer.name} at {optimizer.learning_rate:g}, "
        f"training {', then '.join(stages)}; the weights are those of {kept}."
        + (f" The mean of {len(run.members)} such runs." if len(run.members) > 1 else "")
    )


def _photographs(manifest: pd.DataFrame) -> pd.DataFrame:
    """Table 1 of the report by split, with the number of groups."""
    labelled = manifest[manifest["label"].notna()]
    table = summary(labelled.assign(source=labelled["split"])).astype("object")
    groups = labelled.groupby("split")["group"].nunique()
    groups["all"] = labelled["group"].nunique()
    table["groups"] = [str(groups.get(name, "")) for name in table.index]
    return table


def _flat(environment: dict) -> dict[str, str]:
    rows: dict[str, str] = {}
    for key, value in environment.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items() if v)
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        rows[key.replace("_", " ")] = str(value)
    return rows
