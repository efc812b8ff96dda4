"""Photographs on disk become a manifest: a CSV, a tree of folders, Kaggle's download, a single file."""

import os
from pathlib import Path

import pandas as pd

from cervix_tf.data.kaggle.download import COMPETITION
from cervix_tf.data.kaggle.folders import find_root, read_kaggle
from cervix_tf.data.manifests import PHOTOGRAPHS, photographs_in, read_csv, validated
from cervix_tf.errors import UserError

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
        return read_csv(path, labelled)
    for name in LISTS:
        if (path / name).is_file():
            return read_csv(path / name, labelled)
    if not labelled and (plain := _plain_folder(path)):
        return validated(
            pd.DataFrame({"path": [str(p) for p in photographs_in(plain)]}), str(plain)
        )
    if find_root(path) is not None:
        return read_kaggle(path)
    return _from_folders(path)


def find_data(given: Path | None = None) -> Path:
    """Find the photographs: what was given, `$CERVIX_DATA`, `./data`, or kagglehub's cache.

    Args:
        given: A path that is taken as it is.

    Returns:
        The first that exists; a path given, or in `$CERVIX_DATA`, even if it does not.
    """
    if given is not None:
        return given
    if os.environ.get("CERVIX_DATA"):
        return Path(os.environ["CERVIX_DATA"])
    cache = Path(os.environ.get("KAGGLEHUB_CACHE", Path.home() / ".cache/kagglehub"))
    for candidate in (Path("data"), cache / "competitions" / COMPETITION):
        if candidate.is_dir():
            return candidate
    raise UserError(
        "No photographs: give --data FOLDER_OR_CSV, draw some with `cervix-tf phantom data`, or get "
        f"Kaggle's competition {COMPETITION} with `cervix-tf fetch`."
    )


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
        photographs = photographs_in(directory)
        if not photographs:
            raise UserError(
                f"The class folder {directory} holds no photograph "
                f"({', '.join(sorted(PHOTOGRAPHS))}): fill it or remove it."
            )
        rows += [{"path": str(p), "label": directory.name} for p in photographs]
    return validated(pd.DataFrame(rows), str(folder))
