"""What is read is not written over, and no folder of photographs becomes another's."""

import os
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from cervix_tf.data.class_folders import SPLIT_FOLDERS
from cervix_tf.data.folder_walk import is_run, walk
from cervix_tf.data.readers import LISTS
from cervix_tf.errors import UserError
from cervix_tf.given import as_path


def check_not_read(path: Path | str, inputs: Iterable[Any]) -> None:
    """Refuse a file to write that is one of those that are read.

    Args:
        path: The file to write.
        inputs: What is read; what is no path is passed over. Of a folder it is its list too, such as
            `metadata.csv`.

    Raises:
        UserError: It is one of them.

    Example:
        >>> check_not_read("predictions.csv", ["photographs", "sample_submission.csv"])
    """
    if not os.path.exists(as_path(path, "path")):
        return
    for given in inputs:
        if not isinstance(given, str | Path):
            continue
        for read in (given, *(os.path.join(given, name) for name in LISTS)):
            if os.path.exists(read) and os.path.samefile(read, path):
                raise UserError(f"{path} is read here: name another file to write.")


def check_not_among(
    out: Path | str,
    photographs: Iterable[str],
    labels: Iterable[str | None] = (),
    kind: Literal["file", "folder"] = "folder",
) -> None:
    """Refuse to write where photographs lie: over one, or what would be read as one from then on.

    Args:
        out: The file or folder to write; a folder of its own among photographs without a label, or in a
            run, is allowed.
        photographs: The paths of those that are read, or that a run was made of.
        labels: Their labels: whatever is new beside class folders, or in one, would be read with them
            from then on.
        kind: What `out` is.

    Raises:
        UserError: It is a folder of photographs, would lie in one, or where their class folders lie.

    Example:
        >>> check_not_among("evaluation", run.manifest["path"], run.manifest["label"])
    """
    paths = list(photographs)
    folders = {os.path.realpath(folder) for folder in set(map(os.path.dirname, paths))}
    sets = _sets(zip(map(os.path.dirname, paths), labels, strict=False))
    place = Path(os.path.realpath(out))
    folder = place.parent if kind == "file" else place
    above = takewhile(lambda one: not is_run(one), (folder, *folder.parents))
    among = [one for one in above if str(one) in sets]
    if str(folder) in folders or among:
        raise UserError(
            f"{out} lies among the photographs, in {folder if str(folder) in folders else among[0]}, "
            "where nothing is changed: choose another place."
        )


def _sets(named: Iterable[tuple[str, str | None]]) -> set[str]:
    """The folders of which a new folder would be read: those of class folders, and a folder `test`."""
    sets = set()
    for own, label in set(named):
        if not isinstance(label, str):
            if os.path.basename(own).lower() in SPLIT_FOLDERS:
                sets.add(os.path.realpath(own))
            continue
        folders = (Path(own), *Path(own).parents)
        if of_class := next((folder for folder in folders if folder.name == label), None):
            sets.add(os.path.realpath(of_class.parent))
    return sets


def check_no_photographs(folder: Path) -> None:
    """Refuse to make the folder of a run or of a model card of one that holds photographs.

    They would be taken for the run's own pictures from then on, and be left out.

    Args:
        folder: It need not exist.

    Raises:
        UserError: It holds photographs and is no run's folder.

    Example:
        >>> check_no_photographs(Path("runs/first"))
    """
    if not folder.is_dir() or is_run(folder):
        return
    photographs = walk(folder).root.every()
    if photographs:
        raise UserError(
            f"{folder} holds photographs, such as {photographs[0]}: name another folder to write into."
        )
