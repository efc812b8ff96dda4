"""The page of a reproduction: the report's tables and figures beside ours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from cervix_tf.data import read_square
from cervix_tf.data.manifests import is_phantom
from cervix_tf.evaluation import plot_curves
from cervix_tf.evaluation.estimates import uncalibrated
from cervix_tf.evaluation.report.wording import NONE, number, span
from cervix_tf.explanation import explain
from cervix_tf.exploration import explore
from cervix_tf.files import write_text
from cervix_tf.pages.pictures import data_address
from cervix_tf.pages.templates import render
from cervix_tf.reproduction import report_tables as report
from cervix_tf.runs import Run
from cervix_tf.segmentation import plot_superpixels


@dataclass
class Part:
    """A section of the page.

    Attributes:
        title: Its heading.
        head, rows: Its table, of texts; none without rows.
        pictures: PNG files with their captions.
        notes: What cannot be compared, a line each.
    """

    title: str
    head: Sequence[str] = ()
    rows: list[list[str]] = field(default_factory=list)
    pictures: list[tuple[Path, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def write_page(
    out: Path,
    parts: Sequence[str],
    manifest: pd.DataFrame,
    runs: dict[str, Run],
    notes: dict[str, list[str]],
    scale: float,
    cache: str | Path | None,
) -> Path:
    """Write the page of runs and notes by their recipes' names, and return its path."""
    makers: dict[str, Callable[[], Part]] = {
        "table1": lambda: _table_1(out, manifest, cache),
        "figure5": lambda: _figure_5(out, manifest),
        "table2": lambda: _table_2(out, runs, notes),
        "table3": lambda: _table_3(runs, notes),
        "table4": lambda: _table_4(out, runs, notes),
        "table5": lambda: _table_5(runs, notes),
    }
    made = [make() for name, make in makers.items() if name in parts]
    text = render(
        "reproduction.html", parts=made, general=_general(manifest, runs, scale),
        phantom=is_phantom(manifest), data_address=data_address,
    )  # fmt: skip
    page = out / "reproduction.html"
    write_text(page, text)
    return page


def _general(manifest: pd.DataFrame, runs: dict[str, Run], scale: float) -> list[str]:
    """What sets every figure of the page apart from the report's."""
    labelled = manifest[manifest["label"].notna() & (manifest["split"] != "test")]
    classes = sorted(labelled["label"].unique())
    lines = []
    if is_phantom(manifest):
        lines.append(
            "The photographs are phantoms: drawn. No figure here says anything of patients."
        )
    elif classes != list(report.TABLE_1):
        lines.append(
            f"The photographs are others than the report's, and so are their classes: "
            f"{', '.join(map(str, classes))} instead of the transformation zone's types. The tasks "
            "cannot be compared."
        )
    elif len(labelled) != 1481:
        lines.append("The photographs are others than the report's 1481 of Kaggle.")
    if scale < 1:
        lines.append(f"The runs took {scale:g} of the steps, and their schedules shrank with them.")
    lines.append(
        "Validation: the report drew a tenth of the photographs at random, so that those of one "
        "patient may be on both sides; here no group is, which is harder. The weights kept are those "
        "of the best validation."
    )
    tested = [run for run in runs.values() if run.test_metrics]
    if len(tested) < len(runs):
        lines.append(
            "Test: the report's figures are of Kaggle's server. No labelled test photographs are here."
        )
    lines.append(
        "The report gives no number of steps but ResNet's and no optimiser for CervixNet-1: those "
        "are the recipes' own. Probabilities are the networks' own, not calibrated, as the report's. "
        "Intervals are 95 %, by bootstrap over groups."
    )
    return lines


def _table_1(out: Path, manifest: pd.DataFrame, cache) -> Part:
    labelled = manifest[manifest["label"].notna() & (manifest["split"] != "test")]
    counts = labelled["label"].value_counts().sort_index()
    whole = sum(report.TABLE_1.values())
    theirs = [f"{k} {n} ({100 * n / whole:.1f} %)" for k, n in report.TABLE_1.items()]
    ours = [f"{k} {n} ({100 * n / len(labelled):.1f} %)" for k, n in counts.items()]
    rows = _even([["report", *theirs], ["here", *ours]])
    files = explore(labelled, out / "explore", cache=cache)["files"]
    captions = {
        "samples.png": "Figure 2: photographs of each class.",
        "pixels_pca.png": "Figure 3: the first two principal components of the raw photographs.",
        "pixels_tsne.png": "Figure 4: t-SNE of the first four principal components.",
    }
    pictures = [(Path(files[name]), caption) for name, caption in captions.items()]
    return Part("Table 1: class distribution", rows=rows, pictures=pictures)


