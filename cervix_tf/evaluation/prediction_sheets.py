"""Sheets of photographs, each as the network saw it, over its probabilities."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cervix_tf.data import prepare
from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.pages.figures import DPI, bare, class_colour, save
from cervix_tf.runs import Run

COLUMNS = 4
WRONG = "#B00020"


def plot_predictions(
    run: Run, chosen: pd.DataFrame, probabilities: np.ndarray, path: Path, most: int = 12
) -> None:
    """Show photographs as the network saw them, each over its probabilities.

    Args:
        run: The run that predicted.
        chosen: The photographs, with their labels where they have one; a red title marks one
            classified wrongly.
        probabilities: (N, classes), in the order of the rows of `chosen`.
        path: The PNG to write.
        most: How many photographs at the most, spread evenly over `chosen`.

    Example:
        >>> plot_predictions(run, chosen, probabilities, Path("predictions.png"))
    """
    classes = run.class_names
    taken = np.unique(np.linspace(0, len(chosen) - 1, min(most, len(chosen))).round().astype(int))
    titles = []
    for number in taken:
        photograph, guess = chosen.iloc[number], classes[int(probabilities[number].argmax())]
        known = isinstance(photograph["label"], str)
        title = f"true: {photograph['label']}" if known else _short(photograph["image"])
        titles.append((title, known and guess != photograph["label"]))
    _sheet(run, chosen.iloc[taken], probabilities[taken], titles, path)


def plot_mistakes(
    run: Run, chosen: pd.DataFrame, probabilities: np.ndarray, path: Path, most: int = 12
) -> int:
    """Show the photographs classified wrongly of which the network was most sure.

    Args:
        run: The run that predicted.
        chosen: The photographs, with labels.
        probabilities: (N, classes), in the order of the rows of `chosen`.
        path: The PNG to write; an older one is removed where there is no mistake to show.
        most: How many photographs at the most, the surest first.

    Returns:
        How many of the photographs were classified wrongly.

    Example:
        >>> plot_mistakes(run, chosen, probabilities, Path("mistakes.png"))
        3
    """
    true = class_indices(chosen, run.class_names)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != true)
    if not len(wrong):
        Path(path).unlink(missing_ok=True)
        return 0
    taken = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:most]
    titles = [
        (f"{_short(image)}\ntrue: {label}", True)
        for image, label in chosen.iloc[taken][["image", "label"]].to_numpy().tolist()
    ]
    _sheet(run, chosen.iloc[taken], probabilities[taken], titles, path)
    return len(wrong)


def _sheet(
    run: Run,
    photographs: pd.DataFrame,
    probabilities: np.ndarray,
    titles: list[tuple[str, bool]],
    path: Path,
) -> None:
    """Draw photographs in rows of `COLUMNS`; a title is a text and whether it is red."""
    classes = run.class_names
    columns = min(COLUMNS, len(photographs))
    rows = -(-len(photographs) // columns)
    height = 1.75 + 0.15 * len(classes) + 0.16 * titles[0][0].count("\n")
    figure = Figure(figsize=(1.6 * columns + 0.3, height * rows), layout="constrained", dpi=DPI)
    cells = figure.subplots(
        2 * rows, columns, height_ratios=[3, 0.4 * len(classes)] * rows, squeeze=False
    )
    for axes in cells.flat:
        axes.axis("off")
    margin = (run.square_size - run.image_size) // 2
    inside = slice(margin, margin + run.image_size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said when these photographs were predicted
        squares = prepare(photographs, run.square_size, "memory", crop=run.crop).array
    for place, (share, (title, red)) in enumerate(zip(probabilities, titles, strict=True)):
        row, column = 2 * (place // columns), place % columns
        picture, bars = cells[row, column], cells[row + 1, column]
        picture.imshow(squares[place][inside, inside])
        picture.set_title(title, fontsize=8.5, pad=3, color=WRONG if red else "black")
        bars.axis("on")
        bars.barh(range(len(classes)), share, color=[class_colour(k) for k in range(len(classes))])
        bars.set_yticks(range(len(classes)), [_short(c, 8) for c in classes], fontsize=7.5)
        bars.set_xlim(0, 1)
        bars.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=7.5)
        bars.invert_yaxis()
        bare(bars)
    save(figure, path)


def _short(name: str, most: int = 20) -> str:
    """A name that fits over a photograph: the end of a long one, which tells it from others."""
    return name if len(name) <= most else f"…{name[1 - most :]}"
