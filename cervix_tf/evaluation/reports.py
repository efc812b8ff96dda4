"""One self-contained HTML page about a run."""

import base64
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape

from cervix_tf.data import summary
from cervix_tf.files import write_text
from cervix_tf.recipes.reading import to_yaml
from cervix_tf.runs import Run, load

PLOTS = {
    "curves.png": "Loss and accuracy by optimiser step; dashed lines mark where a stage begins, "
    "dotted ones the class prior.",
    "confusion.png": "Confusion matrix of the validation photographs.",
    "predictions.png": "Validation photographs as the network saw them, over their probabilities; "
    "a red title marks a wrong answer.",
}


def write_report(run: Run | Path | str) -> Path:
    """Write `report.html` into a run's folder: what was run, on what, with which figures.

    Args:
        run: A run or its folder, with metrics and plots.

    Returns:
        The page's path. It needs no other file.

    Raises:
        UserError: The run lacks its figures or cannot be written to.

    Example:
        >>> write_report("runs/first")
    """
    run = load(run)
    environment = Environment(
        loader=PackageLoader("cervix_tf", "evaluation"), autoescape=select_autoescape()
    )
    pictures = [
        (base64.b64encode(run.path(f"plots/{name}").read_bytes()).decode(), caption)
        for name, caption in PLOTS.items()
        if run.path(f"plots/{name}").is_file()
    ]
    labelled = run.manifest[run.manifest["label"].notna()]
    page = environment.get_template("report.html").render(
        name=run.folder.resolve().name,
        metrics=run.metrics,
        recipe=to_yaml(run.recipe),
        tables=[
            summary(labelled.assign(source=labelled["split"])).to_html(border=0),
        ],
        pictures=pictures,
        environment=run.environment,
    )
    write_text(run.path("report.html"), page)
    return run.path("report.html")
