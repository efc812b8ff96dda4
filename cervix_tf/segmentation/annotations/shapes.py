"""What a person drew in a picture, polygons, runs of pixels and boxes, and the mask that it makes.

A mask is smaller than its photograph: a pixel of it is set if its centre lies within a shape. So a mask
that was written as an outline around these centres is read back bit for bit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cervix_tf.errors import UserError

_AT_ONCE = 2**20  # pairs of an edge and a row that are looked at together
AGAIN = "export it again"
_STRAIGHT = 1e-9  # of a line's length: corners so near to it lie on it but for rounding
_TOLERANCE = 0.02  # of a ratio of sides: of copies, whose sides were rounded


@dataclass(frozen=True)
class Polygon:
    """A ring of corners, x and y: float (N, 2)."""

    points: np.ndarray


@dataclass(frozen=True)
class Runs:
    """Lengths of runs of pixels, outside and inside in turn, the first outside.

    They fill a window (left, top, width, height, in pixels) by columns, as COCO has it, or by rows.
    """

    counts: np.ndarray
    window: tuple[int, int, int, int]
    by_rows: bool = False


@dataclass(frozen=True)
class Box:
    """Left, top, width and height."""

    sides: tuple[float, float, float, float]


Shape = Polygon | Runs | Box


@dataclass(frozen=True)
class Picture:
    """What was drawn in one picture.

    Attributes:
        name: Of its file, as the annotations have it: compared with photographs, never opened.
        size: Height and width in pixels that the annotations tell of it; None where they do not.
        shapes: Each with the name of its category.
        fractions: Whether shapes are in fractions of width and height; else they are in pixels.
        bare: Whether the name has no ending, as of YOLO's files.
    """

    name: str
    size: tuple[int, int] | None = None
    shapes: list[tuple[str, Shape]] = field(default_factory=list)
    fractions: bool = False
    bare: bool = False

    def whole(self, size: tuple[int, int]) -> tuple[float, float]:
        """Give height and width of the whole picture in the units of its shapes.

        Args:
            size: Height and width of the upright photograph in pixels.

        Raises:
            UserError: The annotations tell of a picture of another shape.
        """
        if self.fractions:
            return 1.0, 1.0
        if self.size is None or self.size == size:
            return size
        height, width = self.size
        ratio = (width / height) / (size[1] / size[0])
        rounded = 1 / min(*self.size, *size)
        if abs(ratio - 1) > _TOLERANCE + rounded:
            raise UserError(
                f"{self.name}: the annotations are of {width} x {height} pixels, the photograph has "
                f"{size[1]} x {size[0]} as it is seen upright. Annotate the photograph itself; where a "
                "tool shows it lying on its side, turn the file's pixels first."
            )
        return self.size


def picture_size(height: object, width: object, where: str) -> tuple[int, int] | None:
    """Read the size that annotations tell of a picture: height and width in pixels, None for neither."""
    if height is None and width is None:
        return None
    sides = []
    for side in (height, width):
        try:
            sides.append(0 if isinstance(side, bool) else int(side))  # type: ignore[call-overload]
        except (TypeError, ValueError, OverflowError):
            sides.append(0)
    if min(sides) < 1:
        raise UserError(
            f"{where}: its height and width are {repr(height)[:40]} and {repr(width)[:40]}, not in "
            f"pixels: {AGAIN}."
        )
    return sides[0], sides[1]


def word(one: Mapping[str, Any], key: str, where: str) -> str:
    """Read a name out of an entry: text that is not blank, or a number."""
    value = one[key]
    if (
        isinstance(value, bool)
        or not isinstance(value, str | int | float)
        or not str(value).strip()
    ):
        raise UserError(f"{where}: its {key} is {repr(value)[:40]}, not a name: {AGAIN}.")
    return str(value)


@contextmanager
def entry(where: str) -> Iterator[None]:
    """Word what an entry of a file lacks, or has of another kind than its format."""
    try:
        yield
    except UserError:
        raise
    except KeyError as error:
        raise UserError(f"{where} has no {error.args[0]}: {AGAIN}.") from error
    except (TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise UserError(f"{where} is not as its format has it: {AGAIN}.") from error


def polygon(points: Iterable, where: str) -> Polygon:
    """Make a polygon of pairs, or of x and y in turn, and check it."""
    try:
        corners = np.asarray(list(points), "float64").reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{where}: a polygon needs x and y of each corner, as numbers: {AGAIN}."
        ) from error
    if len(corners) < 3 or not (np.abs(corners) < 1e9).all():  # a comparison with NaN is false
        raise UserError(
            f"{where}: a polygon needs three corners or more, all finite: draw it anew."
        )
    ways = corners - corners[0]
    along = ways[np.abs(ways).sum(axis=1).argmax()]
    aside = np.abs(ways[:, 0] * along[1] - ways[:, 1] * along[0])
    if (aside <= _STRAIGHT * (along**2).sum()).all():
        raise UserError(f"{where}: the corners of a polygon lie on one line: draw it anew.")
    return Polygon(corners)


def ellipse(sides: Iterable[float], where: str) -> Polygon:
    """Make a polygon of 72 corners of an ellipse: x and y of its centre, half of width and height."""
    x, y, across, down = sides
    if not (across > 0 and down > 0):
        raise UserError(f"{where}: an ellipse needs a width and a height above 0: draw it anew.")
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    return polygon(np.stack([x + across * np.cos(turn), y + down * np.sin(turn)], 1), where)


def box(given: Iterable[float], where: str, degrees: float = 0) -> Box:
    """Make a box and check it; one that is turned about its corner becomes the least upright one."""
    try:
        x, y, width, height = given
        sides = np.array([x, y, width, height], "float64")
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{where}: a box needs left, top, width and height, as numbers: {AGAIN}."
        ) from error
    if degrees:
        turn = np.deg2rad(float(degrees))
        along, beside = (
            np.array([np.cos(turn), np.sin(turn)]),
            np.array([-np.sin(turn), np.cos(turn)]),
        )
        corners = [i * sides[2] * along + j * sides[3] * beside for i in (0, 1) for j in (0, 1)]
        low, high = np.min(corners, axis=0), np.max(corners, axis=0)
        sides = np.array([*(sides[:2] + low), *(high - low)])
    if not ((np.abs(sides) < 1e9).all() and (sides[2:] > 0).all()):
        raise UserError(f"{where}: a box needs a width and a height above 0: draw it anew.")
    return Box((*sides.tolist(),))


def runs(
    counts: Sequence[int] | np.ndarray, window: tuple, where: str, by_rows: bool = False
) -> Runs:
    """Make runs of pixels and check that they fill their window."""
    left, top, width, height = (int(number) for number in window)
    try:
        lengths = np.asarray(counts, "int64").reshape(-1)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(
            f"{where}: the lengths of its mask's runs are no whole numbers: {AGAIN}."
        ) from error
    filled = float(lengths.sum(dtype="float64"))  # which does not wrap around
    if min(width, height) < 1 or (lengths < 0).any() or filled != width * height:
        raise UserError(
            f"{where}: the lengths of its mask's runs do not add up to {width} x {height} pixels: "
            "export it again."
        )
    if not lengths[1::2].any():
        raise UserError(f"{where}: its mask marks no pixel: draw it anew, or delete it.")
    return Runs(lengths, (left, top, width, height), by_rows)


def drawn(shapes: Iterable[Shape], whole: tuple[float, float], size: tuple[int, int]) -> np.ndarray:
    """Make the mask of polygons and runs, of all of them together.

    Args:
        shapes: Polygons and runs.
        whole: Height and width of the whole picture in their units.
        size: Height and width of the mask in pixels.

    Returns:
        bool (H, W): where the centre of a pixel lies within a shape.
    """
    rows = (np.arange(size[0]) + 0.5) * whole[0] / size[0]
    columns = (np.arange(size[1]) + 0.5) * whole[1] / size[1]
    mask = np.zeros(size, bool)
    for shape in shapes:
        if isinstance(shape, Polygon):
            mask |= _filled(shape.points, rows, columns)
        elif isinstance(shape, Runs):
            mask |= _sampled(shape, rows, columns)
    return mask


def hull(
    boxes: Iterable[Box], whole: tuple[float, float]
) -> tuple[float, float, float, float] | None:
    """Give the least box that holds all, as fractions of the picture; None if it lies outside."""
    sides = np.array([one.sides for one in boxes])
    low = sides[:, :2].min(axis=0) / whole[::-1]
    high = (sides[:, :2] + sides[:, 2:]).max(axis=0) / whole[::-1]
    low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    return (*low.tolist(), *(high - low).tolist()) if (high > low).all() else None


def _filled(points: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Tell which points of a grid lie within a ring: left of them it is crossed oddly often."""
    crossed = np.zeros((len(rows), len(columns) + 1), "int64")
    ends = np.roll(points, -1, axis=0)
    step = max(_AT_ONCE // len(rows), 1)
    for start in range(0, len(points), step):
        (x0, y0), (x1, y1) = points[start : start + step].T, ends[start : start + step].T
        edge, row = np.nonzero((y0[:, None] <= rows) != (y1[:, None] <= rows))
        share = (rows[row] - y0[edge]) / (y1[edge] - y0[edge])
        x = x0[edge] + share * (x1[edge] - x0[edge])
        place = row * crossed.shape[1] + np.searchsorted(columns, x, side="right")
        crossed += np.bincount(place, minlength=crossed.size).reshape(crossed.shape)
    return np.cumsum(crossed[:, :-1], axis=1) % 2 == 1


def _sampled(shape: Runs, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Look points of a grid up among runs of pixels, which are never laid out."""
    left, top, width, height = shape.window
    y, x = np.floor(rows).astype(int)[:, None] - top, np.floor(columns).astype(int) - left
    within = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    place = y * width + x if shape.by_rows else x * height + y
    ends = np.cumsum(shape.counts)
    return within & (np.searchsorted(ends, place, side="right") % 2 == 1)
