"""What is read is not written over, and no folder of photographs becomes another's."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cervix_tf.data.folder_walk import is_run, walk
from cervix_tf.data.readers import LISTS
from cervix_tf.errors import UserError


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
    if not os.path.exists(path):
        return
    for given in inputs:
        if not isinstance(given, str | Path):
            continue
        for read in (given, *(os.path.join(given, name) for name in LISTS)):
            if os.path.exists(read) and os.path.samefile(read, path):
                raise UserError(f"{path} is read here: name another file to write.")


def check_not_among(
    out: Path | str, photographs: Iterable[str], labels: Iterable[str | None] = ()
) -> None:
    """Refuse to write a picture, or a folder of pictures, where photographs lie: one may be written over.

    Args:
        out: The file or folder to write; a folder of its own among photographs is allowed.
        photographs: The paths of those that are read, or that a run was made of.
        labels: Their labels: a new folder beside class folders would be a class from then on.

    Raises:
        UserError: It is such a folder, would lie in one, or beside those of classes.

    Example:
        >>> check_not_among("evaluation", run.manifest["path"], run.manifest["label"])
    """
    paths = list(photographs)
    folders = {os.path.realpath(folder) for folder in set(map(os.path.dirname, paths))}
    named = set(zip(map(os.path.dirname, paths), labels, strict=False))
    sets = {
        os.path.realpath(os.path.dirname(own))
        for own, label in named
        if os.path.basename(own) == label
    }
    place = os.path.realpath(out)
    is_file = Path(place).suffix and not os.path.isdir(place)
    folder = os.path.dirname(place) if is_file else place
    if folder in folders or (os.path.dirname(folder) in sets and not is_run(Path(folder))):
        raise UserError(
            f"{out} lies among the photographs, in "
            f"{folder if folder in folders else os.path.dirname(folder)}, where nothing is changed: "
            "choose another place."
        )


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
