"""Sheets of photographs, each as the network saw it, over its probabilities."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cervix_tf.inference import Predictions
from cervix_tf.pages.figures import DPI, class_colour, save

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
    side, names, gap = 1.25, 0.45, 0.1  # inches, as all below
    bar = 0.15
    head, bars = 0.1 + 0.16 * (1 + titles[0][0].count("\n")), bar * len(classes)
    cell_width, cell_height = names + side + gap, head + side + 0.06 + bars + 0.26
    width, height = columns * cell_width + gap, rows * cell_height + gap
    figure = Figure(figsize=(width, height), dpi=DPI)
    page = figure.add_axes(
        (0, 0, 1, 1)
    )  # one for all: Matplotlib takes long to make and lay out many
    page.axis("off")
    page.set(xlim=(0, width), ylim=(height, 0))
    page.set_autoscale_on(False)
    drawn = zip(predictions.images, predictions.probabilities, titles, strict=True)
    for number, (image, probabilities, (title, red)) in enumerate(drawn):
        left = names + (number % columns) * cell_width
        top = gap / 2 + (number // columns) * cell_height + head
        page.imshow(image, extent=(left, left + side, top + side, top), aspect="auto")
        colour = WRONG if red else "black"
        page.text(
            left + side / 2, top - 0.04, title, fontsize=8.5, ha="center", va="bottom", color=colour
        )

        chart = top + side + 0.06
        for row, (name, probability) in enumerate(zip(classes, probabilities, strict=True)):
            upper = chart + bar * (row + 0.1)
            shape = Rectangle(
                (left, upper), probability * side, bar * 0.8, color=class_colour(row), lw=0
            )
            page.add_patch(shape)
            middle = chart + bar * (row + 0.5)
            page.text(left - 0.05, middle, _short(name, 8), fontsize=7.5, ha="right", va="center")
        below = chart + bars
        page.plot([left, left, left + side], [chart, below, below], color="black", lw=1)
        for share, name in ((0, "0"), (0.5, "0.5"), (1, "1")):
            page.text(left + share * side, below + 0.03, name, fontsize=7.5, ha="center", va="top")
    return save(figure, path)


def _short(name: str, most: int = 20) -> str:
    """A name that fits over a photograph: the end of a long one, which tells it from others."""
    return name if len(name) <= most else f"…{name[1 - most :]}"
