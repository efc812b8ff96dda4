"""Sheets of photographs by class: samples, and the mean of each class."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cervix_tf.data import read_square
from cervix_tf.exploration.plots import UNLABELLED, Kind, finish, new_figure
from cervix_tf.pages.figures import save

if TYPE_CHECKING:
    from cervix_tf.data import RandomView

_COLUMNS = 8
_SIDE = 160  # pixels of a sample
_BATCH = 512


def plot_samples(
    manifest: pd.DataFrame, shown: list[Kind], about: str, path: Path | None = None, seed: int = 0
) -> Figure:
    """Show photographs of each class, of as many groups as there are, as Figure 2 of the report."""
    columns = min(_COLUMNS, max(kind.count for kind in shown))
    figure = new_figure(0.25 + 1.15 * columns, 0.3 + 1.2 * len(shown))
    cells = figure.subplots(len(shown), columns, squeeze=False, gridspec_kw={"wspace": 0.03})
    for k, (row, kind) in enumerate(zip(cells, shown, strict=True)):
        rng = np.random.default_rng([seed, k])
        photographs = manifest[kind.rows].iloc[rng.permutation(kind.count)]
        new_groups_first = photographs["group"].duplicated().argsort(kind="stable")
        photographs = photographs.iloc[new_groups_first]
        for axes, photograph in zip(row, photographs["path"], strict=False):
            axes.imshow(read_square(photograph, _SIDE))
        for axes in row:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        row[0].spines["left"].set(visible=True, color=kind.colour, linewidth=4)
        row[0].set_ylabel(f"{kind.name}\nn = {kind.count:,}", fontsize=8)
    return finish(figure, [], about, path)


def plot_means(
    squares: np.ndarray, shown: list[Kind], about: str, path: Path | None = None
) -> Figure:
    """Show the mean square of each class, and how its brightness differs from that of all labelled."""
    means = np.stack([class_mean(squares, kind.rows) for kind in shown])
    counts = [kind.count if kind.name != UNLABELLED else 0 for kind in shown]
    centre = np.average(means, axis=0, weights=counts if sum(counts) else None)
    differences = 100 * (means - centre).mean(axis=-1) / 255
    labelled = differences[np.array(counts) > 0] if sum(counts) else differences
    # A few photographs without a label may lie beyond it: they saturate.
    scale = max(float(np.abs(labelled).max()), 0.5)
    figure = new_figure(1.2 + 1.9 * len(shown), 4.5)
    cells = figure.subplots(2, len(shown), squeeze=False)
    for k, kind in enumerate(shown):
        cells[0, k].imshow(means[k].round().astype("uint8"), interpolation="bicubic")
        cells[0, k].set_title(f"{kind.name}\nn = {kind.count:,}", fontsize=9)
        last = cells[1, k].imshow(
            differences[k], cmap="RdBu_r", vmin=-scale, vmax=scale, interpolation="bicubic"
        )
    for axes in cells.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    cells[0, 0].set_ylabel("mean", fontsize=8)
    cells[1, 0].set_ylabel("brightness less that\nof all labelled", fontsize=8)
    bar = figure.colorbar(last, ax=cells[1, :], shrink=0.9)
    bar.set_label("% of full scale", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return finish(figure, [], about, path)


def plot_views(square: np.ndarray, view: "RandomView", path: Path | None = None) -> Figure:
    """Show nine random views of one photograph.

    Args:
        square: uint8 (P, P, 3), as `read_square` gives it.
        view: The layer to try.
        path: The PNG to write, if any.

    Returns:
        The figure; a notebook shows it.

    Example:
        >>> plot_views(read_square("photographs/1.jpg", 256), RandomView(224, rotation=20))
    """
    keys = np.stack([np.zeros(9, int), np.arange(9)], 1)
    views = np.rint(view(np.repeat(square[None], 9, 0), keys, training=True)).astype("uint8")
    figure = new_figure(6, 6)
    for axes, picture in zip(figure.subplots(3, 3).flat, views, strict=True):
        axes.imshow(picture)
        axes.axis("off")
    return save(figure, path)


def class_mean(squares: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Average some squares (N, P, P, 3), which may be a mapped file, some hundreds at a time."""
    numbers = np.flatnonzero(rows)
    total = np.zeros(squares.shape[1:], "int64")
    for first in range(0, len(numbers), _BATCH):
        total += np.asarray(squares[numbers[first : first + _BATCH]]).sum(axis=0, dtype="int64")
    return total / len(numbers)
