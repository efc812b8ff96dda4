"""What all figures share: sizes, the colour of each class, and how they are written."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cervix_tf.files import replacing

# Okabe and Ito's colours, which people with any colour vision tell apart; a class keeps its colour.
CLASS_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
WIDTH = 5.6  # inches: the letters are then still read on a telephone
DPI = 150


def class_colour(index: int) -> str:
    """Give the fixed colour of a class.

    Args:
        index: The class index, from 0.

    Returns:
        A colour as `#RRGGBB`; the eighth class has the colour of the first.
    """
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


def bare(axes: Axes) -> None:
    """Take away the frame's upper and right line."""
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path | str) -> None:
    """Write a figure, whole or not at all.

    Args:
        figure: The figure.
        path: The file; its suffix chooses the format.
    """
    with replacing(path) as part:
        figure.savefig(part)
