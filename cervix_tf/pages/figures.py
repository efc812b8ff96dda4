"""What all figures share: sizes, the colour of each class, and how they are written."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from cervix_tf.errors import UserError
from cervix_tf.files import replacing
from cervix_tf.pages.lettering import literal

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

    Example:
        >>> class_colour(0)
        '#0072B2'
    """
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


def bare(axes: Axes) -> None:
    """Take away the frame's upper and right line.

    Args:
        axes: The axes to change.
    """
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path | str | None = None) -> Figure:
    r"""Finish a figure, and write it where a path is given, whole or not at all.

    The names of classes and files are shown as they are: `$` does not begin a formula in them. Letters
    that the usual font lacks are taken from another font of the machine; bytes that are no letters are
    shown as `\x92`, letters that no font has as boxes.

    Args:
        figure: The figure.
        path: The file; its suffix chooses the format, PNG where it has none.

    Returns:
        The figure.

    Raises:
        UserError: It cannot be written there.

    Warns:
        UserWarning: No font has some of the letters, once.

    Example:
        >>> figure = save(matplotlib.figure.Figure(), "empty.png")
    """
    literal(figure)
    if path is not None:
        with replacing(path) as part:
            figure.savefig(part, format=picture_format(path))
    return figure


def picture_format(path: Path | str) -> str:
    """Tell the format of a figure by its file's name.

    Args:
        path: The file.

    Returns:
        Such as `png`, which it is where the name has no suffix.

    Raises:
        UserError: Figures cannot be written in that format.

    Example:
        >>> picture_format("maps.pdf"), picture_format("maps")
        ('pdf', 'png')
    """
    suffix = Path(path).suffix[1:].lower() or "png"
    if suffix not in (known := FigureCanvasBase.get_supported_filetypes()):
        raise UserError(
            f"{path}: no figure can be written as {suffix}; known are {', '.join(sorted(known))}."
        )
    return suffix