def _figure_5(out: Path, manifest: pd.DataFrame) -> Part:
    pictures = []
    labelled = manifest[manifest["label"].notna()]
    three = labelled.iloc[[0, len(labelled) // 2, len(labelled) - 1]]
    for figure, (image, photograph) in enumerate(three[["image", "path"]].to_numpy(), start=5):
        path = out / "figures" / f"superpixels-{figure}.png"
        plot_superpixels(read_square(photograph, 256), path)
        pictures.append((path, f"As Figure {figure}: {image}."))
    notes = ["Three photographs of the set, not chosen for how well they went."]
    return Part("Figures 5 to 7: superpixels", pictures=pictures, notes=notes)


def _table_2(out: Path, runs: dict[str, Run], notes: dict[str, list[str]]) -> Part:
    path = out / "figures/curves-table2.png"
    compared = [runs[row.recipe] for row in report.TABLE_2]
    plot_curves(compared, path)
    return Part(
        "Table 2: CervixNet-1",
        *_losses(report.TABLE_2, runs),
        [
            (path, "As Figure 11: training solid, validation dashed."),
            (compared[0].path("plots/curves.png"), "As Figure 12: the first row."),
        ],
        _worded(report.TABLE_2, notes),
    )


def _table_3(runs: dict[str, Run], notes: dict[str, list[str]]) -> Part:
    run = runs["resnet-report"]
    figures = uncalibrated(run.metrics)
    ours, intervals = figures["prevalence"], figures["intervals"]["prevalence"]
    rows = [["", *run.class_names]]
    names = {"predicted": "average predicted prevalence", "actual": "actual prevalence"}
    for kind, name in names.items():
        rows.append([f"report: {name}", *(number("", value) for value in report.TABLE_3[kind])])
        here = zip(ours[kind], intervals[kind], strict=True)
        rows.append([f"here: {name}", *(_with_interval("", *pair) for pair in here)])
    head, *rows = _even(rows)
    return Part(
        "Table 3: predicted and actual prevalence, ResNet v1",
        head,
        rows,
        [
            (run.path("plots/curves.png"), "As Figure 13."),
            (run.path("plots/confusion.png"), "As Figure 14, which is of 32 photographs."),
        ],
        _worded((report.TABLE_5[2],), notes),
    )


def _table_4(out: Path, runs: dict[str, Run], notes: dict[str, list[str]]) -> Part:
    path = out / "figures/curves-table4.png"
    plot_curves([runs[row.recipe] for row in report.TABLE_4], path)
    return Part(
        "Table 4: Inception v2",
        *_losses(report.TABLE_4, runs),
        [(path, "As Figure 15: training solid, validation dashed.")],
        _worded(report.TABLE_4, notes),
    )


def _table_5(runs: dict[str, Run], notes: dict[str, list[str]]) -> Part:
    second, first = runs["cervixnet2"], runs["cervixnet1"]
    if not first.path("plots/saliency.png").is_file():
        explain(first, methods=["gradient"])
    return Part(
        "Table 5: the best of each architecture",
        *_losses(report.TABLE_5, runs),
        [
            (second.path("plots/confusion.png"), "As Figure 16: CervixNet-2."),
            (first.path("plots/saliency.png"), "As Figure 17: saliency of CervixNet-1."),
        ],
        _worded(report.TABLE_5, notes),
    )


def _losses(rows: Sequence[report.Row], runs: dict[str, Run]) -> tuple[list[str], list[list[str]]]:
    """The report's figures and ours, a row a setting; the class prior beside ours."""
    head = [
        "", "validation log loss, report", "here", "class prior here",
        "validation accuracy, report", "here", "test log loss, report", "here",
    ]  # fmt: skip
    table = []
    for row in rows:
        ours = uncalibrated(runs[row.recipe].metrics)
        test = runs[row.recipe].test_metrics
        tested = uncalibrated(test) if test else None
        table.append(
            [
                row.name,
                _as_printed(row.validation_loss),
                _figure("log_loss", ours),
                number("log_loss", ours["prior"]["log_loss"]),
                number("accuracy", row.validation_accuracy),
                _figure("accuracy", ours),
                _as_printed(row.test_loss),
                _figure("log_loss", tested) if tested else NONE,
            ]
        )
    return head, table


def _figure(key: str, figures: dict[str, Any]) -> str:
    return _with_interval(key, figures[key], figures["intervals"][key])


def _worded(rows: Sequence[report.Row], notes: dict[str, list[str]]) -> list[str]:
    """In what the runs differ from their recipes: what they share first, then what each has alone."""
    differences = {row.name: notes[row.recipe] for row in rows}
    first, *others = differences.values()
    shared = [note for note in first if others and all(note in other for other in others)]
    lines = [f"All: {', '.join(shared)}."] if shared else []
    for name, of_row in differences.items():
        if alone := [note for note in of_row if note not in shared]:
            lines.append(f"{name}: {', '.join(alone)}.")
    return lines


def _as_printed(loss: float | None) -> str:
    """A loss of the report with as many digits as it gives, at most five."""
    return NONE if loss is None else f"{loss:.5f}".rstrip("0")


def _with_interval(key: str, value: float, interval: list[float] | None) -> str:
    """A figure and its 95 % interval; a line breaks before the interval, not inside."""
    inside = f" ({span(key, interval)})".replace(" to ", "\u00a0to\u00a0") if interval else ""
    return number(key, value) + inside


def _even(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows of the same length, the shorter ones ending in empty cells."""
    return [list(row) for row in zip(*zip_longest(*rows, fillvalue=""), strict=True)]
