"""What is known of single photographs of the competition: corrected labels, faults, and Kaggle's CSVs.

The CSVs' names and columns, and the faults, are those of the competition's forum and data page.
"""

import re
from pathlib import Path

import pandas as pd

from cervix_tf.data.flags import NO_CERVIX, REMOVED_BY_KAGGLE, TRUNCATED, ZERO_BYTES, join_flags
from cervix_tf.data.tables import read_table
from cervix_tf.errors import UserError

TYPES = ("Type_1", "Type_2", "Type_3")

# Train's counts went from 250, 781, 450 to 252, 780, 449, so these are the folders they came from.
CORRECTIONS = {
    ("train", "Type_2", "80.jpg"): "Type_3",
    ("train", "Type_3", "968.jpg"): "Type_1",
    ("train", "Type_3", "1120.jpg"): "Type_1",
}
FAULTS = {
    ZERO_BYTES: {"additional/Type_1": [5893], "additional/Type_2": [2845, 5892]},
    TRUNCATED: {"train/Type_1": [1339], "additional/Type_1": [3068], "additional/Type_2": [7]},
    NO_CERVIX: {
        "additional/Type_1": [746, 2030, 4065, 4702, 4706, 6360],
        "additional/Type_2": [1813, 3086],
    },
}

FIXED_CSV = "fixed_labels_v2.csv"
REMOVED_CSV = "removed_files.csv"
SOLUTION_CSV = "solution_stg1_release.csv"


def known_flags(table: pd.DataFrame, root: Path) -> list[str | None]:
    """Give each photograph the flags known of it, by source, label of its folder, and name."""
    flags: dict[tuple, list[str]] = {}
    for flag, folders in FAULTS.items():
        for folder, numbers in folders.items():
            for number in numbers:
                flags.setdefault((*folder.split("/"), f"{number}.jpg"), []).append(flag)
    removed = set()
    if (root / REMOVED_CSV).is_file():
        listed = _read(root / REMOVED_CSV, ["filename"])
        old = listed.get("old_label", pd.Series([None] * len(listed)))
        for filename, label in zip(listed["filename"], old, strict=True):
            source, name = _source_and_name(filename)
            removed.add((source, label if label in TYPES else None, name))
    values = []
    for source, label, name in _keys(table):
        words = list(flags.get((source, label, name), []))
        if removed & {(source, label, name), (source, None, name)}:
            words.append(REMOVED_BY_KAGGLE)
        values.append(join_flags(words))
    return values


def corrected_labels(table: pd.DataFrame, root: Path) -> list[str | None]:
    """Correct the labels of the folders as Kaggle did after the first release.

    Train's three corrections are made where the folder has all three photographs: another set kept in
    Kaggle's folders has its own 80.jpg. A row of `fixed_labels_v2.csv` whose photograph is no longer in
    the folder of its old label, as in today's download, changes nothing.
    """
    keys = _keys(table)
    present = set(keys)
    complete = all(
        present & {(source, old, name), (source, new, name)}
        for (source, old, name), new in CORRECTIONS.items()
    )
    new_labels: dict[tuple, str] = dict(CORRECTIONS) if complete else {}
    path = root / FIXED_CSV
    if path.is_file():
        columns = ["filename", "old_label", "new_label"]
        fixed = _read(path, columns)
        for column in columns[1:]:
            for row, value in enumerate(fixed[column], 2):
                if value not in TYPES:
                    raise UserError(
                        f"{path}, row {row}, column '{column}': {value!r} is not one of "
                        f"{', '.join(TYPES)}."
                    )
        _agreed(path, fixed["old_label"] + "/" + fixed["filename"], fixed["new_label"])
        for filename, old, new in fixed[columns].itertuples(index=False):
            source, name = _source_and_name(filename)
            if CORRECTIONS.get(("train", old, name)) == new and _folders(filename) == []:
                source = "train"
            new_labels[(source, old, name)] = new
    return [new_labels.get(key, key[1]) for key in keys]


def released_labels(table: pd.DataFrame, root: Path) -> list[str | None]:
    """Give stage 1's test photographs the labels that Kaggle released after the stage."""
    path = root / SOLUTION_CSV
    labels: dict[str, str] = {}
    if path.is_file():
        solution = _read(path, ["image_name", *TYPES])
        one_hot = solution[list(TYPES)].apply(pd.to_numeric, errors="coerce")
        wrong = (one_hot.isin([0, 1]).sum(axis=1) != len(TYPES)) | (one_hot.sum(axis=1) != 1)
        if wrong.any():
            raise UserError(
                f"{path}, row {int(wrong.argmax()) + 2}: one of {', '.join(TYPES)} must be 1 and the "
                "others 0."
            )
        _agreed(path, solution["image_name"], one_hot.idxmax(axis=1))
        labels = dict(zip(solution["image_name"], one_hot.idxmax(axis=1), strict=True))
    return [
        labels.get(name, label) if source == "test" else label
        for source, label, name in _keys(table)
    ]


def _keys(table: pd.DataFrame) -> list[tuple[str, str | None, str]]:
    labels = table["label"].astype("object").where(table["label"].notna(), None)
    return list(zip(table["source"], labels, table["image"], strict=True))


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    """Read one of Kaggle's CSVs as text and check that it has these columns, filled in every row."""
    table = read_table(path)
    for column in columns:
        if column not in table:
            raise UserError(f"{path} has no column '{column}'; it has: {', '.join(table.columns)}.")
        if table[column].isna().any():
            row = int(table[column].isna().argmax()) + 2
            raise UserError(f"{path}, row {row}: the column '{column}' is empty.")
    return table


def _agreed(path: Path, photographs: pd.Series, labels: pd.Series) -> None:
    """Refuse a CSV with two rows of a photograph that say different things."""
    other = labels != labels.groupby(photographs).transform("first")
    if other.any():
        row = int(other.argmax())
        raise UserError(
            f"{path}, row {row + 2}: {photographs[row]} has another label in a row above: leave one."
        )


def _folders(filename: str) -> list[str]:
    return re.split(r"[\\/]+", filename.strip())[:-1]


def _source_and_name(filename: str) -> tuple[str, str]:
    """Source and name of a listed photograph; with backslashes in copies made on Windows.

    Without a folder it is one of `additional`: Kaggle's lists name photographs far beyond train's 1481.
    """
    source = "additional"
    for folder in _folders(filename):
        lower = folder.lower()
        if lower in ("train", "test", "test_stg2"):
            source = lower
        elif lower.startswith("additional"):
            source = "additional"
    return source, re.split(r"[\\/]+", filename.strip())[-1]
