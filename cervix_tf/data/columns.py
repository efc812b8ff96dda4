"""The columns of a manifest that the package reads: their headers and cells, whoever wrote them."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd

from cervix_tf.data.names import normal
from cervix_tf.errors import UserError, listed

COLUMNS = ["image", "path", "label", "group", "source", "split"]
FILES = ("path", "mask", "tz_mask")  # columns of paths, in a CSV relative to where it lies
ALIASES = {"case": "group", "patient": "group"}
# Text whatever it looks like: a patient called 7 is not the number 7.0.
TEXT = (*COLUMNS, *ALIASES, *FILES[1:], "cluster", "flags", "sha256", "decision")
REPEATED = ("label", "source", "split", "flags", "decision")  # few values, each in many rows
WHOLE = ("width", "height")  # whole numbers, of which some may be missing
BOX = ("box_x", "box_y", "box_w", "box_h")  # in pixels of the upright photograph
NAMES = ("label", "group", "source")  # one name however its letters are written
_OWN = {*TEXT, *WHOLE, *BOX, "phantom"}
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


def named(headers: Iterable[str], names: Sequence[str]) -> list[str]:
    """Find the headers that are names of the package's, in letters of any case.

    Args:
        headers: The headers of a CSV of photographs.
        names: The names.

    Returns:
        Those headers, as they are written.
    """
    return [header for header in headers if _own(header) in names]


def in_own_names(table: pd.DataFrame, where: str, first: int = 0) -> pd.DataFrame:
    """Give columns that the package reads its own names: `Patient` is `group`, `Label` is `label`.

    Args:
        table: A table of photographs; other columns, such as those of classes, stay as they are.
        where: What the error messages call it.
        first: The number of the first row in error messages.

    Returns:
        The table. Of columns that mean the same, one holds what any of them says.

    Raises:
        UserError: Two columns have one name, or mean the same and say something else of a photograph.
    """
    if not table.columns.is_unique:
        twice = listed(table.columns[table.columns.duplicated()].unique())
        raise UserError(f"{where} has several columns of one name: {twice}.")
    said: dict[Hashable, Hashable] = {}  # by what a column means, which said it first
    for header in table.columns:
        name = _meaning(header)
        if said.setdefault(name, header) == header:
            continue
        one, other = (texts(table[h].tolist(), str(name)) for h in (said[name], header))
        for row, (a, b) in enumerate(zip(one, other, strict=True)):
            if a is not None and b is not None and a != b:
                raise UserError(
                    f"{where}, row {row + first}: the columns {said[name]!r} and {header!r} both mean "
                    f"{name!r}, and one says {a!r}, the other {b!r}: keep one of the columns, or "
                    "rename the other."
                )
        cells = zip(one, table[said[name]].tolist(), table[header].tolist(), strict=True)
        both = pd.Series([b if text is None else a for text, a, b in cells], table.index)
        table = table.assign(**{str(said[name]): both}).drop(columns=[header])
    return table.rename(columns={header: name for name, header in said.items() if header != name})


def texts(values: Sequence, column: str) -> list[str | None]:
    """Make text of cells; what stands in many rows, such as a class, is in memory once.

    Args:
        values: The cells.
        column: Their column.

    Returns:
        The texts, None where nothing is.
    """
    known: dict[str | None, str | None] = {}
    cells = (_text(value, column) for value in values)
    if column not in REPEATED:
        return list(cells)
    return [known.setdefault(text, text) for text in cells]


def truths(table: pd.DataFrame, column: str, where: str, first: int = 0) -> np.ndarray:
    """Read a column of true and false, also as words and as 1 and 0.

    Args:
        table: Its table.
        column: The column.
        where: What the error messages call the table.
        first: The number of the first row in error messages.

    Returns:
        A bool array (N,), false where a cell is empty.

    Raises:
        UserError: A cell says something else.
    """
    if table[column].dtype == bool:
        return table[column].to_numpy()
    words = [(text or "").casefold() for text in texts(table[column].tolist(), column)]
    for row, word in enumerate(words):
        if word not in _WORDS:
            raise UserError(
                f"{where}, row {row + first}, column {column!r}: {word!r} is not one of true, yes, 1, "
                "false, no, 0."
            )
    return np.array([_WORDS[word] for word in words], bool)


def check_numbers(table: pd.DataFrame, columns: Iterable[str], where: str, first: int = 0) -> None:
    """Refuse cells that are neither numbers nor empty.

    Args:
        table: Their table.
        columns: The columns of numbers; those that it has not are passed over.
        where: What the error messages call the table.
        first: The number of the first row in error messages.

    Raises:
        UserError: A cell is no number.
    """
    for column in [name for name in columns if name in table]:
        cells = table[column]
        wrong = (cells.notna() & pd.to_numeric(cells, errors="coerce").isna()).to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            raise UserError(
                f"{where}, row {row + first}, column {column!r}: {cells.iloc[row]!r} is no number: "
                "write it with a point for decimals, or leave the cell empty."
            )


def _own(header: Hashable) -> Hashable:
    """The package's name of a column, whatever its letters' case; other headers as they are."""
    folded = header.strip().casefold() if isinstance(header, str) else header
    return folded if folded in _OWN else header


def _meaning(header: Hashable) -> Hashable:
    own = _own(header)
    return ALIASES.get(own, own) if isinstance(own, str) else own


def _text(value: object, column: str) -> str | None:
    """A cell as text; whole numbers that pandas made 7.0 of, others missing, are 7."""
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return None
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if column in FILES:
        return text if text.strip() else None
    return (normal(text) if column in NAMES else text.strip()) or None
