"""A CSV, whoever wrote it: encoding, delimiter, blanks and missing cells have one meaning everywhere."""

import csv
import re
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf import cells
from cervix_tf.data.names import normal
from cervix_tf.errors import UserError, listed
from cervix_tf.given import as_path, check_ordinary

DELIMITERS = ",;\t"
MOST_COLUMNS = 10_000
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_ARCHIVES = (
    b"PK\3\4", b"PK\5\6", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"7z\xbc\xaf\x27\x1c", b"Rar!",
    b"\x28\xb5\x2f\xfd", b"\xd0\xcf\x11\xe0",
)  # fmt: skip
_HEAD = 4096  # bytes that tell an encoding
# Python's strings, though Arrow is installed: its pool keeps what was read, 200 bytes a photograph.
_STRINGS = ("mode.string_storage", "python")


def read_table(
    path: Path | str, text: Iterable[str] | None = None, exact: Iterable[str] = ()
) -> pd.DataFrame:
    """Read a CSV in UTF-8, with or without a byte order mark, or UTF-16.

    The first `,`, `;` or tab in its header is the delimiter. Blanks around names and values do not count.
    Only an empty cell is missing: a class may be called None, NA or null. Nothing is unpacked. What
    `files.write_csv` changed lest a spreadsheet runs it is changed back.

    Args:
        path: The CSV.
        text: The columns that are text; by default all are.
        exact: Columns whose blanks at the end stay.

    Returns:
        The table as it stands there, text that is missing as NaN.

    Raises:
        UserError: It cannot be read, has no header, two columns of a name, or a row of more cells than
            the header.

    Example:
        >>> read_table("audit/audit.csv")["decision"]
    """
    path = as_path(path, "path")
    encoding = encoding_of(path)
    try:
        names, delimiter = _header(path, encoding)
        with warnings.catch_warnings(), pd.option_context(*_STRINGS):
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path,
                sep=delimiter,
                header=0,
                names=names,
                index_col=False,
                dtype=str if text is None else dict.fromkeys(text, str),
                encoding=encoding,
                skipinitialspace=True,
                keep_default_na=False,
                na_values=[""],
                compression=None,
                float_precision="round_trip",
                low_memory=False,  # a column's type is that of all its values, however many they are
            )
    except UserError:
        raise
    except pd.errors.ParserWarning as error:
        raise UserError(f"{path}, row 2: there are more cells than names in the header.") from error
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as a CSV: {_reason(error)}.") from error
    for column in set(names).difference(exact):
        if pd.api.types.is_string_dtype(table[column]):
            values = table[column].str.strip()
            table[column] = values.where(values != "")
    for column in names:
        if pd.api.types.is_string_dtype(table[column]):
            stand = table[column].tolist()
            if (read := [cells.read(v) if isinstance(v, str) else v for v in stand]) != stand:
                table[column] = pd.Series(read, table.index, dtype=table[column].dtype)
    unnamed = [c for c in names if c.startswith("Unnamed: ") and table[c].isna().all()]
    # Delimiters at the ends of lines, and lines of nothing else at the end, as spreadsheets leave them.
    table = _without_empty_end(table.drop(columns=unnamed))
    return table.set_axis(table.columns.tolist(), axis=1)  # names of the usual dtype


def read_header(path: Path | str) -> list[str]:
    """Read the names of a CSV's columns, as `read_table` does.

    Args:
        path: The CSV.

    Returns:
        The names, in their order.

    Raises:
        UserError: As of `read_table`.

    Example:
        >>> read_header("audit/manifest.csv")[0]
        'image'
    """
    path = as_path(path, "path")
    encoding = encoding_of(path)
    try:
        return _header(path, encoding)[0]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as a CSV: {_reason(error)}.") from error


def encoding_of(path: Path | str) -> str:
    """Tell the encoding of a text file: UTF-8, with or without a byte order mark, or UTF-16.

    Args:
        path: The file.

    Returns:
        A name of Python's.

    Raises:
        UserError: There is no such file, it may not be read, or is a pipe, an archive or no text.

    Example:
        >>> encoding_of("boxes.tsv")
        'utf-8-sig'
    """
    check_ordinary(path)
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {_reason(error)}.") from error
    if head.startswith(_ARCHIVES) or head[257:262] == b"ustar":  # the latter of tar
        raise UserError(
            f"{path} is an archive or a workbook: unpack it and give its folder, or save it as CSV."
        )
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    if b"\0" not in head:
        return "utf-8-sig"
    zeros = head[0::2].count(0), head[1::2].count(0)  # of Latin letters one byte of two is zero
    if min(zeros) <= len(head) // 16 and max(zeros) >= len(head) // 4:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    raise UserError(f"{path} is no text (it holds zero bytes): give a CSV.")


def read_lines(path: Path | str) -> list[str]:
    """Read the lines of a text file, its encoding told as `encoding_of` does.

    Args:
        path: The file.

    Returns:
        Its lines, without their ends.

    Raises:
        UserError: As of `encoding_of`.

    Example:
        >>> read_lines("boxes.tsv")[0]
    """
    try:
        return as_path(path, "path").read_text(encoding=encoding_of(path)).splitlines()
    except (OSError, UnicodeError) as error:
        raise UserError(f"{path} cannot be read: {_reason(error)}.") from error


def _header(path: Path, encoding: str) -> tuple[list[str], str]:
    """Read the names of the columns, and find the delimiter."""
    with open(path, encoding=encoding, newline="") as file:
        lines = (line for line in file if line.strip())
        first = next(lines, "")
        bare = re.sub(r'"[^"]*("|$)', "", first)
        delimiter = next((mark for mark in bare if mark in DELIMITERS), ",")
        rest = (line for part in ([first], lines) for line in part)
        row = next(csv.reader(rest, delimiter=delimiter, skipinitialspace=True), [])
    names = [normal(cells.read(cell)) or f"Unnamed: {k}" for k, cell in enumerate(row)]
    if not first:
        raise UserError(f"{path} cannot be read as a CSV: it is empty.")
    if len(names) > MOST_COLUMNS:
        raise UserError(
            f"{path} has {len(names):,} columns, and no table more than {MOST_COLUMNS:,}: give one row a "
            "photograph."
        )
    if repeated := sorted(name for name, count in Counter(names).items() if count > 1):
        raise UserError(f"{path} has several columns of one name: {listed(repeated)}.")
    return names, delimiter


def _without_empty_end(table: pd.DataFrame) -> pd.DataFrame:
    if table.empty or table.iloc[-1].notna().any():
        return table
    filled = np.flatnonzero(table.notna().any(axis=1))
    return table.iloc[: filled[-1] + 1 if len(filled) else 0]


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "it is neither UTF-8 nor UTF-16; save it as CSV UTF-8"
    words = str(getattr(error, "strerror", None) or str(error).splitlines()[0])
    return words.removeprefix("Error tokenizing data. C error: ").rstrip(".")
