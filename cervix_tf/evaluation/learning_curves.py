"""Learning curves of one run or several."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cervix_tf.pages.figures import DPI, WIDTH, bare, save
from cervix_tf.runs import Run, load

TRAIN, VALIDATION, PRIOR, STAGE, ANNEAL = "#7A7A7A", "#0072B2", "#D55E00", "#8A8A8A", "#009E73"
# Paul Tol's bright scheme: runs have colours that are no class's, told apart with any colour vision.
RUN_COLOURS = ("#4477AA", "#EE6677", "#228833", "#AA3377", "#CCBB44", "#66CCEE", "#555555")
PANELS = {"loss": "log loss (nats)", "accuracy": "accuracy (share)"}


def plot_curves(
    runs: Run | Path | str | Sequence[Run | Path | str], path: Path | str | None = None
) -> Figure:
    """Plot loss and accuracy by optimiser step, as Figures 11 to 13 and 15 of the report.

    Training figures are means over the steps since the last entry of the history, on augmented
    views, smoothed; validation figures are of centre crops. Dashed lines mark where a stage begins, named
    with what it trains; triangles mark where the learning rate is annealed; dotted lines are the class
    prior. Of several runs each has a colour, training solid and validation dashed.

    Args:
        runs: A run or its folder, or several, whose histories are written; of an ensemble its runs.
        path: The PNG to write, if any.

    Returns:
        The figure.

    Raises:
        UserError: A run has no history yet.

    Example:
        >>> plot_curves(["runs/a", "runs/b"], "curves.png")
    """
    several = isinstance(runs, list | tuple)
    chosen = runs if several else [runs]
    opened = [run for one in chosen for run in load(one).members]  # type: ignore[union-attr]
    single = len(opened) == 1
    figure = Figure(figsize=(WIDTH, 6.2), layout="constrained", dpi=DPI)
    panels = dict(zip(PANELS, figure.subplots(2, 1, sharex=True), strict=True))
    for name, axes in panels.items():
        for number, run in enumerate(opened):
            colour = RUN_COLOURS[number % len(RUN_COLOURS)]
            colours = (TRAIN, VALIDATION) if single else (colour, colour)
            _lines(axes, run.history, name, *colours, single)
            _mark_stages(axes, run, STAGE if single else colour)
            if single or name == "accuracy":
                _mark_annealing(axes, run, ANNEAL if single else colour, row=number)
        for prior in {_prior(run, name) for run in opened}:
            axes.axhline(prior, color=PRIOR, ls=":", lw=1.4)
        axes.set_ylabel(PANELS[name])
        axes.set_xlim(left=0)
        bare(axes)
    panels["loss"].set_ylim(0, _loss_limit(opened))
    panels["accuracy"].set_ylim(0, 1)
    panels["accuracy"].set_xlabel("optimiser step")
    panels["accuracy"].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if single:
        _name_stages(panels["loss"], opened[0].history)
    lines = _legend(opened)
    figure.legend(handles=lines, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return save(figure, path)


def _lines(
    axes: Axes, history: pd.DataFrame, name: str, training: str, validation: str, single: bool
) -> None:
    steps, values = history["step"], history[f"train_{name}"]
    if single:
        axes.plot(steps, values, color=training, alpha=0.3, lw=1)
    smooth = values.rolling(max(1, len(values) // 20), center=True, min_periods=1).mean()
    axes.plot(steps, smooth, color=training, lw=1.6)
    validated = history.dropna(subset=[f"validation_{name}"])
    axes.plot(
        validated["step"], validated[f"validation_{name}"], color=validation, lw=1.6,
        marker="o" if single or len(validated) == 1 else None,  # one value makes no line
        ms=3,
        ls="-" if single else (0, (4, 1.6)),
    )  # fmt: skip


def _mark_stages(axes: Axes, run: Run, colour: str) -> None:
    for start in _stage_starts(run.history)[1:]:
        axes.axvline(start, color=colour, ls="--", lw=1, zorder=0)


def _mark_annealing(axes: Axes, run: Run, colour: str, row: int) -> None:
    """Mark the steps over the axis, in a row of its own for each run."""
    steps = annealings(run)
    if steps:
        axes.plot(
            steps, np.full(len(steps), 0.012 + 0.025 * row), ls="", marker="^", ms=4.5, color=colour,
            transform=axes.get_xaxis_transform(), clip_on=False, in_layout=False,
        )  # fmt: skip


def annealings(run: Run) -> list[int]:
    """List the steps after which the learning rate of a run was multiplied by its factor.

    Args:
        run: A run with a history.

    Returns:
        Optimiser steps, ascending; empty where the rate is constant.

    Example:
        >>> annealings(load("runs/first"))
        [400, 800]
    """
    anneal = run.recipe.optimizer.anneal
    if anneal is None:
        return []
    starts = [*_stage_starts(run.history), int(run.history["step"].iloc[-1])]
    return [
        step
        for begin, end in itertools.pairwise(starts)
        for step in range(begin + anneal.every, end, anneal.every)
    ]


def _stage_starts(history: pd.DataFrame) -> list[int]:
    """The last step before each stage."""
    ends = history.groupby("stage")["step"].max().astype(int).tolist()
    return [0, *ends[:-1]]


def _name_stages(axes: Axes, history: pd.DataFrame) -> None:
    """Write over each stage what it trains, in as many rows as keep the words apart."""
    if history["stage"].nunique() < 2:
        return
    low, high = axes.get_xlim()
    taken: list[float] = []  # right ends of the words in each row, as shares of the width
    for start, (_, part) in zip(_stage_starts(history), history.groupby("stage"), strict=True):
        word = str(part["train"].iloc[0])
        width = 0.024 * len(word)
        at = min((start - low) / (high - low), 1 - width)
        row = next((k for k, end in enumerate(taken) if end < at), len(taken))
        taken[row : row + 1] = [at + width + 0.02]
        axes.text(
            at, 1.02 + 0.07 * row, word, fontsize=9, color="#444444", transform=axes.transAxes
        )


def _loss_limit(runs: list[Run]) -> float:
    """Upper end of the loss axis: above the prior, and not that of a single outlier."""
    prior = max(_prior(run, "loss") for run in runs)
    columns = ["train_loss", "validation_loss"]
    top = max(float(np.nanmax(run.history[columns].to_numpy())) for run in runs)
    return max(1.15 * prior, min(1.05 * top, 2.5 * prior))


def _prior(run: Run, name: str) -> float:
    return run.metrics["prior"]["log_loss" if name == "loss" else "accuracy"]


def _legend(runs: list[Run]) -> list[Line2D]:
    def line(label: str, **style) -> Line2D:
        return Line2D([], [], label=label, **{"lw": 1.6, **style})

    if len(runs) == 1:
        lines, anneal_colour = [line("training", color=TRAIN)], ANNEAL
        lines.append(line("validation", color=VALIDATION, marker="o", ms=3))
        stage = "a stage begins, named after what it trains"
    else:
        names = [run.folder.resolve().name for run in runs]
        lines = [
            line(n, color=c) for n, c in zip(names, itertools.cycle(RUN_COLOURS), strict=False)
        ]
        lines.append(line("training", color="black"))
        lines.append(line("validation", color="black", ls=(0, (4, 1.6))))
        stage, anneal_colour = "a stage begins", "black"
    lines.append(line("class prior, validation", color=PRIOR, ls=":"))
    if any(run.history["stage"].nunique() > 1 for run in runs):
        lines.append(line(stage, color=STAGE, ls="--", lw=1))
    factors = {run.recipe.optimizer.anneal.factor for run in runs if annealings(run)}
    if factors:
        by = f" times {factors.pop():g}" if len(factors) == 1 else " annealed"
        lines.append(line(f"learning rate{by}", color=anneal_colour, ls="", marker="^", ms=5))
    return lines
