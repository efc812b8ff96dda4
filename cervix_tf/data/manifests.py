"""A manifest: one row a photograph, its columns, and the CSV that keeps it."""

import functools
import os
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data.columns import (
    BOX,
    COLUMNS,
    FILES,
    TEXT,
    WHOLE,
    check_numbers,
    in_own_names,
    named,
    texts,
    truths,
)
from cervix_tf.data.locations import absolute_path, check_present, located
from cervix_tf.data.names import check_class_names, natural, warn_of_spellings
from cervix_tf.data.tables import read_header, read_table
from cervix_tf.errors import UserError, unknown
from cervix_tf.files import write_csv
from cervix_tf.given import as_path

SPLITS = ("train", "validation", "test")
PHANTOMS = "phantoms (drawn photographs)"
PHANTOM_SETTINGS = "phantom.json"  # in a folder of phantoms: what they were drawn with


def read_csv(path: Path | str, labelled: bool = True, existing: bool = True) -> pd.DataFrame:
    """Read a manifest from a CSV, whoever wrote it.

    Args:
        path: A CSV as `read_manifest` describes it.
        labelled: Whether labels are needed.
        existing: Whether every photograph must exist; those of a finished run may be gone.

    Returns:
        The manifest, as `validated` gives it, all its paths absolute.
    """
    path = as_path(path, "path")
    headers = read_header(path)
    table = read_table(path, named(headers, TEXT), named(headers, FILES))
    if existing:  # a finished run's columns are as it used them
        table = in_own_names(table, str(path), first=2)
    if "path" not in table:
        if "image" not in table:
            raise UserError(
                f"{path} has neither a column 'path' nor 'image'; it has: {', '.join(table.columns)}."
            )
        table["path"] = table.pop("image")
    if labelled and "label" not in table:
        raise UserError(f"{path} has no column 'label'; it has: {', '.join(table.columns)}.")
    for column in [c for c in FILES if c in table]:
        files = [located(path.parent, file) for file in table[column].tolist()]
        table[column] = pd.Series(files, table.index, dtype="object")
    table = _checked(table, str(path), existing, first=2)
    if labelled and table["label"].isna().all():
        raise UserError(f"{path}: the column 'label' is empty in every row.")
    if labelled:
        check_class_names(table["label"].dropna().unique(), str(path))
    warn_of_spellings(table, str(path))
    return table


def write_manifest(manifest: pd.DataFrame, path: Path | str, movable: bool = False) -> None:
    """Write a manifest as CSV; `read_manifest` gives back what was written.

    Args:
        manifest: A manifest.
        path: The CSV to write. Paths in it are absolute, so that it may lie anywhere.
        movable: Whether files in the CSV's folder or below are named relative to it instead, so that
            the folder may be moved as a whole.

    Raises:
        UserError: It cannot be written there.

    Example:
        >>> write_manifest(audit(read_manifest("data")), "audit/manifest.csv")
    """
    check_manifest(manifest)
    target = os.path.abspath(as_path(path, "path"))
    if target in map(str, manifest["path"].tolist()):
        raise UserError(f"{path} is a photograph of the manifest: name another file to write.")
    folder = Path(target).parent

    def written(file: object) -> object:
        if pd.isna(file):  # type: ignore[call-overload]
            return file
        absolute = Path(os.path.abspath(str(file)))
        within = movable and absolute.is_relative_to(folder)
        name = absolute.relative_to(folder).as_posix() if within else str(absolute)
        return name if name == name.lstrip() else f"./{name}"

    table = manifest.copy()
    for column in [c for c in FILES if c in table]:
        table[column] = table[column].map(written)
    write_csv(table, path)


def class_names(manifest: pd.DataFrame) -> list[str]:
    """List the classes of a manifest, numbers in them in numeric order.

    Args:
        manifest: A manifest; its rows without a label are passed over.

    Returns:
        The class names; a label's index in this list is its class index everywhere.

    Raises:
        UserError: There are fewer than two classes, or one is called as a column of the tables is.

    Example:
        >>> class_names(read_manifest("data"))
        ['Type_1', 'Type_2', 'Type_3']
    """
    check_manifest(manifest, column="label")
    names = {str(name) for name in manifest["label"].dropna()}
    if len(names) < 2:
        few = ", ".join(sorted(names)) or "none"
        raise UserError(f"At least two classes are needed to train; found: {few}.")
    check_class_names(names, "The manifest")
    return sorted(names, key=natural)


def labels(manifest: pd.DataFrame, classes: list[str]):
    """Turn the labels of a manifest into class indices.

    Args:
        manifest: A manifest of which every row has a label.
        classes: The class names in the order of their indices.

    Returns:
        An int32 array (N,) of class indices.
    """
    for image, label in zip(manifest["image"], manifest["label"], strict=True):
        if pd.isna(label):
            raise UserError(f"{image} has no label: only labelled photographs can be used here.")
        if label not in classes:
            raise unknown("class", str(label), classes)
    return manifest["label"].map({name: k for k, name in enumerate(classes)}).to_numpy("int32")


def is_phantom(manifest: pd.DataFrame) -> bool:
    """Tell whether any photograph is drawn: figures on such a set are called so.

    Args:
        manifest: A manifest; the column `phantom` marks drawn photographs.

    Returns:
        True if at least one is drawn.
    """
    return bool(_marked(manifest).any())


def photographs_or_phantoms(manifest: pd.DataFrame) -> str:
    """Say what a page or a figure calls the photographs of a manifest.

    Args:
        manifest: A manifest.

    Returns:
        `phantoms (drawn photographs)` or `photographs`.
    """
    return PHANTOMS if is_phantom(manifest) else "photographs"


