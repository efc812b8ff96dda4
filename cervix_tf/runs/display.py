"""A run as one line, and as HTML for a notebook."""

from html import escape
from typing import TYPE_CHECKING

from cervix_tf.pages.pictures import data_address

if TYPE_CHECKING:
    from cervix_tf.runs.folders import Run


def line(run: "Run") -> str:
    """Say in one line what a run is and how well it does.

    Args:
        run: A run, finished or not.

    Returns:
        Such as `Run(runs/first: inception, log loss 0.3024, prior 1.0986, ...)`.

    Example:
        >>> line(load("runs/first"))
    """
    name = run.recipe.model.name
    if not run.complete:
        return f"Run({run.folder}: {name}, {_progress(run)})"
    found = run.metrics
    return (
        f"Run({run.folder}: {name}, log loss {found['log_loss']:.4f}, prior "
        f"{found['prior']['log_loss']:.4f}, {_data(run)})"
    )


def html(run: "Run") -> str:
    """Show a run's figures beside the class prior's, and its learning curves.

    Args:
        run: A run, finished or not.

    Returns:
        HTML without style of its own but what a table and a picture need.

    Example:
        >>> html(load("runs/first"))[:5]
        '<div>'
    """
    head = f"<b>{escape(run.recipe.model.name)}</b> · <code>{escape(str(run.folder))}</code>"
    if not run.complete:
        return f"<div>{head}<br>{escape(_progress(run))}</div>"
    found = run.metrics
    rows = _row("log loss", "log_loss", found) + _row("accuracy", "accuracy", found)
    table = (
        "<table><tr><th></th><th>model</th><th>95 % interval</th><th>class prior</th></tr>"
        f"{rows}</table>"
    )
    curves = run.path("plots/curves.png")
    picture = ""
    if curves.is_file():
        picture = (
            f'<img src="{data_address(curves)}" alt="Loss and accuracy by step" '
            'style="max-width:100%;width:560px">'
        )
    return f"<div>{head}<br>{escape(_data(run))}{table}{picture}</div>"


def _data(run: "Run") -> str:
    found = run.metrics
    return (
        f"{found['data']}: {found['photographs']} photographs of {found['groups']} groups, "
        f"{found['split']}, seed {found['seed']}"
    )


def _progress(run: "Run") -> str:
    written = run.path("history.csv").is_file() and len(run.history)
    step = int(run.history["step"].max()) if written else 0
    return f"not finished (step {step}): go on with cervix-tf fit --resume {run.folder}"


def _row(name: str, key: str, found: dict) -> str:
    def words(value: float) -> str:
        return f"{100 * value:.1f} %" if key == "accuracy" else f"{value:.4f}"

    interval = found["intervals"][key]
    span = " to ".join(words(value) for value in interval) if interval else "–"
    return (
        f"<tr><th>{name}</th><td>{words(found[key])}</td><td>{span}</td>"
        f"<td>{words(found['prior'][key])}</td></tr>"
    )
