"""Plots of a run's figures: confusion matrix, reliability, prevalence."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cervix_tf.data.manifests import PHANTOMS
from cervix_tf.pages.figures import DPI, WIDTH, bare, class_colour, save

HATCHED: dict[str, Any] = {"facecolor": "white", "hatch": "///"}


def plot_confusion(metrics: dict, path: Path | str | None = None) -> Figure:
    """Plot the confusion matrix, as Figures 14 and 16 of the report.

    Each cell holds the photographs, their share of the true class and its 95 % interval.

    Args:
        metrics: Figures as `evaluate` returns them.
        path: The PNG to write, if any.

    Returns:
        The figure.

    Example:
        >>> plot_confusion(load("runs/first").metrics, "confusion.png")
    """
    counts, classes = np.array(metrics["confusion"]), metrics["classes"]
    intervals = metrics["intervals"]["confusion"]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(WIDTH, 2.6 + 0.7 * len(classes))
    figure = Figure(figsize=(side, 0.82 * side), layout="constrained", dpi=DPI)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    size = 9 if len(classes) < 5 else 6.5
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.55 else "black"
        text = f"{count}\n{100 * shares[row, column]:.0f} %"
        if interval := intervals[row][column]:
            text += "\n({:.0f} to {:.0f})".format(*(100 * end for end in interval))
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
    _name_classes(axes, classes, room=0.7)
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title(metrics), fontsize=9)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    return save(figure, path)


def plot_reliability(metrics: dict, path: Path | str | None = None) -> Figure:
    """Plot how often the predicted class is right against how sure the network was of it.

    Ten bins of equal width, each with its 95 % interval, over the number of photographs in them.

    Args:
        metrics: Figures as `evaluate` returns them.
        path: The PNG to write, if any.

    Returns:
        The figure.

    Example:
        >>> plot_reliability(load("runs/first").metrics, "reliability.png")
    """
    bins = metrics["reliability"]
    left = min(part["from"] for part in bins)
    figure = Figure(figsize=(WIDTH, 5.4), layout="constrained", dpi=DPI)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2.6, 1])
    upper.plot([left, 1], [left, 1], color="#8A8A8A", ls="--", lw=1.2, label="perfectly calibrated")
    for part in bins:
        if part["interval"] is not None:
            upper.plot(
                [part["confidence"]] * 2, part["interval"], color="#0072B2", lw=1.4, alpha=0.5
            )
    upper.plot(
        [part["confidence"] for part in bins], [part["accuracy"] for part in bins],
        color="#0072B2", marker="o", ms=5, lw=1.4, label="bin, with 95 % interval",
    )  # fmt: skip
    upper.set_ylim(-0.02, 1.02)
    upper.set_ylabel("share classified rightly")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    error = f"calibration error {metrics['ece']:.3f}"
    if metrics["intervals"]["ece"]:
        error += " ({:.3f} to {:.3f})".format(*metrics["intervals"]["ece"])
    upper.set_title(f"{error}: top label, 10 bins of equal width\n{title(metrics)}", fontsize=9)
    counts = [part["photographs"] for part in bins]
    lower.bar([part["from"] + 0.05 for part in bins], counts, 0.094, color="#9DBFD6")
    for part in bins:
        lower.annotate(
            str(part["photographs"]), (part["from"] + 0.05, part["photographs"]), (0, 2),
            textcoords="offset points", ha="center", fontsize=9,
        )  # fmt: skip
    lower.set_ylim(0, 1.22 * max(counts))
    lower.set_xlim(left - 0.01, 1.01)
    lower.set_xticks(np.arange(round(10 * left), 11) / 10)
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    lower.set_xlabel("confidence: probability of the predicted class")
    lower.set_ylabel("photographs")
    for axes in (upper, lower):
        bare(axes)
    figure.align_ylabels()
    return save(figure, path)


def plot_prevalence(metrics: dict, path: Path | str | None = None) -> Figure:
    """Plot each class's share of the photographs beside its mean probability (Table 3 of the report).

    Args:
        metrics: Figures as `evaluate` returns them.
        path: The PNG to write, if any.

    Returns:
        The figure.

    Example:
        >>> plot_prevalence(load("runs/first").metrics, "prevalence.png")
    """
    classes, ranges = metrics["classes"], metrics["intervals"]["prevalence"]
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained", dpi=DPI)
    axes = figure.subplots()
    top = 0.0
    for k in range(len(classes)):
        for shift, kind in ((-0.2, "actual"), (0.2, "predicted")):
            share, interval = metrics["prevalence"][kind][k], ranges[kind][k] or [np.nan, np.nan]
            axes.bar(k + shift, share, 0.36, edgecolor=class_colour(k), lw=1.4,
                     **(HATCHED if kind == "actual" else {"color": class_colour(k)}))  # fmt: skip
            axes.plot([k + shift] * 2, interval, color="black", lw=1.2)
            high = np.nanmax([share, interval[1]])
            axes.annotate(
                f"{share:.3f}", (k + shift, high), (0, 3), textcoords="offset points",
                ha="center", fontsize=9 if len(classes) < 6 else 6,
            )  # fmt: skip
            top = max(top, high)
    axes.set_ylim(0, 1.15 * top)
    _name_classes(axes, classes, room=4.6 / len(classes))
    axes.set_ylabel("share of the photographs")
    axes.set_title(title(metrics), fontsize=9)
    kinds = [
        Patch(edgecolor="#555555", label="actual share", **HATCHED),
        Patch(color="#555555", label="mean probability"),
        Line2D([], [], color="black", lw=1.2, label="95 % interval"),
    ]
    figure.legend(handles=kinds, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    bare(axes)
    return save(figure, path)


def _name_classes(axes: Axes, classes: list[str], room: float) -> None:
    """Name the classes along the axis, aslant where a name is longer than its room in inches."""
    slant = max(map(len, classes)) * 0.085 > room
    style: dict[str, Any] = (
        {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if slant else {}
    )
    axes.set_xticks(range(len(classes)), classes, **style)


def title(metrics: dict) -> str:
    """What the figures were measured on, in a line short enough for a title."""
    kind = "phantoms" if metrics["data"] == PHANTOMS else "photographs"
    words = metrics["split"].split(" (")[0].split(":")[0]
    count = f"{metrics['photographs']} {kind}"
    if metrics.get("per") == "group":
        count = f"{metrics['groups']} groups of {count}"
    return f"{count} ({words})"
