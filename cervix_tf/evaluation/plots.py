"""Plots of a run: learning curves, confusion matrix, photographs with their probabilities."""

import itertools
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cervix_tf.data import prepare
from cervix_tf.files import replacing
from cervix_tf.runs import Run

# Okabe and Ito's colours, which people with any colour vision tell apart; a class keeps its colour.
CLASS_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
TRAIN, VALIDATION, PRIOR = "#7A7A7A", "#0072B2", "#D55E00"


def plot_curves(run: Run, path: Path) -> None:
    """Plot loss and accuracy by step, as Figures 11 to 13 and 15 of the report.

    Training (mean over the steps since the last entry, on augmented views) is drawn beside validation
    (centre crops); a dashed line marks where a stage
    ends, named with what it trained on either side; dotted lines are the class prior.

    Args:
        run: A run whose history is written.
        path: The PNG to write.

    Example:
        >>> plot_curves(load("runs/first"), Path("curves.png"))
    """
    history, metrics = run.history, run.metrics
    figure = Figure(figsize=(9, 3.6), layout="constrained", dpi=130)
    for axes, name, label in zip(
        figure.subplots(1, 2), ("loss", "accuracy"), ("log loss (nats)", "accuracy"), strict=True
    ):
        validated = history.dropna(subset=[f"validation_{name}"])
        axes.plot(history["step"], history[f"train_{name}"], color=TRAIN, alpha=0.35, lw=1)
        smooth = history[f"train_{name}"].ewm(span=9).mean()
        axes.plot(history["step"], smooth, color=TRAIN, lw=1.6, label="training")
        axes.plot(
            validated["step"], validated[f"validation_{name}"],
            color=VALIDATION, marker="o", ms=3, lw=1.6, label="validation",
        )  # fmt: skip
        prior = metrics["prior"]["log_loss" if name == "loss" else "accuracy"]
        axes.axhline(prior, color=PRIOR, ls=":", label="class prior, validation")
        stages = [part for _, part in history.groupby("stage")]
        for before, after in itertools.pairwise(stages):
            switch = before["step"].iloc[-1]
            axes.axvline(switch, color="#BBBBBB", ls="--", lw=1, zorder=0)
            for part, side in ((before, "right"), (after, "left")):
                axes.text(
                    switch, 1.01, f" {part['train'].iloc[0]} ", fontsize=8, ha=side,
                    transform=axes.get_xaxis_transform(),
                )  # fmt: skip
        axes.set_xlabel("optimiser step")
        axes.set_ylabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        if name == "loss":
            top = np.nanmax(history[["train_loss", "validation_loss"]].to_numpy())
            axes.set_ylim(0, max(1.15 * prior, min(1.05 * top, 3 * prior)))
            axes.legend(frameon=False, fontsize=8)
        else:
            axes.set_ylim(0, 1)
    _save(figure, path)


def plot_confusion(metrics: dict, path: Path) -> None:
    """Plot the confusion matrix, as Figures 14 and 16 of the report.

    Args:
        metrics: Figures as `evaluate` returns them.
        path: The PNG to write.

    Example:
        >>> plot_confusion(load("runs/first").metrics, Path("confusion.png"))
    """
    counts, classes = np.array(metrics["confusion"]), metrics["classes"]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.4 + 0.7 * len(classes)
    figure = Figure(figsize=(side, 0.9 * side), layout="constrained", dpi=130)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.55 else "black"
        text = f"{count}\n{100 * shares[row, column]:.0f} %"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"{metrics['photographs']} photographs ({metrics['split']})", fontsize=10)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    _save(figure, path)


def plot_predictions(
    run: Run, chosen: pd.DataFrame, probabilities: np.ndarray, path: Path, most: int = 12
) -> None:
    """Show photographs as the network saw them, each over its probabilities.

    Args:
        run: The run that predicted.
        chosen: The photographs, with their labels where they have one.
        probabilities: (N, classes), in the order of the rows of `chosen`.
        path: The PNG to write.
        most: How many photographs at the most, spread evenly over `chosen`.

    Example:
        >>> plot_predictions(run, chosen, probabilities, Path("predictions.png"))
    """
    classes = run.class_names
    taken = np.unique(np.linspace(0, len(chosen) - 1, min(most, len(chosen))).round().astype(int))
    columns = min(6, len(taken))
    rows = -(-len(taken) // columns)
    figure = Figure(figsize=(1.9 * columns, 2.75 * rows), layout="constrained", dpi=110)
    cells = figure.subplots(2 * rows, columns, height_ratios=[3, 1] * rows, squeeze=False)
    for axes in cells.flat:
        axes.axis("off")
    margin = (run.square_size - run.image_size) // 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said when these photographs were predicted
        squares = prepare(chosen.iloc[taken], run.square_size, "memory", crop=run.crop).array
    for place, number in enumerate(taken):
        row, column = 2 * (place // columns), place % columns
        photograph, share = chosen.iloc[number], probabilities[number]
        square = squares[place]
        picture, bars = cells[row, column], cells[row + 1, column]
        picture.imshow(square[margin : margin + run.image_size, margin : margin + run.image_size])
        guess = classes[int(share.argmax())]
        known = isinstance(photograph["label"], str)
        right = known and guess == photograph["label"]
        title = f"true: {photograph['label']}" if known else str(photograph["image"])
        picture.set_title(
            title, fontsize=8, pad=3, color="black" if right or not known else "#B00020"
        )
        bars.axis("on")
        bars.barh(range(len(classes)), share, color=[class_colour(k) for k in range(len(classes))])
        bars.set_yticks(range(len(classes)), classes, fontsize=6)
        bars.set_xlim(0, 1)
        bars.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=6)
        bars.invert_yaxis()
        bars.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def class_colour(index: int) -> str:
    """The fixed colour of a class index."""
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as part:
        figure.savefig(part)
