"""What a tracker is sent of a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cervix_tf.evaluation.estimates import BY_CLASS, SINGLE
from cervix_tf.recipes import Recipe
from cervix_tf.runs import Run

# Keras' names of what the history holds.
CURVES = {
    "train_loss": "loss",
    "train_accuracy": "accuracy",
    "learning_rate": "learning_rate",
    "validation_loss": "val_loss",
    "validation_accuracy": "val_accuracy",
}
FACTS = ("data", "split", "photographs", "groups", "seed")
FILES = ("recipe.yaml", "environment.json", "history.csv", "metrics.json", "report.html")
# Value and ends of the interval of each figure, by its name.
Figures = dict[str, tuple[float, float | None, float | None]]


@dataclass(frozen=True)
class Contents:
    """What is sent when a run has ended.

    Attributes:
        figures: Value and ends of the 95 % interval of each figure, None where there is none.
        facts: What the figures are of: data, split, seed ...
        plots: PNG files.
        files: Others, the report among them; no table of photographs.
        step: The last of training.
    """

    figures: Figures
    facts: dict[str, str]
    plots: list[Path]
    files: list[Path]
    step: int = 0


def contents_of(run: Run) -> Contents:
    """Gather what a finished run, or ensemble, is tracked by."""
    history = run.path("history.csv").is_file()
    return Contents(
        figures_of(run.metrics),
        {name: str(run.metrics[name]) for name in FACTS if name in run.metrics},
        sorted(run.path("plots").glob("*.png")),
        [run.path(name) for name in FILES if run.path(name).is_file()],
        int(run.history["step"].max()) if history else 0,
    )


def parameters_of(recipe: Recipe) -> dict[str, Any]:
    """The keys of a recipe as `--set` takes them, with their values: numbers, truth values and text."""
    return dict(_flat("", recipe.model_dump(mode="json")))


def _flat(key: str, value: Any):
    if isinstance(value, dict | list) and value and not _plain(value):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in pairs:
            yield from _flat(f"{key}.{name}" if key else str(name), part)
    else:
        yield key, value if isinstance(value, bool | int | float | str) else str(value)


def _plain(value: Any) -> bool:
    """Whether it is a list without structure, which is one value."""
    return isinstance(value, list) and not any(isinstance(part, dict | list) for part in value)


def figures_of(metrics: dict) -> Figures:
    """Name the figures of a run by the split that they are of, each with its interval.

    Args:
        metrics: As `evaluation.metrics_of` returns them.

    Returns:
        `SPLIT/log_loss` and the like; `SPLIT/recall/CLASS`; `SPLIT/prior/log_loss`, those of the class
        shares, and likewise `raw`, `probe` and `gain`; `training/log_loss`.
    """
    found: Figures = {}
    ends = metrics["intervals"]

    def add(name: str, value: float | None, interval: list | None) -> None:
        if value is not None:
            low, high = interval or (None, None)
            found[f"{metrics['split']}/{name}"] = (value, low, high)

    for name in SINGLE:
        add(name, metrics.get(name), ends.get(name))
        for kind in ("raw", "probe", "prior", "gain"):
            value, interval = (part.get(kind, {}).get(name) for part in (metrics, ends))
            add(f"{kind}/{name}", value, interval)
    for name in BY_CLASS:
        for number, of_class in enumerate(metrics["classes"] if name in metrics else ()):
            interval = ends[name][number] if ends.get(name) else None
            add(f"{name}/{of_class}", metrics[name][number], interval)
    for name in ("log_loss", "accuracy"):
        if name in metrics.get("training", {}):
            found[f"training/{name}"] = (metrics["training"][name], None, None)
    return found


def points_of(history: list[dict], after: int) -> list[tuple[int, dict[str, float]]]:
    """The points of the curves behind a step: optimiser steps, and the figures there by Keras' names."""
    return [
        (
            int(row["step"]),
            {
                name: float(row[column])
                for column, name in CURVES.items()
                if row.get(column) is not None and row[column] == row[column]
            },
        )
        for row in history
        if row["step"] > after
    ]
