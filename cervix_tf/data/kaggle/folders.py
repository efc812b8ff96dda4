"""The folders of the Kaggle competition "Intel & MobileODT Cervical Cancer Screening"."""

import os
import warnings
from pathlib import Path

import pandas as pd

from cervix_tf.data.class_folders import SPLIT_FOLDERS
from cervix_tf.data.folder_walk import subfolders, walk
from cervix_tf.data.kaggle.labels import TYPES, corrected_labels, known_flags, released_labels
from cervix_tf.data.left_out import accounted
from cervix_tf.data.manifests import validated
from cervix_tf.errors import UserError
from cervix_tf.given import as_path


def find_root(folder: Path | str) -> Path | None:
    """Find the folder of Kaggle's `train`: that given, the one above `train`, or the only one below."""
    folder = as_path(folder, "folder")
    below = subfolders(folder)
    above = [folder.parent] if folder.name == "train" else []  # today's tree repeats the name
    for root in (*above, folder, *(below if len(below) == 1 else [])):
        if _types_folder(root, "train") is not None:
            return root
    return None


def is_download(root: Path) -> bool:
    """Tell whether a root holds Kaggle's three types and no more classes, and no split of its own."""
    train = _types_folder(root, "train")
    own = any(
        subfolders(folder)
        for folder in subfolders(root)
        if SPLIT_FOLDERS.get(folder.name.lower()) == "validation"
    )
    tests = [root / "test" / name for name in TYPES]
    classes = {} if train is None else {folder.name for folder in subfolders(train)}
    return classes == set(TYPES) and not own and not any(map(Path.is_dir, tests))


def read_kaggle(
    folder: Path | str,
    additional: bool = False,
    corrected: bool = True,
    drop_known_faults: bool = False,
    strict: bool = False,
) -> pd.DataFrame:
    """Read the competition's photographs as a manifest.

    Both trees are known: today's download (`train/train/Type_1`, `additional_Type_1_v2/Type_1`,
    `test/test`) and the one of 2017 (`train/Type_1`, `additional/Type_1`, `test`). Names repeat between
    the sources, so a photograph is known by source, label and name. Kaggle's CSVs are used where
    they lie beside `train`: `fixed_labels_v2.csv`, `removed_files.csv` and
    `solution_stg1_release.csv`, the labels of stage 1's test photographs, whose split stays `test`.
    Nothing on disk is changed.

    Args:
        folder: The competition's folder, its `train`, or a folder that holds it alone.
        additional: Whether to take the `additional` photographs as well. The report (section 4) found
            that they did not help.
        corrected: Whether to take the labels as corrected after the first release: train's 80.jpg is of
            Type_3, its 968.jpg and 1120.jpg are of Type_1, and `fixed_labels_v2.csv` is followed. False
            takes the labels of the folders.
        drop_known_faults: Whether to leave out every photograph with a flag.
        strict: Whether files of the folder that are left out, such as photographs of `additional` that
            were not asked for, are an error. Otherwise one line tells their numbers.

    Returns:
        A manifest with the sources `train`, `additional`, `test` and `test_stg2`, and the column
        `flags`: what is known against a photograph, joined by `; ` (`zero bytes`, `truncated`,
        `no cervix`, `removed by Kaggle`), missing where nothing is.

    Raises:
        UserError: There is no such tree, one of the three class folders lacks or is empty, there are no
            additional photographs though asked for, or a CSV lacks a column or has another value than
            Kaggle's.

    Warns:
        UserWarning: Additional photographs of one of the types are not there.

    Example:
        >>> summary(read_kaggle("data", additional=True))  # Table 1 of the report
    """
    root = find_root(folder)
    if root is None:
        raise UserError(
            f"{folder} holds no folder train/Type_1 (2 or 3): it is not Kaggle's download."
        )
    train = _types_folder(root, "train")
    assert train is not None
    rows = _labelled({t: [train / t] for t in TYPES}, "train", needed=True)
    if additional:
        directories = {t: _additional(root, t) for t in TYPES}
        _check_additional(directories, root)
        rows += _labelled(directories, "additional", needed=False)
    for source in ("test", "test_stg2"):
        photographs = _photographs(root / source)
        rows += [{"path": p, "source": source, "split": "test"} for p in photographs]
    table = pd.DataFrame(rows)
    table["image"] = table["path"].map(os.path.basename)
    for column in ("label", "split"):
        if column not in table:
            table[column] = None
    table["flags"] = known_flags(table, root)
    if corrected:
        table["label"] = corrected_labels(table, root)
    table["label"] = released_labels(table, root)
    manifest = accounted(validated(table, str(root)), walk(folder), strict=strict)
    return (
        manifest[manifest["flags"].isna()].reset_index(drop=True) if drop_known_faults else manifest
    )


def _types_folder(root: Path, name: str) -> Path | None:
    for directory in (root / name, root / name / name):
        if any((directory / t).is_dir() for t in TYPES):
            return directory
    return None


def _additional(root: Path, label: str) -> list[Path]:
    directories = (
        root / f"additional_{label}_v2" / label,
        root / f"additional_{label}_v2",
        root / "additional" / label,
        root / "additional" / f"{label}_v2",
        root / "additional" / "additional" / label,
    )
    return [p for p in directories if _photographs(p)][:1]


def _check_additional(directories: dict[str, list[Path]], root: Path) -> None:
    lacking = [label for label, photographs in directories.items() if not photographs]
    if len(lacking) == len(directories):
        raise UserError(
            f"{root} holds no additional photographs (additional_Type_1_v2 or additional/Type_1): "
            "unpack them there, or read it without additional."
        )
    if lacking:
        warnings.warn(
            f"{root} holds no additional photographs of {', '.join(lacking)}.", stacklevel=3
        )


def _labelled(folders: dict[str, list[Path]], source: str, needed: bool) -> list[dict]:
    rows = []
    for label, directories in folders.items():
        photographs = [p for d in directories for p in _photographs(d)]
        if needed and not photographs:
            raise UserError(f"The class folder {directories[0]} holds no photograph: fill it.")
        rows += [{"path": p, "label": label, "source": source} for p in photographs]
    return rows


def _photographs(folder: Path) -> list[str]:
    return walk(folder).root.every() if folder.is_dir() else []
