"""Plots of a set of photographs: classes, sizes, embeddings."""

import dataclasses
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cervix_tf.pages.figures import bare, class_colour, save

UNLABELLED = "no label"
GREY = "#9A9A9A"
DPI = 160
_MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
_DASHES = ("-", "--", "-.", ":")
_LAYERS = 24  # turns in which the classes are drawn, so that none covers another


@dataclasses.dataclass(frozen=True)
class Kind:
    """A class, or the photographs without one, as every plot shows it."""

    name: str
    colour: str
    marker: str
    dash: str
    rows: np.ndarray  # bool (N,), which photographs

    @property
    def count(self) -> int:
        """How many photographs there are of it."""
        return int(self.rows.sum())


def kinds(manifest: pd.DataFrame, classes: list[str]) -> list[Kind]:
    """Give the classes of a manifest their looks; photographs without a label come last, grey."""
    label = manifest["label"]
    labelled = [
        Kind(
            name,
            class_colour(k),
            _MARKERS[(k % 7 + k // 7) % len(_MARKERS)],  # after seven the colours come again
            _DASHES[k % len(_DASHES)],
            (label == name).to_numpy(bool),
        )
        for k, name in enumerate(classes)
    ]
    unlabelled = Kind(UNLABELLED, GREY, "x", "-", label.isna().to_numpy(bool))
    return labelled + [unlabelled] * (unlabelled.count > 0)


def plot_classes(
    manifest: pd.DataFrame, shown: list[Kind], about: str, path: Path | None = None
) -> Figure:
    """Plot how many photographs there are of each class and source, Table 1 of the report as bars."""
    sources = list(dict.fromkeys(manifest["source"]))
    sources.sort(key=lambda name: {"train": 0, "additional": 1, "test": 3}.get(name, 2))
    bars = [
        (source, kind, int((kind.rows & (manifest["source"] == source)).sum()))
        for source in sources
        for kind in shown
    ]
    bars = [bar for bar in bars if bar[2]]
    labelled = manifest[manifest["label"].notna()]["source"].value_counts()
    figure = new_figure(max(4.6, 1.6 + 0.75 * len(bars)), 3.6)
    axes = figure.subplots()
    ticks, at, last = [], 0.0, sources[0]
    centres: dict[str, list[float]] = {}
    for source, kind, count in bars:
        at += 1.0 if source == last else 1.7
        last = source
        centres.setdefault(source, []).append(at)
        ticks.append((at, kind.name))
        axes.bar(at, count, color=kind.colour, width=0.78)
        share = "" if kind.name == UNLABELLED else f"\n{100 * count / labelled[source]:.1f} %"
        axes.text(at, count, f"{count:,}{share}", ha="center", va="bottom", fontsize=8)
    axes.set_xticks([x for x, _ in ticks], [name for _, name in ticks], fontsize=8)
    for source, xs in centres.items():
        axes.annotate(
            source, (float(np.mean(xs)), 0), (0, -24), fontsize=9, weight="bold",
            xycoords=("data", "axes fraction"), textcoords="offset points", ha="center", va="top",
        )  # fmt: skip
    axes.set_ylabel("photographs")
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.margins(y=0.17)
    return finish(figure, [axes], about, path)


def plot_sizes(
    sizes: pd.DataFrame, shown: list[Kind], about: str, path: Path | None = None
) -> Figure:
    """Plot widths and heights, aspects and file sizes, by class where they may tell it."""
    figure = new_figure(11.5, 4.2)
    extent, aspect, weight = figure.subplots(1, 3)
    _extents(extent, sizes)
    large = sizes["bytes"].max() > 2e6
    unit, scale = ("MB", 1e6) if large else ("kB", 1e3)
    for axes, values, name in (
        (aspect, sizes["width"] / sizes["height"], "width / height"),
        (weight, sizes["bytes"] / scale, f"file size ({unit})"),
    ):
        for kind in shown:
            axes.ecdf(
                values[kind.rows], color=kind.colour, ls=kind.dash, lw=1.6, label=_named(kind)
            )
        axes.set(ylim=(0, 1.02), xlabel=name, ylabel="share of the class up to there (%)")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=None))
    lines, columns = aspect.get_lines(), min(len(shown), 6)
    figure.legend(
        handles=lines, loc="outside upper right", ncols=columns, frameon=False, fontsize=8
    )
    return finish(figure, [extent, aspect, weight], about, path)


