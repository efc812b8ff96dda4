"""Manifests: one row a photograph, read from a CSV or a tree of folders and validated once."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from cervix_tf.errors import UserError, unknown

COLUMNS = ["image", "path", "label", "group", "source", "split"]
FILES = ("path", "mask", "tz_mask")  # columns of paths, relative to the CSV they stand in
SPLITS = ("train", "validation", "test")
PHOTOGRAPHS = {".jpg", ".jpeg", ".png", ".bmp"}
ALIASES = {"case": "group", "patient": "group"}
AUDITED = ("cluster", "flags", "sha256", "decision")  # text too, whatever it looks like
LISTS = ("manifest.csv", "metadata.csv", "phantom.csv")


def read_manifest(path: Path | str, labelled: bool = True) -> pd.DataFrame:
    """Read a manifest from a CSV, a folder-a-class tree or Kaggle's folders.

    Args:
        path: One of

            - a CSV with the columns `path` or `image` (relative to the CSV) and `label`, and optionally
              `group` (also called `case` or `patient`), `split` and `source`; other columns are kept;
            - a folder that holds such a CSV, called `manifest.csv`, `metadata.csv` or, of a set
              that `phantom` drew, `phantom.csv`;
            - Kaggle's download, as `read_kaggle` takes it;
            - a folder with one subfolder of photographs for each class;
            - with `labelled=False` also a plain folder of photographs, or a single photograph.
        labelled: Whether labels are needed, as for training. Single rows may lack one all the same:
            they are test photographs.

    Returns:
        A DataFrame with at least the columns `image` (file name), `path`, `label` (missing for test
        photographs), `group` (photographs of one group never part in a split), `source` and `split`
        (`train`, `validation`, `test`, or missing while undecided).

    Raises:
        UserError: Nothing is there, a column or a file is missing, or a value is not allowed; the
            message names file, row and column.

    Example:
        >>> read_manifest("audit/manifest.csv")["label"].value_counts()
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path} does not exist: give a CSV or a folder of photographs.")
    if path.is_file():
        if path.suffix.lower() in PHOTOGRAPHS and not labelled:
            return validated(pd.DataFrame({"path": [str(path)]}), str(path))
        return _from_csv(path, labelled)
    for name in LISTS:
        if (path / name).is_file():
            return _from_csv(path / name, labelled)
    if not labelled and (plain := _plain_folder(path)):
        return validated(
            pd.DataFrame({"path": [str(p) for p in photographs_in(plain)]}), str(plain)
        )
    from cervix_tf.data.kaggle.folders import find_root, read_kaggle

    if find_root(path) is not None:
        return read_kaggle(path)
    return _from_folders(path)


def class_names(manifest: pd.DataFrame) -> list[str]:
    """List the classes of a manifest, numbers in them in numeric order.

    Args:
        manifest: A manifest; its rows without a label are passed over.

    Returns:
        The class names; a label's index in this list is its class index everywhere.

    Raises:
        UserError: There are fewer than two classes.

    Example:
        >>> class_names(read_manifest("data"))
        ['Type_1', 'Type_2', 'Type_3']
    """
    names = {str(name) for name in manifest["label"].dropna()}
    if len(names) < 2:
        found = ", ".join(sorted(names)) or "none"
        raise UserError(f"At least two classes are needed to train; found: {found}.")
    return sorted(names, key=_natural)


def labels(manifest: pd.DataFrame, classes: list[str]):
    """Turn the labels of a manifest into class indices.

    Args:
        manifest: A manifest of which every row has a label.
        classes: The class names in the order of their indices.

    Returns:
        An int32 array (N,) of class indices.

    Raises:
        UserError: A row has no label, or one that is not among `classes`.

    Example:
        >>> labels(read_manifest("data"), ["Type_1", "Type_2", "Type_3"])[:2]
        array([0, 0], dtype=int32)
    """
    for image, label in zip(manifest["image"], manifest["label"], strict=True):
        if pd.isna(label):
            raise UserError(f"{image} has no label: only labelled photographs can be used here.")
        if label not in classes:
            raise unknown("class", str(label), classes)
    return manifest["label"].map({name: k for k, name in enumerate(classes)}).to_numpy("int32")


def summary(manifest: pd.DataFrame) -> pd.DataFrame:
    """Count the photographs of each class and source, as Table 1 of the report does.

    Args:
        manifest: A manifest.

    Returns:
        A table with one row a source, a column a class, `no label` where there are such, and `all`;
        with several sources a last row, `all`, and always a row `share` in per cent of the labelled.

    Example:
        >>> print(summary(read_manifest("data")))
    """
    label = manifest["label"].astype("object").where(manifest["label"].notna(), "no label")
    table = pd.crosstab(manifest["source"], label)
    names = sorted((c for c in table.columns if c != "no label"), key=_natural)
    table = table[names + ["no label"] * ("no label" in table.columns)]
    table.index.name = table.columns.name = None
    table["all"] = table.sum(axis=1)
    totals = table.sum()
    if len(table) > 1:
        table.loc["all"] = totals
    if names:
        share = 100 * totals[names] / totals[names].sum()
        table = table.astype("object")
        table.loc["share"] = [f"{share[c]:.1f}%" if c in names else "" for c in table.columns]
    return table


def is_phantom(manifest: pd.DataFrame) -> bool:
    """Tell whether any photograph of a manifest is drawn: figures on such a set are called so.

    Args:
        manifest: A manifest; `phantom` marks drawn photographs in a column of that name.

    Example:
        >>> is_phantom(phantom("phantoms", per_class=2))
        True
    """
    return "phantom" in manifest and bool(manifest["phantom"].fillna(False).astype(bool).any())


