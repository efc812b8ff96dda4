"""Names of classes, patients and files: one spelling, an order, and what no class may be called."""

import os
import re
import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from cervix_tf.errors import UserError, listed
from cervix_tf.screen import printable

# Columns that tables of photographs have beside those of the classes; `raw:CLASS` is one too.
BESIDE_CLASSES = (
    "image", "image_name", "path", "label", "new_label", "group", "case", "patient", "source", "split",
    "fold", "photographs", "set", "flags", "distance", "reason", "predicted", "explained", "mask",
    "tz_mask", "cluster", "sha256", "decision", "no label", "all",
)  # fmt: skip


def normal(text: str) -> str:
    """Take the blanks around a name away, and write each letter with its accent as one character.

    File systems and spreadsheets differ in the latter, so that one class would be two.

    Args:
        text: A name.

    Returns:
        The name, in Unicode's normal form C.

    Example:
        >>> normal(" CIN1 ")
        'CIN1'
    """
    return text.strip() if text.isascii() else unicodedata.normalize("NFC", text.strip())


def natural(name: str) -> list:
    """Sort key that puts Type_2 before Type_10.

    Args:
        name: A name.

    Returns:
        Its parts, numbers as numbers; names of equal parts, as 1 and 01, by their letters.
    """
    parts = [part for part in re.split(r"(\d+)", name) if part]
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts] + [(2, 0, name)]


def check_readable(paths: Iterable[str]) -> None:
    """Refuse names of files that are no text: no table could hold them.

    Args:
        paths: Files or folders.

    Raises:
        UserError: A name holds bytes that are no UTF-8, as old cameras and unpacked archives leave them.
    """
    paths = list(paths)
    try:
        "\0".join(paths).encode()
    except UnicodeEncodeError:
        bad = [path for path in paths if printable(path) != path]
        raise UserError(
            f"{len(bad)} file names are not UTF-8: {listed([printable(path) for path in bad])}. Rename "
            "them, such as with `convmv -r -f latin1 -t utf8 --notest FOLDER`."
        ) from None


def check_class_names(names: Iterable[str], where: str) -> None:
    """Refuse class names that are not one line of text, or that tables have for other columns.

    Args:
        names: The classes.
        where: What the error message calls their source.

    Raises:
        UserError: A class is called so, or begins with `raw:`; or its name is blank or has line ends,
            which the lists of classes have between names.
    """
    names = list(names)
    if broken := [name for name in names if len(name.strip().splitlines()) != 1]:
        raise UserError(
            f"{where}: {listed(map(repr, broken))} is no name of a class, which is one line: rename it."
        )
    taken = sorted(n for n in names if n in BESIDE_CLASSES or n.startswith(("raw:", "Unnamed: ")))
    if taken:
        raise UserError(
            f"{where}: a class cannot be called {listed(map(repr, taken))}, as a column of the tables "
            "of predictions is: rename it."
        )


def warn_of_spellings(manifest: pd.DataFrame, where: str) -> None:
    """Warn of classes and patients that are likely the same, written in two ways.

    So are names that differ in case, in signs that are not seen, in the width of letters, or as the
    numbers 1 and 01 and 1.0 do; of classes also those that differ in blanks and underscores.

    Args:
        manifest: Its columns `label` and `group` are used.
        where: What the warning calls it.
    """
    for what, column, between in (("classes", "label", r"[\s_]+"), ("patients", "group", "")):
        first: dict[str, str] = {}
        alike = []
        # With a slash: a photograph without a patient, which is a group by itself.
        for name in sorted(n for n in manifest[column].dropna().unique() if "/" not in n):
            one = first.setdefault(_folded(re.sub(between, "", name) if between else name), name)
            if one != name:
                alike.append(f"{one!r} and {name!r}")
        if alike:
            warnings.warn(
                f"{where}: {what} that may be the same in two spellings: {listed(alike)}. They count "
                "as different ones: if they are not, write them alike.",
                stacklevel=3,
            )


def _folded(name: str) -> str:
    """What names that look the same have in common."""
    if not name.isascii():
        seen = (c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf")
        name = "".join(seen).strip()
    number = re.fullmatch(r"0*(\d+?)(\.0*|(\.\d*?)0*)?", name, re.ASCII)
    return f"{number[1]}{number[3] or ''}" if number else name.casefold()


def absolute(path: str | Path) -> str:
    """Give the absolute path; where it is that already, the very text, so that tables share it.

    Args:
        path: A path.

    Returns:
        It from the root on, without `..`.
    """
    whole = os.path.abspath(path)
    return path if path == whole else whole
