"""A plot of the trials of a search."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cervix_tf.pages.figures import save
from cervix_tf.recipes import Range, Space


def plot_trials(table: pd.DataFrame, space: Space, path: Path | str | None = None) -> Figure:
    """Plot the trials by the first key of the space and each other one, coloured by log loss.

    Numbers that are all above 0 and span more than a factor of five are on a log axis; other values
    stand side by side. Where trials coincide the best is on top; log losses are
    written where they cover no better one's. Triangles were pruned.

    Args:
        table: As `search` returns it.
        space: The space of the search.
        path: The PNG to write, if any.

    Returns:
        The figure.

    Example:
        >>> plot_trials(table, load_space("6.3"), "trials.png")
    """
    shown = table[table["log_loss"].notna() & table["state"].isin(["complete", "pruned"])]
    shown = shown.sort_values("log_loss", ascending=False)  # the best drawn last, on top
    keys = list(space.space)
    others = keys[1:] or [None]
    figure = Figure(figsize=(1.4 + 4.6 * len(others), 4.4), layout="constrained", dpi=130)
    panels = figure.subplots(1, len(others), squeeze=False)[0]
    low, high = shown["log_loss"].min(), shown["log_loss"].quantile(0.9)
    colours = {"cmap": "viridis_r", "vmin": low, "vmax": max(high, low + 1e-6)}
    positions = []
    for axes, other in zip(panels, others, strict=True):
        x = _positions(axes.xaxis, axes, "x", shown[keys[0]], space, keys[0])
        if other is None:
            y = shown["log_loss"].to_numpy()
            axes.set_ylabel("validation log loss (nats)")
        else:
            y = _positions(axes.yaxis, axes, "y", shown[other], space, other)
        for state, marker in (("pruned", "^"), ("complete", "o")):
            rows = (shown["state"] == state).to_numpy()
            drawn = axes.scatter(
                x[rows], y[rows], c=shown["log_loss"][rows], marker=marker, s=130,
                edgecolors="black", linewidths=0.6, label=state, **colours,
            )  # fmt: skip
        positions.append((x, y))
    if (shown["state"] == "pruned").any():
        above = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
        panels[0].legend(frameon=False, fontsize=8, ncols=2, **above)
    label = "validation log loss (nats)"
    figure.colorbar(drawn, ax=panels.tolist(), label=label, extend="max", shrink=0.9)
    figure.draw_without_rendering()  # settles where things stand
    if keys[1:]:
        for axes, (x, y) in zip(panels, positions, strict=True):
            _write_best(axes, x, y, shown["log_loss"].to_numpy())
    return save(figure, path)


def _positions(axis, axes: Axes, side: str, values: pd.Series, space: Space, key: str):
    """Where the values stand on an axis, which gets its label, scale and ticks."""
    allowed = space.space[key]
    getattr(axes, f"set_{side}label")(key)
    numbers = isinstance(allowed, Range) or all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in allowed
    )
    ends = [allowed.low, allowed.high] if isinstance(allowed, Range) else allowed
    if numbers and min(ends) > 0 and max(ends) / min(ends) > 5:
        getattr(axes, f"set_{side}scale")("log")
        getattr(axes, f"set_{side}lim")(min(ends) / 1.8, max(ends) * 1.8)
        return values.to_numpy(float)
    if isinstance(allowed, Range):
        axes.margins(0.12)
        return values.to_numpy(float)
    choices = space.choices(key)
    words = [f"{v:g}" if isinstance(v, float) else _short(str(v)) for v in choices]
    axis.set_ticks(range(len(choices)), words, fontsize=8)
    getattr(axes, f"set_{side}lim")(-0.6, len(choices) - 0.4)
    return np.array([choices.index(v) for v in values], float)


def _write_best(axes: Axes, x: np.ndarray, y: np.ndarray, loss: np.ndarray) -> None:
    """Write log losses over their places, the best first, each if it covers no earlier one."""
    taken: list[np.ndarray] = []
    for number in np.argsort(loss, kind="stable"):
        point = axes.transData.transform((x[number], y[number]))
        if any((np.abs(point - other) < (58, 30)).all() for other in taken):  # pixels at 130 a inch
            continue
        taken.append(point)
        axes.annotate(
            f"{loss[number]:.3f}", (x[number], y[number]), (0, 9), textcoords="offset points",
            ha="center", fontsize=7,
        )  # fmt: skip


def _short(text: str) -> str:
    """A long list on three lines at the most."""
    if len(text) <= 14:
        return text
    parts = text.strip("[]").split(", ")
    third = -(-len(parts) // 3)
    return "\n".join(", ".join(parts[k : k + third]) for k in range(0, len(parts), third))