def validated(manifest: pd.DataFrame, where: str) -> pd.DataFrame:
    """Check a manifest's values and put its columns in order.

    Args:
        manifest: A DataFrame with at least `path`.
        where: What the error messages call it, such as the CSV's path.

    Returns:
        The manifest with every column of `COLUMNS`, in their order, others behind.

    Raises:
        UserError: There is no row, a path is empty, repeated or not a file, or a split has another
            name than train, validation or test.

    Example:
        >>> validated(pd.DataFrame({"path": ["a.jpg"], "label": ["Type_1"]}), "my table")
    """
    if "path" not in manifest:
        raise UserError(f"{where} has no column 'path'; it has: {', '.join(map(str, manifest))}.")
    if manifest.empty:
        raise UserError(f"{where} names no photograph.")
    manifest = manifest.reset_index(drop=True)
    first = 2 if where.endswith(".csv") else 0  # a CSV's own line numbers, as an editor shows them
    empty = manifest["path"].isna()
    if empty.any():
        raise UserError(f"{where}, row {int(empty.argmax()) + first}: the column 'path' is empty.")
    manifest["path"] = [os.path.abspath(p) for p in manifest["path"]]
    repeated = manifest["path"].duplicated()
    if repeated.any():
        row = int(repeated.argmax())
        raise UserError(
            f"{where}, row {row + first}: {manifest['path'][row]} is listed twice; keep one of the rows."
        )
    absent = [p for p in manifest["path"] if not Path(p).is_file()]
    if absent:
        raise UserError(f"{where}: {len(absent)} photographs do not exist: {listed(absent)}.")
    if "split" in manifest:
        for row, value in enumerate(manifest["split"]):
            if pd.notna(value) and value not in SPLITS:
                raise UserError(
                    f"{where}, row {row + first}, column 'split': {value!r} is not one of "
                    f"{', '.join(SPLITS)}."
                )
    given = manifest["image"] if "image" in manifest else [None] * len(manifest)
    manifest["image"] = [
        _text(name) or Path(path).name for name, path in zip(given, manifest["path"], strict=True)
    ]
    for column in ("label", "group", "source", "split"):
        if column not in manifest:
            manifest[column] = None
        # One dtype whatever was read: text, or missing. A patient called 7 is not the number 7.0.
        manifest[column] = manifest[column].map(_text).astype("object")
    unlabelled = manifest["label"].isna()
    manifest["source"] = manifest["source"].fillna(
        unlabelled.map({True: "test", False: "train"}).astype("object")
    )
    manifest.loc[unlabelled & manifest["split"].isna(), "split"] = "test"
    alone = manifest["source"] + "/" + manifest["label"].fillna("") + "/" + manifest["image"]
    alone = alone.where(~alone.duplicated(keep=False), manifest["path"])
    manifest["group"] = manifest["group"].fillna(alone)
    return manifest[COLUMNS + [c for c in manifest.columns if c not in COLUMNS]]


def photographs_in(folder: Path) -> list[Path]:
    """List the photographs directly in a folder, in natural order."""
    found = (p for p in folder.iterdir() if p.suffix.lower() in PHOTOGRAPHS and p.is_file())
    return sorted(found, key=lambda p: _natural(p.name))


def listed(names: Iterable[object], most: int = 10) -> str:
    """Join names for an error message, naming the first few and counting the rest."""
    words = [str(name) for name in names]
    rest = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + rest


def _from_csv(path: Path, labelled: bool) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype={c: str for c in (*COLUMNS, *ALIASES, *AUDITED)})
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as a CSV: {str(error).splitlines()[0]}.") from error
    for alias, name in ALIASES.items():
        if alias in table and name not in table:
            table = table.rename(columns={alias: name})
    if "path" not in table:
        if "image" not in table:
            raise UserError(
                f"{path} has neither a column 'path' nor 'image'; it has: {', '.join(table.columns)}."
            )
        table["path"] = table.pop("image")
    if labelled and "label" not in table:
        raise UserError(f"{path} has no column 'label'; it has: {', '.join(table.columns)}.")
    for column in [c for c in FILES if c in table]:
        table[column] = [
            p if pd.isna(p) else os.path.abspath(path.parent / p) for p in table[column]
        ]
    table = validated(table, str(path))
    if labelled and table["label"].isna().all():
        raise UserError(f"{path}: the column 'label' is empty in every row.")
    return table


def _plain_folder(path: Path) -> Path | None:
    """The folder itself if photographs lie in it, or its only subfolder, as Kaggle's test/test."""
    if photographs_in(path):
        return path
    below = [p for p in path.iterdir() if p.is_dir() and not p.name.startswith(".")]
    return below[0] if len(below) == 1 and photographs_in(below[0]) else None


def _from_folders(folder: Path) -> pd.DataFrame:
    classes = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not classes and not photographs_in(folder):
        raise UserError(f"{folder} holds no photograph and no folder of photographs.")
    if photographs_in(folder):
        raise UserError(
            f"{folder} holds photographs that are in no class folder, so they have no label: put them "
            "in one folder for each class, or write a CSV with the columns path and label."
        )
    rows = []
    for directory in classes:
        found = photographs_in(directory)
        if not found:
            raise UserError(
                f"The class folder {directory} holds no photograph "
                f"({', '.join(sorted(PHOTOGRAPHS))}): fill it or remove it."
            )
        rows += [{"path": str(p), "label": directory.name} for p in found]
    return validated(pd.DataFrame(rows), str(folder))


def _natural(name: str) -> list:
    """Sort key that puts Type_2 before Type_10."""
    return [(0, int(t), "") if t.isdigit() else (1, 0, t) for t in re.split(r"(\d+)", name) if t]


def _text(value: object) -> str | None:
    if value is None or pd.isna(value) or str(value).strip() == "":  # type: ignore[call-overload]
        return None
    return str(value)
