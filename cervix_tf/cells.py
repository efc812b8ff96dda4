"""The cells of a CSV that people open: no spreadsheet runs them, and any text comes back as it was."""

import csv
import re
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

# What a spreadsheet takes for a formula; it may strip blanks, and some know the wide signs of Asia.
_FORMULA = re.compile(r"'*(?:[\t\r]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_FIRST = frozenset("'=+-@\uff1d\uff0b\uff0d\uff20")


def written(cell: str) -> str:
    """Give the text that stands in a CSV for a cell's.

    What a spreadsheet would run, a text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return
    and is no number, gets an apostrophe before it.

    Args:
        cell: Any text.

    Returns:
        The text to write; nearly all stay as they are.

    Example:
        >>> written("=1+1.jpg"), written("-12")
        ("'=1+1.jpg", '-12')
    """
    if cell and (cell[0] in _FIRST or cell[0].isspace()) and _FORMULA.match(cell):
        return cell if _NUMBER.fullmatch(cell) else f"'{cell}"
    return cell


def read(cell: str) -> str:
    """Give back the cell's text for which `written` stands.

    Args:
        cell: As it stands in a CSV.

    Returns:
        The text.

    Example:
        >>> read("'=1+1.jpg"), read("'s.jpg")
        ('=1+1.jpg', "'s.jpg")
    """
    if cell.startswith("'") and _FORMULA.match(cell):
        cell = cell[1:]
    return cell


def written_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """Make the texts of a table, and the names of its rows and columns, what is to be written of them.

    Args:
        table: The table; numbers stay as they are.

    Returns:
        The same table where nothing changes, else a copy.
    """
    import pandas as pd

    def change(value: Any) -> Any:
        return written(value) if isinstance(value, str) else value

    changed = {}
    for name in table.columns:
        kind = table[name].dtype
        if pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind):
            continue
        values = table[name].tolist()
        if (new := [change(value) for value in values]) != values:
            changed[name] = pd.Series(new, table.index, dtype=object)
    table = table.assign(**changed) if changed else table
    for axis in (0, 1):
        names = table.axes[axis]
        if not pd.api.types.is_numeric_dtype(names.dtype):
            new_names = pd.Index([change(name) for name in names], name=names.name)
            table = table.set_axis(new_names, axis=axis)
    return table


def as_csv(
    table: "pd.DataFrame",
    path: "Path | None" = None,
    index: bool = False,
    digits: str | None = None,
) -> str | None:
    """Write a table as a CSV in UTF-8 whose cells come back as they are, or give its text.

    Args:
        table: The table; `written_table` has made its cells safe.
        path: The file, if it is not to be returned.
        index: Whether the rows' names come first.
        digits: The format of numbers; by default the shortest that reads back the same.

    Returns:
        The CSV where no path is given.
    """
    text = table.select_dtypes(["object", "string"])
    returns = any(text[name].astype(str).str.contains("\r", regex=False).any() for name in text)
    # Python's csv does not quote a cell for a carriage return alone.
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
    return table.to_csv(
        path,
        index=index,
        float_format=digits,
        lineterminator="\n",
        quoting=quoting,
        errors="backslashreplace",
    )
