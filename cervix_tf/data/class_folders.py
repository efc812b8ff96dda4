"""Folders of photographs become rows of a manifest: a folder a class, or train, validation and test."""

import pandas as pd

from cervix_tf.data.folder_walk import PHOTOGRAPHS, Folder, Walk
from cervix_tf.errors import UserError, listed

SPLIT_FOLDERS = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


def plain_rows(root: Folder) -> tuple[pd.DataFrame, int]:
    """Give every photograph of a folder and below without a label, and how many lie in subfolders."""
    top = root
    while not top.photographs and len(top.folders) == 1:  # as Kaggle's test/test
        top = top.folders[0]
    return _table(root.every()), top.count - len(top.photographs)


def labelled_rows(found: Walk, labelled: bool) -> tuple[pd.DataFrame, int]:
    """Give the photographs of class folders.

    Args:
        found: What the folder holds.
        labelled: Whether labels are needed.

    Returns:
        Rows with `path` and `label`, and `source` and `split` where folders are called so; and how many
        of them lie in subfolders of the class folders.

    Raises:
        UserError: There are no class folders, one holds no photograph, or they are sets of their own.
    """
    root = unpacked(found.root)
    if parts := split_folders(root):
        return _split_rows(parts)
    if root.photographs:
        raise UserError(
            f"{root.path} holds photographs that are in no class folder, so they have no label: put them "
            "in one folder for each class, or write a CSV with the columns path and label."
        )
    if labelled and root.folders:
        for folder in root.folders:
            if not folder.count:
                raise UserError(
                    f"The class folder {folder.path} holds no photograph "
                    f"({', '.join(sorted(PHOTOGRAPHS))}): fill it or remove it."
                )
    if sets := [folder.path.name for folder in root.folders if split_folders(folder)]:
        raise UserError(
            f"{root.path} holds several sets, each with a folder train: {listed(sets)}. Give one of them."
        )
    return _of_classes(root, {})


def split_folders(root: Folder) -> list[tuple[Folder, str]]:
    """Tell whether a folder holds `train` with class folders, and beside it perhaps `val` and `test`.

    Args:
        root: The folder.

    Returns:
        Each of these folders, and its split; none where there is no such `train`.
    """
    parts = []
    for folder in root.folders:
        side, within = SPLIT_FOLDERS.get(folder.path.name.lower()), unpacked(folder)
        if side and within.count:
            parts.append((within, side))
    trains = [part for part, side in parts if side == "train"]
    classes = [part for part in trains if not part.photographs and len(_classes(part)) > 1]
    return parts if classes else []


def unpacked(folder: Folder) -> Folder:
    """Enter the only folder in a folder, as archives have it, down to where there is more.

    Args:
        folder: The folder.

    Returns:
        The folder whose folders may be classes.
    """
    while not folder.photographs and len(folder.folders) == 1 and folder.folders[0].folders:
        folder = folder.folders[0]
    return folder


def _split_rows(parts: list[tuple[Folder, str]]) -> tuple[pd.DataFrame, int]:
    known = {f.path.name for part, side in parts if side == "train" for f in _classes(part)}
    divided = any(side == "validation" for _, side in parts)
    tables, nested = [], 0
    for part, side in parts:
        more = {"source": side}
        if side != "train" or divided:  # else `fit` divides them
            more["split"] = side
        if side == "test" and not known.intersection(f.path.name for f in _classes(part)):
            tables.append(_table(part.every(), label=None, **more))
            continue
        if part.photographs:
            raise UserError(
                f"{part.path} holds photographs that are in no class folder, so they have no label: put "
                "them in one folder for each class."
            )
        of_classes, below = _of_classes(part, more)
        tables.append(of_classes)
        nested += below
    return pd.concat(tables, ignore_index=True), nested


def _of_classes(root: Folder, more: dict) -> tuple[pd.DataFrame, int]:
    tables = [_table(one.every(), label=one.path.name, **more) for one in _classes(root)]
    return pd.concat(tables, ignore_index=True), sum(
        folder.count - len(folder.photographs) for folder in _classes(root)
    )


def _classes(root: Folder) -> list[Folder]:
    return [folder for folder in root.folders if folder.count]


def _table(paths: list[str], **same: str | None) -> pd.DataFrame:
    """Photographs with what is the same of all of them; its text is in memory once."""
    return pd.DataFrame({"path": paths, **same}, dtype="object")
