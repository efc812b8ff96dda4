"""Sheets of photographs, each as the network saw it, over its probabilities."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from cervix_tf.inference import Predictions
from cervix_tf.pages.figures import DPI, bare, class_colour, save

COLUMNS = 4
WRONG = "#B00020"


def plot_predictions(predictions: Predictions, path: Path | None = None, most: int = 12) -> Figure:
    """Draw photographs as the network saw them, each over its probabilities.

    Args:
        predictions: The predictions; where there is a label, a red title marks a wrong answer.
        path: The PNG to write; by default none.
        most: How many photographs at the most, spread evenly over `predictions`.

    Returns:
        The figure.

    Example:
        >>> figure = plot_predictions(predictions, Path("predictions.png"))
    """
    count = len(predictions)
    shown = predictions[np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))]
    titles = [
        (f"true: {shown.class_names[target]}", target != guess)
        if target >= 0
        else (_short(image), False)
        for image, target, guess in zip(
            shown.photographs["image"], shown.targets, shown.predicted, strict=True
        )
    ]
    return _sheet(shown, titles, path)


def plot_mistakes(
    predictions: Predictions, path: Path | None = None, most: int = 12
) -> Figure | None:
    """Draw the photographs classified wrongly of which the network was most sure.

    Args:
        predictions: The predictions of labelled photographs.
        path: The PNG to write; by default none.
        most: How many photographs at the most, the surest first.

    Returns:
        The figure; None where all photographs are classified rightly, and nothing is written then.

    Example:
        >>> figure = plot_mistakes(predictions, Path("mistakes.png"))
    """
    wrong = np.flatnonzero(predictions.predicted != predictions.targets)
    if not len(wrong):
        return None
    surest = np.argsort(-predictions.probabilities[wrong].max(axis=1), kind="stable")
    shown = predictions[wrong[surest[:most]]]
    titles = [
        (f"{_short(image)}\ntrue: {label}", True)
        for image, label in shown.photographs[["image", "label"]].to_numpy().tolist()
    ]
    return _sheet(shown, titles, path)


def _sheet(predictions: Predictions, titles: list[tuple[str, bool]], path: Path | None) -> Figure:
    """Draw photographs in rows of `COLUMNS`; a title is a text and whether it is red."""
    classes = predictions.class_names
    columns = min(COLUMNS, len(predictions))
    rows = -(-len(predictions) // columns)
    height = 1.75 + 0.15 * len(classes) + 0.16 * titles[0][0].count("\n")
    figure = Figure(figsize=(1.6 * columns + 0.3, height * rows), layout="constrained", dpi=DPI)
    cells = figure.subplots(
        2 * rows, columns, height_ratios=[3, 0.4 * len(classes)] * rows, squeeze=False
    )
    for axes in cells.flat:
        axes.axis("off")
    drawn = zip(predictions.images, predictions.probabilities, titles, strict=True)
    for number, (image, probabilities, (title, red)) in enumerate(drawn):
        row, column = 2 * (number // columns), number % columns
        picture, bars = cells[row, column], cells[row + 1, column]
        picture.imshow(image)
        picture.set_title(title, fontsize=8.5, pad=3, color=WRONG if red else "black")
        bars.axis("on")
        colours = [class_colour(k) for k in range(len(classes))]
        bars.barh(range(len(classes)), probabilities, color=colours)
        bars.set_yticks(range(len(classes)), [_short(c, 8) for c in classes], fontsize=7.5)
        bars.set_xlim(0, 1)
        bars.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=7.5)
        bars.invert_yaxis()
        bare(bars)
    return save(figure, path)


def _short(name: str, most: int = 20) -> str:
    """A name that fits over a photograph: the end of a long one, which tells it from others."""
    return name if len(name) <= most else f"…{name[1 - most :]}"