def plot_points(
    points: np.ndarray,
    shown: list[Kind],
    names: tuple[str, str],
    about: str,
    path: Path | None = None,
) -> Figure:
    """Plot photographs as points (N, 2) coloured and marked by class, as Figures 3 and 4 of the report.

    Axes called "t-SNE ..." get no ticks: the numbers mean nothing.
    """
    figure = new_figure(6.4, 5.2)
    axes = figure.subplots()
    size = float(np.clip(9000 / len(points), 9, 34))
    layer = np.random.default_rng(0).integers(1, _LAYERS, len(points))
    for turn in range(_LAYERS):
        for kind in shown:
            unlabelled = kind.name == UNLABELLED
            at = points[kind.rows & ((turn == 0) if unlabelled else (layer == turn))]
            edge = None if unlabelled else "white"  # a cross has no edge, it is one
            axes.scatter(
                at[:, 0], at[:, 1], s=size, c=kind.colour, marker=kind.marker, alpha=0.8,
                zorder=2 + turn, edgecolors=edge, linewidths=0.9 if unlabelled else 0.35,
            )  # fmt: skip
    for kind in shown:
        axes.scatter([], [], s=36, c=kind.colour, marker=kind.marker, label=_named(kind))
    axes.set(xlabel=names[0], ylabel=names[1])
    axes.margins(0.04)
    axes.set_aspect("equal", adjustable="datalim")
    if names[0].startswith("t-SNE"):
        axes.set(xticks=[], yticks=[])
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return finish(figure, [axes], about, path)


def _extents(axes: Axes, sizes: pd.DataFrame) -> None:
    """Draw widths and heights as discs, and name the commonest where there is room."""
    counts = sizes.groupby(["width", "height"]).size().sort_values(ascending=False, kind="stable")
    width, height = (counts.index.get_level_values(k).to_numpy() for k in (0, 1))
    top = 1.25 * max(width.max(), height.max())
    area = 12 + 240 * counts.to_numpy() / counts.max()
    axes.scatter(width, height, s=area, color="#444444", alpha=0.35, lw=0)
    axes.scatter(width, height, s=4, color="#222222", lw=0)
    named: list[tuple[int, int]] = []
    for k, (x, y) in enumerate(zip(width[:12], height[:12], strict=True)):
        # The text stands above its disc: no other disc may be there, nor another text beside it.
        above = (height - y) / top
        discs = (np.abs(width - x) < 0.22 * top) & (above > 0.03) & (above < 0.12)
        texts = [abs(x - a) < 0.26 * top and abs(y - b) < 0.06 * top for a, b in named]
        if discs.any() or any(texts):
            continue
        named.append((x, y))
        axes.annotate(
            f"{x} × {y}: {counts.iloc[k]:,}", (x, y), (0, 2 + np.sqrt(area[k] / np.pi)),
            textcoords="offset points", fontsize=7, ha="center",
        )  # fmt: skip
    axes.set(xlim=(0, top), ylim=(0, top), aspect="equal")
    axes.set(xlabel="width (pixels)", ylabel="height (pixels)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
    axes.axline((0, 0), slope=1, color="#CCCCCC", lw=0.8, zorder=0)


def _named(kind: Kind) -> str:
    return f"{kind.name} (n = {kind.count:,})"


def new_figure(width: float, height: float) -> Figure:
    """Make a figure of so many inches, to be handed to `finish`."""
    return Figure(figsize=(width, height), layout="constrained", dpi=DPI)


def finish(figure: Figure, axes: list[Axes], about: str, path: Path | None) -> Figure:
    """Write what the photographs are below, so that no picture goes without it, and save."""
    for panel in axes:
        bare(panel)
        panel.tick_params(labelsize=8)
    text = textwrap.fill(about, int(18 * figure.get_figwidth()))
    figure.supxlabel(text, fontsize=7.5, color="#555555", x=0.01, ha="left")
    return save(figure, path)
