"""ROC and precision-recall curves, one a class against the rest."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from cervix_tf.evaluation.plots import title
from cervix_tf.inference import Predictions
from cervix_tf.pages.figures import DPI, WIDTH, bare, class_colour, save

POINTS = 500  # of a curve at most: more are not seen
LONG = 32  # letters of a name in the legend at most
# Inches: a layout engine takes longer than the drawing.
_SIDE, _LEFT, _TOP, _FOOT, _LINE = 3.9, 0.95, 0.36, 0.55, 0.176


def plot_roc(predictions: Predictions, metrics: dict, path: Path | str | None = None) -> Figure:
    """Plot sensitivity against the false positives, a curve for each class against the rest.

    The legend has the area under each curve with its 95 % interval. An operating point is marked; its
    thresholds may differ from fold to fold, so that it need not lie on the curve of all.

    Args:
        predictions: The predictions of labelled photographs, or of groups.
        metrics: Their figures, as `evaluate` returns them.
        path: The PNG to write, if any.

    Returns:
        The figure.

    Example:
        >>> plot_roc(predictions, metrics_of(predictions, "validation"), "roc.png")
    """
    figure, axes = _square(metrics)
    axes.plot([0, 1], [0, 1], color="#8A8A8A", ls="--", lw=1)
    for true, score, name, style, figures in _curves(predictions, metrics):
        false, found, _ = roc_curve(true, score)
        axes.plot(*_thinned(false, found), label=_named(name, "AUC", figures["roc_auc"]), **style)
    if point := metrics.get("operating_point"):
        _mark(axes, point, 1 - point["specificity"], point["sensitivity"])
    axes.set_xlabel("1 - specificity: share of the others called so")
    axes.set_ylabel("sensitivity")
    return _finished(figure, axes, path)


def plot_precision_recall(
    predictions: Predictions, metrics: dict, path: Path | str | None = None
) -> Figure:
    """Plot precision against recall, a curve for each class against the rest.

    The legend has the average precision with its 95 % interval. A dotted line is the class's share, the
    precision of chance.

    Args:
        predictions: As `plot_roc` takes them.
        metrics: As `plot_roc` takes them.
        path: The PNG to write, if any.

    Returns:
        The figure.

    Example:
        >>> plot_precision_recall(predictions, metrics_of(predictions, "validation"))
    """
    figure, axes = _square(metrics)
    for true, score, name, style, figures in _curves(predictions, metrics):
        precision, recall, _ = precision_recall_curve(true, score)
        axes.axhline(true.mean(), color=style["color"], ls=":", lw=1)
        label = _named(name, "AP", figures["average_precision"])
        axes.plot(*_thinned(recall, precision), label=label, drawstyle="steps-post", **style)
    point = metrics.get("operating_point")
    if point and point["ppv"] is not None:
        _mark(axes, point, point["sensitivity"], point["ppv"])
    axes.set_xlabel("recall (sensitivity)")
    axes.set_ylabel("precision")
    return _finished(figure, axes, path)


def _curves(predictions: Predictions, metrics: dict):
    """Truth, score, name, style and figures with intervals of each curve that is defined."""
    p, targets, classes = predictions.probabilities, predictions.targets, predictions.class_names
    keys = ("roc_auc", "average_precision")
    for k, name in enumerate(classes):
        if 0 < (targets == k).sum() < len(targets):
            figures = {key: (metrics[key][k], metrics["intervals"][key][k]) for key in keys}
            style: dict[str, Any] = {"color": class_colour(k), "lw": 1.8}
            yield (targets == k).astype(int), p[:, k], name, style, figures
    point = metrics.get("operating_point")
    if point and len(point["positive"]) > 1 and point["roc_auc"] is not None:
        columns = [classes.index(name) for name in point["positive"]]
        figures = {key: (point[key], point["intervals"][key]) for key in keys}
        style = {"color": "black", "lw": 1.2}
        true = np.isin(targets, columns).astype(int)
        yield true, p[:, columns].sum(axis=1), _together(point), style, figures


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = np.unique(np.linspace(0, len(x) - 1, min(len(x), POINTS)).round().astype(int))
    return x[rows], y[rows]


def _named(name: str, figure: str, value: tuple[float, list[float] | None]) -> str:
    share, interval = value
    span = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
    return f"{name if len(name) <= LONG else f'…{name[1 - LONG :]}'}: {figure} {share:.3f}{span}"


def _together(point: dict) -> str:
    """The positive classes, in words that fit the legend."""
    words = " or ".join(point["positive"])
    return words if len(words) <= LONG else f"{len(point['positive'])} classes together"


def _mark(axes: Axes, point: dict, x: float | None, y: float | None) -> None:
    if x is None or y is None:
        return
    given = point["at"].startswith("threshold")
    words = f"{_together(point)}, {'at' if given else 'meant for'} {point['at'].replace('=', ' ')}"
    axes.plot([x], [y], color="black", marker="D", ms=7, mfc="white", mew=1.6, ls="", label=words)


def _square(metrics: dict) -> tuple[Figure, Axes]:
    """Square axes; `_finished` makes room for the legend below."""
    figure = Figure(dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_title(title(metrics), fontsize=9)
    bare(axes)
    return figure, axes


def _finished(figure: Figure, axes: Axes, path: Path | str | None) -> Figure:
    handles, labels = axes.get_legend_handles_labels()
    legend = _LINE * len(labels) + 0.1
    height = _TOP + _SIDE + _FOOT + legend
    figure.set_size_inches(WIDTH, height)
    axes.set_position((_LEFT / WIDTH, (_FOOT + legend) / height, _SIDE / WIDTH, _SIDE / height))
    if labels:
        figure.legend(
            handles, labels, loc="lower left", frameon=False, fontsize=9, borderaxespad=0.2,
            bbox_to_anchor=(_LEFT / WIDTH - 0.02, 0), labelspacing=0.35,
        )  # fmt: skip
    return save(figure, path)
