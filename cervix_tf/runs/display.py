"""A run as one line, and as HTML for a notebook."""

from html import escape
from pathlib import Path
from typing import Any

from cervix_tf.pages.pictures import data_address


def line(folder: Path, network: str, metrics: dict[str, Any] | None, step: int) -> str:
    """Say in one line what a run is and how well it does.

    Args:
        folder: The run's folder.
        network: The network's name.
        metrics: The run's figures; None while it is not finished.
        step: The last optimiser step in its history, 0 if there is none.

    Returns:
        Such as `Run(runs/first: inception, log loss 0.3024, prior 1.0986, ...)`.
    """
    if metrics is None:
        return f"Run({folder}: {network}, {_progress(folder, step)})"
    return (
        f"Run({folder}: {network}, log loss {metrics['log_loss']:.4f}, prior "
        f"{metrics['prior']['log_loss']:.4f}, {_data(metrics)})"
    )


def html(
    folder: Path, network: str, metrics: dict[str, Any] | None, step: int, curves: Path
) -> str:
    """Show a run's figures beside the class prior's, and its learning curves.

    Args:
        folder: As for `line`.
        network: As for `line`.
        metrics: As for `line`.
        step: As for `line`.
        curves: The PNG of the learning curves, shown if it is there.

    Returns:
        HTML without style of its own but what a table and a picture need.
    """
    head = f"<b>{escape(network)}</b> · <code>{escape(str(folder))}</code>"
    if metrics is None:
        return f"<div>{head}<br>{escape(_progress(folder, step))}</div>"
    rows = _row("log loss", "log_loss", metrics) + _row("accuracy", "accuracy", metrics)
    table = (
        "<table><tr><th></th><th>model</th><th>95 % interval</th><th>class prior</th></tr>"
        f"{rows}</table>"
    )
    picture = ""
    if curves.is_file():
        picture = (
            f'<img src="{data_address(curves)}" alt="Loss and accuracy by step" '
            'style="max-width:100%;width:560px">'
        )
    return f"<div>{head}<br>{escape(_data(metrics))}{table}{picture}</div>"


def _data(metrics: dict[str, Any]) -> str:
    return (
        f"{metrics['data']}: {metrics['photographs']} photographs of {metrics['groups']} groups, "
        f"{metrics['split']}, seed {metrics['seed']}"
    )


def _progress(folder: Path, step: int) -> str:
    return f"not finished (step {step}): go on with cervix-tf fit --resume {folder}"


def _row(name: str, key: str, metrics: dict[str, Any]) -> str:
    def words(value: float) -> str:
        return f"{100 * value:.1f} %" if key == "accuracy" else f"{value:.4f}"

    interval = metrics["intervals"][key]
    span = " to ".join(words(value) for value in interval) if interval else "–"
    return (
        f"<tr><th>{name}</th><td>{words(metrics[key])}</td><td>{span}</td>"
        f"<td>{words(metrics['prior'][key])}</td></tr>"
    )
