"""Verbs that evaluate."""

from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.options import Views
from cervix_tf.commands.printing import import_tensorflow, print_figures


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Labelled photographs; by default the run's validation ones."),
    ] = None,
    tta: Views = 1,
    json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON.")] = False,
) -> None:
    """Print a run's log loss and accuracy beside those of the class prior.

    Example: cervix-tf evaluate runs/first
    """
    from json import dumps

    from cervix_tf.data import read_manifest

    import_tensorflow()
    from cervix_tf.evaluation import evaluate

    figures = evaluate(run, read_manifest(data) if data else None, tta=tta)
    if json:
        print(dumps(figures, indent=2))
    else:
        print_figures(figures)
        print(f"Run folder: {run}")
