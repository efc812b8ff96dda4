"""Photographs on disk become a manifest: a CSV, a tree of folders, Kaggle's download, a single file."""

import os
from pathlib import Path

import pandas as pd

from cervix_tf.caches import kaggle_cache
from cervix_tf.data.class_folders import labelled_rows, plain_rows, unpacked
from cervix_tf.data.folder_walk import PHOTOGRAPHS, Walk, is_photograph, walk
from cervix_tf.data.kaggle.download import COMPETITION
from cervix_tf.data.kaggle.folders import find_root, is_download, read_kaggle
from cervix_tf.data.left_out import accounted, left_out_words
from cervix_tf.data.manifests import read_csv, validated
from cervix_tf.data.names import check_class_names, check_readable, warn_of_spellings
from cervix_tf.errors import UserError
from cervix_tf.given import as_path

LISTS = ("manifest.csv", "metadata.csv", "phantom.csv")


def read_manifest(path: Path | str, labelled: bool = True, strict: bool = False) -> pd.DataFrame:
    """Read a manifest from a CSV, a folder-a-class tree or Kaggle's folders.

    Of a folder every file is a photograph of the manifest, or is left out: hidden files, those of other
    kinds, links that lead nowhere, photographs that its CSV does not name. A line on the logger tells
    how many.

    Args:
        path: One of

            - a CSV with the columns `path` or `image` (relative to the CSV) and `label`, and optionally
              `group` (also called `case` or `patient`), `split` and `source`; other columns are kept;
            - a folder that holds such a CSV, called `manifest.csv`, `metadata.csv` or, of a set
              that `phantom` drew, `phantom.csv`;
            - Kaggle's download, as `read_kaggle` takes it;
            - a folder with one subfolder of photographs for each class;
            - a folder with `train`, and beside it `val`, `valid` or `validation`, and `test`, which hold
              such subfolders;
            - with `labelled=False` also a plain folder of photographs, or a single photograph.

            Photographs in subfolders of these belong to them too.
        labelled: Whether labels are needed, as for training. Single rows may lack one all the same:
            they are test photographs.
        strict: Whether files that are left out are an error.

    Returns:
        A DataFrame with at least the columns `image` (file name), `path`, `label` (missing for test
        photographs), `group` (photographs of one group never part in a split), `source` and `split`
        (`train`, `validation`, `test`, or missing while undecided).

    Raises:
        UserError: Nothing is there, a column or a file is missing, a value is not allowed, a folder may
            not be read, or a class is called as a column of tables is; the message names file, row and
            column.

    Example:
        >>> read_manifest("audit/manifest.csv")["label"].value_counts()
    """
    path = as_path(path, "path")
    check_readable([os.path.abspath(path)])
    if not os.path.exists(path):  # not Path.exists, which fails on a name too long
        raise UserError(f"{path} does not exist: give a CSV or a folder of photographs.")
    if os.path.isfile(path):
        if not is_photograph(path):
            return read_csv(path, labelled)
        if labelled:
            raise UserError(f"{path} is one photograph: give a CSV or a folder, with labels.")
        return validated(pd.DataFrame({"path": [str(path)]}), str(path))
    for name in LISTS:
        if os.path.isfile(path / name):
            manifest = read_csv(path / name, labelled)
            listed = Walk(walk(path).root)  # only a photograph can be missing from the list
            return accounted(manifest, listed, f"photographs not in {name}", strict=strict)
    found = walk(path)
    if not found.root.count:
        raise UserError(
            f"{path} holds no photograph ({', '.join(sorted(PHOTOGRAPHS))}) and no folder of photographs"
            f"{left_out_words(found)}."
        )
    direct = found.root.photographs
    root = None if direct and not labelled else find_root(path)
    if root is not None and is_download(root):
        return read_kaggle(path, strict=strict)
    top = unpacked(found.root)
    several = not top.photographs and sum(folder.count > 0 for folder in top.folders) > 1
    if not labelled and not several:
        rows, nested = plain_rows(found.root)
    else:
        rows, nested = labelled_rows(found, labelled)
    manifest = validated(rows, str(path))
    if labelled:
        check_class_names(manifest["label"].dropna().unique(), str(path))
    warn_of_spellings(manifest, str(path))
    return accounted(manifest, found, nested=nested, strict=strict)


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
    for candidate in (Path("data"), kaggle_cache() / "competitions" / COMPETITION):
        if candidate.is_dir():
            return candidate
    raise UserError(
        "No photographs: give --data FOLDER_OR_CSV, draw some with `cervix-tf phantom data`, or get "
        f"Kaggle's competition {COMPETITION} with `cervix-tf fetch`."
    )