def identities(manifest: pd.DataFrame) -> pd.Series:
    """Give each photograph a name that is the same in every manifest of the set, wherever its files lie.

    Kaggle's file names repeat between the sources and classes, so a name alone does not tell.

    Args:
        manifest: A manifest.

    Returns:
        `source/label/image` of each photograph, or its path where several have that in common.
    """
    columns = (manifest[name].tolist() for name in ("source", "label", "image"))
    names = [
        f"{source}/{'' if pd.isna(label) else label}/{image}"
        for source, label, image in zip(*columns, strict=True)
    ]
    name = pd.Series(names, manifest.index, dtype="object")
    return name.where(~name.duplicated(keep=False), manifest["path"])


def check_manifest(manifest: object, where: str = "the manifest", column: str = "path") -> None:
    """Refuse what is no table of photographs; `validated` looks at its values as well.

    Args:
        manifest: What was given for a manifest.
        where: What the error messages call it.
        column: The column that is needed.

    Raises:
        UserError: It is no DataFrame, or has no such column or no row.

    Example:
        >>> check_manifest(read_manifest("data"))
    """
    if not isinstance(manifest, pd.DataFrame):
        raise UserError(
            f"{where} is of type {type(manifest).__name__}: give a DataFrame, as read_manifest gives it."
        )
    if column not in manifest:
        has = ", ".join(map(str, manifest)) or "none"
        raise UserError(f"{where} has no column '{column}'; it has: {has}.")
    if manifest.empty:
        raise UserError(f"{where} names no photograph.")


def validated(
    manifest: pd.DataFrame, where: str = "the manifest", existing: bool = True
) -> pd.DataFrame:
    """Check a manifest's values and put its columns in order.

    Args:
        manifest: A DataFrame with at least `path`.
        where: What the error messages call it, such as the CSV's path.
        existing: Whether every photograph must exist.

    Returns:
        The manifest with every column of `COLUMNS`, in their order, others behind. Text is of the
        dtype object, None where it is missing; width and height are Int64, `phantom` bool.

    Raises:
        UserError: A column is missing or there twice, or a value is not allowed.
    """
    if isinstance(manifest, pd.DataFrame):
        manifest = in_own_names(manifest, where)
    return _checked(manifest, where, existing)


def _checked(manifest: pd.DataFrame, where: str, existing: bool, first: int = 0) -> pd.DataFrame:
    """As `validated`, its columns by their own names; rows are counted from `first`, as 2 of a CSV."""
    check_manifest(manifest, where)
    manifest = manifest.reset_index(drop=True)
    empty = manifest["path"].isna()
    if empty.any():
        raise UserError(f"{where}, row {int(empty.argmax()) + first}: the column 'path' is empty.")
    given = enumerate(manifest["path"].tolist(), first)
    paths = [absolute_path(path, f"{where}, row {row}, column 'path'") for row, path in given]
    manifest["path"] = pd.Series(paths, dtype="object")
    repeated = manifest["path"].duplicated()
    if repeated.any():
        row = int(repeated.argmax())
        raise UserError(
            f"{where}, row {row + first}: {manifest['path'][row]} is listed twice; keep one of the rows."
        )
    if existing:  # a finished run may have been trained without its boxes
        check_present(paths, where)
        check_numbers(manifest, BOX, where, first)
    for column in COLUMNS:
        if column not in manifest:
            manifest[column] = None
    for row, value in enumerate(manifest["split"].tolist()):
        if pd.notna(value) and value not in SPLITS:
            raise UserError(
                f"{where}, row {row + first}, column 'split': {value!r} is not one of "
                f"{', '.join(SPLITS)}."
            )
    for column in [c for c in TEXT if c in manifest]:  # one dtype whatever was read
        manifest[column] = pd.Series(texts(manifest[column].tolist(), column), dtype="object")
    pairs = zip(manifest["image"].tolist(), paths, strict=True)
    images = [_name(path) if image is None else image for image, path in pairs]
    manifest["image"] = pd.Series(images, dtype="object")
    for column in [c for c in WHOLE if c in manifest]:
        numbers = pd.to_numeric(manifest[column], errors="coerce")
        if (numbers % 1 == 0).equals(manifest[column].notna()):
            manifest[column] = numbers.astype("Int64")
    drawn = _drawn(paths)
    # Though the table does not say so: figures on phantoms are called that.
    if drawn.any() or "phantom" in manifest:
        manifest["phantom"] = drawn | _marked(manifest, where, first)
    unlabelled = manifest["label"].isna()
    unknown_source = manifest["source"].isna()
    for rows, source in ((unlabelled, "test"), (~unlabelled, "train")):
        manifest.loc[unknown_source & rows, "source"] = source
    manifest.loc[unlabelled & manifest["split"].isna(), "split"] = "test"
    if manifest["group"].isna().any():
        manifest["group"] = manifest["group"].fillna(identities(manifest))
    return manifest[COLUMNS + [c for c in manifest.columns if c not in COLUMNS]]


def _drawn(paths: list[str]) -> np.ndarray:
    """Whether each photograph lies in a folder of phantoms: at most three levels below its settings."""

    @functools.cache
    def within(folder: str, levels: int) -> bool:
        if os.path.isfile(os.path.join(folder, PHANTOM_SETTINGS)):
            return True
        return levels > 1 and within(os.path.dirname(folder), levels - 1)

    return np.array([within(os.path.dirname(path), 3) for path in paths], bool)


def _marked(manifest: pd.DataFrame, where: str = "the manifest", first: int = 0) -> np.ndarray:
    """Whether the column `phantom` says so of each photograph."""
    if "phantom" not in manifest:
        return np.zeros(len(manifest), bool)
    return truths(manifest, "phantom", where, first)


def _name(path: str) -> str:
    return os.path.basename(path).strip() or os.path.basename(path)
