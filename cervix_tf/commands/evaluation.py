"""Verbs that evaluate."""

from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.options import (
    Cache,
    Per,
    Raw,
    Run,
    Strict,
    Views,
    folder_out,
    named,
    outside,
)
from cervix_tf.commands.printing import import_tensorflow, print_evaluation


def evaluate(
    run: Run,
    data: Annotated[
        Path | None,
        typer.Option(help="Labelled photographs; by default the run's validation ones."),
    ] = None,
    tta: Views = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=folder_out,
            help="A folder for metrics.json, predictions.csv and plots; what is in RUN/test, "
            "`report` shows beside the validation figures.",
        ),
    ] = None,
    cache: Cache = None,
    raw: Raw = False,
    per: Per = "photograph",
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Figures for each value of a column of the manifest, such as source or device.",
        ),
    ] = None,
    positive: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS", help="Sensitivity and specificity of this class or not; repeatable."
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="POINT",
            help="Where: sensitivity=0.9, specificity=0.9 (other photographs choose the threshold) or "
            "threshold=0.5, the default.",
        ),
    ] = None,
    level: Annotated[
        float, typer.Option(help="Share of prediction sets that shall hold the true class.")
    ] = 0.9,
    strict: Strict = False,
    json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON.")] = False,
) -> None:
    """Print a run's figures with 95 % intervals beside those of the class prior.

    Photographs that the run trained on are left out.

    Example: cervix-tf evaluate runs/first --data test.csv --out runs/first/test

    For patients: cervix-tf evaluate runs/first --per group --positive Type_3 --at sensitivity=0.9
    """
    from json import dumps

    from cervix_tf.data import read_manifest
    from cervix_tf.progress import bar

    outside(out, data)
    import_tensorflow()
    from cervix_tf.evaluation import evaluate

    manifest = read_manifest(data, strict=strict) if data else None
    with bar("Decoding", 0) as progress:
        figures = evaluate(
            run, manifest, tta, out, cache, progress, raw, per, by, positive, at, level
        )
    if json:
        print(dumps(figures, indent=2))
        return
    print_evaluation(figures)
    if out:
        print(f"Figures, predictions and plots: {out}")
    print(f"Run folder: {run}")


def report(
    run: Annotated[list[Path], typer.Argument(help="Run folder; several stand side by side.")],
    out: Annotated[
        Path | None,
        typer.Option(
            callback=named(".html", ".htm"),
            help="The HTML file; by default RUN/report.html, or comparison.html for several runs.",
        ),
    ] = None,
) -> None:
    """Write one self-contained HTML page about a run, or several runs side by side.

    Example: cervix-tf report runs/first runs/second --out table5.html
    """
    from cervix_tf.evaluation.report import report as write

    print(f"Report: {write(run, out)}")
