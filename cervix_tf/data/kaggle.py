"""The folders of the Kaggle competition "Intel & MobileODT Cervical Cancer Screening"."""

from pathlib import Path

import pandas as pd

from cervix_tf.data.manifests import photographs_in, validated
from cervix_tf.errors import UserError

TYPES = ("Type_1", "Type_2", "Type_3")


def find_root(folder: Path | str) -> Path | None:
    """Find the folder that holds Kaggle's `train` folder.

    Args:
        folder: The competition's folder, or one a level above or below it.

    Returns:
        The folder whose `train` (or `train/train`) has a folder `Type_1`, `Type_2` or `Type_3`; None
        if there is none.

    Example:
        >>> find_root("data")
        PosixPath('data')
    """
    folder = Path(folder)
    below = sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
    above = [folder.parent] if folder.name == "train" else []  # today's tree repeats the name
    for root in (*above, folder, *below, folder.parent):
        if _types_folder(root, "train") is not None:
            return root
    return None


def read_kaggle(folder: Path | str, additional: bool = False) -> pd.DataFrame:
    """Read the competition's photographs as a manifest.

    Both trees are known: today's download (`train/train/Type_1`, `additional_Type_1_v2/Type_1`,
    `test/test`) and the one of 2017 (`train/Type_1`, `additional/Type_1`, `test`).

    Args:
        folder: The competition's folder, or one a level above or below it.
        additional: Whether to take the `additional` photographs as well. The report (section 4) found
            that they did not help.

    Returns:
        A manifest with the sources `train`, `additional`, `test` and `test_stg2`.

    Raises:
        UserError: There is no such tree, or one of the three class folders lacks or is empty.

    Example:
        >>> read_kaggle("data")["source"].value_counts()
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
        rows += _labelled({t: _additional(root, t) for t in TYPES}, "additional", needed=False)
    for source in ("test", "test_stg2"):
        for place in (root / source / source, root / source):
            found = photographs_in(place) if place.is_dir() else []
            if found:
                rows += [{"path": str(p), "source": source, "split": "test"} for p in found]
                break
    table = pd.DataFrame(rows)
    for column in ("label", "split"):
        if column not in table:
            table[column] = None
    return validated(table, str(root))


def _types_folder(root: Path, name: str) -> Path | None:
    for place in (root / name, root / name / name):
        if any((place / t).is_dir() for t in TYPES):
            return place
    return None


def _additional(root: Path, label: str) -> list[Path]:
    places = (
        root / f"additional_{label}_v2" / label,
        root / f"additional_{label}_v2",
        root / "additional" / label,
        root / "additional" / f"{label}_v2",
        root / "additional" / "additional" / label,
    )
    return [p for p in places if p.is_dir() and photographs_in(p)][:1]


def _labelled(folders: dict[str, list[Path]], source: str, needed: bool) -> list[dict]:
    rows = []
    for label, places in folders.items():
        found = [p for place in places if place.is_dir() for p in photographs_in(place)]
        if needed and not found:
            raise UserError(f"The class folder {places[0]} holds no photograph: fill it.")
        rows += [{"path": str(p), "label": label, "source": source} for p in found]
    return rows
