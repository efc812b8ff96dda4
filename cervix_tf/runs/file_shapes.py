"""What the files of a run have to look like, so that damage is told and nothing is guessed from it."""

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from cervix_tf.data.crops import Crop
from cervix_tf.data.names import BESIDE_CLASSES, check_class_names
from cervix_tf.errors import UserError
from cervix_tf.given import check_ordinary

NUMBER = (int, float)
ROUNDING = 1e-3  # by which probabilities may fail to sum to 1
LARGEST_SIDE = 2048  # of an image that a recipe may ask for, in pixels
WORDS = ("image", "path", "label", "group", "train")  # columns of text
# The keys that a file of JSON has, and of what kind each is.
SHAPES: dict[str, dict[str, Any]] = {
    "environment.json": {"data_fingerprint": str, "devices": list},
    "calibration.json": {"slope": NUMBER, "offsets": list, "photographs": int, "groups": int},
    "tracking.json": {"tracker": str},
    "crossfit.json": {"folds": int, "repeats": int},
    "metrics.json": {
        "model": str, "data": str, "split": str, "photographs": int, "groups": int, "classes": list,
        "log_loss": NUMBER, "accuracy": NUMBER, "prior": {"log_loss": NUMBER, "accuracy": NUMBER},
    },
    # The card inside.
    "model.keras": {"class_names": list, "image_size": int, "square_size": int, "crop": str},
}  # fmt: skip
HISTORY = [
    "step", "stage", "train", "learning_rate", "train_loss", "train_accuracy", "validation_loss",
    "validation_accuracy",
]  # fmt: skip


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Word whatever goes wrong in the block as a damage of `path`: its content may be anything.

    Args:
        path: What is read in the block.

    Raises:
        UserError: It cannot be read.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # of JSON, pandas, zip, zlib, numpy: no two have a class in common
        reason = " ".join(str(error).split()).partition(". ")[0][:200] or type(error).__name__
        raise damaged(path, reason) from error


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run that is to hold one object with certain keys.

    Args:
        path: The file; `SHAPES` has the keys of each name, and of what kind their values are.

    Returns:
        The object.

    Raises:
        UserError: It is no JSON, no object, or lacks a key.

    Example:
        >>> read_object(Path("runs/first/metrics.json"))["log_loss"]
    """
    check_ordinary(path)
    with reading(path):
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    check_object(path, content)
    return content


def check_object(path: Path, content: Any, keys: dict[str, Any] | None = None) -> None:
    """Refuse what is no object with certain keys, each of its kind.

    Args:
        path: Where it was read, for the error.
        content: What was read.
        keys: Each key's type, types, or keys in turn; by default those of the file's name in `SHAPES`.

    Raises:
        UserError: It is another thing.
    """
    if not isinstance(content, dict):
        raise damaged(path, f"it holds {_kind(content)}, not an object")
    for key, kinds in (SHAPES.get(path.name, {}) if keys is None else keys).items():
        if key not in content:
            raise damaged(path, f"it has no {key!r}")
        if isinstance(kinds, dict):
            check_object(path, content[key], kinds)
        elif not isinstance(content[key], kinds) or isinstance(content[key], bool):
            raise damaged(path, f"its {key!r} is {_kind(content[key])}")
        elif isinstance(content[key], float) and not math.isfinite(content[key]):
            raise damaged(path, f"its {key!r} is {content[key]}")


def check_figures(path: Path, figures: dict[str, Any], classes: set[str]) -> None:
    """Refuse figures of other classes, or with intervals that are none.

    Args:
        path: Where they were read, for the error.
        figures: What `metrics.json` holds; earlier versions knew no intervals.
        classes: The classes of the photographs; none where these are not known.

    Raises:
        UserError: They are another thing.
    """
    if classes and sorted(map(str, figures["classes"])) != sorted(classes):
        raise damaged(path, f"its classes are not {', '.join(sorted(classes))}")
    if "intervals" in figures:
        check_object(path, {"intervals": figures["intervals"]}, {"intervals": dict.fromkeys(
            ("log_loss", "accuracy"), (list, type(None)))})  # fmt: skip


def check_predictions(path: Path, table: pd.DataFrame) -> None:
    """Refuse probabilities that are none, and photographs that are there twice.

    Args:
        path: Where they were read, for the error.
        table: Predictions, a row a photograph.

    Raises:
        UserError: They are another thing.
    """
    if (again := table["path"].duplicated()).any():
        raise damaged(path, f"{table['path'][again].iloc[0]} is there twice")
    names = [str(name) for name in table if name not in BESIDE_CLASSES]
    raw = [name for name in names if name.startswith("raw:")]
    for columns in ([name for name in names if name not in raw], raw):
        values = table[columns].to_numpy("float64")
        right = ((values >= 0) & (values <= 1)).all(axis=1) & (
            abs(values.sum(axis=1) - 1) < ROUNDING
        )
        if columns and not right.all():
            row = table["path"][~right].iloc[0]
            raise damaged(path, f"the probabilities of {row} are none, or do not sum to 1")


def check_rows(path: Path, table: pd.DataFrame, manifest: pd.DataFrame, held: pd.DataFrame) -> None:
    """Refuse predictions of other photographs than a run validated on, or of others' labels or groups.

    Args:
        path: Where they were read, for the error.
        table: Predictions, a row a photograph.
        manifest: The run's manifest.
        held: The rows of it that it validated on.

    Raises:
        UserError: They are another thing.
    """
    absent = held["path"][held["label"].notna() & ~held["path"].isin(table["path"])]
    if len(absent):
        raise damaged(path, f"{absent.iloc[0]} of the manifest is missing")
    known = manifest.drop_duplicates("path").set_index("path").reindex(table["path"])
    for name in ("label", "group"):
        if name not in table:
            raise damaged(path, f"it has no column {name!r}")
        other = known[name].to_numpy(str) != table[name].to_numpy(str)
        if other.any():
            raise damaged(
                path, f"{table['path'][other].iloc[0]} has another {name} than in the manifest"
            )


def check_card(path: Path, card: Any) -> None:
    """Refuse a card of a model that names no classes, or squares of sizes that no recipe asks for.

    Args:
        path: Where it was read, for the error.
        card: What was read.

    Raises:
        UserError: It is another thing.
    """
    check_object(path, card, SHAPES["model.keras"])
    names, side = card["class_names"], card["image_size"]
    if (
        not names
        or not all(isinstance(name, str) for name in names)
        or len(set(names)) < len(names)
    ):
        raise damaged(path, "its 'class_names' are no names")
    check_class_names(names, str(path))
    if not 1 <= side <= LARGEST_SIDE or not side <= card["square_size"] <= 2 * side:
        raise damaged(path, f"its sizes are {side} and {card['square_size']}")
    if card["crop"] not in get_args(Crop):
        raise damaged(path, f"its 'crop' is {card['crop']!r}")


def read_columns(
    path: Path, read: Callable[[Path], pd.DataFrame], columns: Iterable[str]
) -> pd.DataFrame:
    """Read a CSV of a run that has certain columns; all that are not of text hold numbers.

    Args:
        path: The file.
        read: What reads it.
        columns: Columns that it has.

    Returns:
        The table.

    Raises:
        UserError: It is no such table.
    """
    with reading(path):
        check_end(path)
        table = read(path)
    if absent := [name for name in columns if name not in table]:
        raise damaged(path, f"it has no column {absent[0]!r}")
    for name in table.columns.difference(list(WORDS)):
        if len(table) and not pd.api.types.is_numeric_dtype(table[name]):
            raise damaged(path, f"its column {name!r} holds what is no number")
    return table


def check_end(path: Path) -> None:
    """Refuse a table of which the last line is not whole.

    Args:
        path: The file.

    Raises:
        ValueError: It was cut.
    """
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 1))
        if file.read() != b"\n":
            raise ValueError("its last line is cut")


def damaged(path: Path, reason: str) -> UserError:
    """Word the error for a file of a run that cannot be read.

    Args:
        path: The file.
        reason: What is wrong with it.

    Returns:
        The error, which says what to do.
    """
    again = "train" if path.suffix != ".onnx" else "export"
    return UserError(
        f"{path} is damaged ({reason}): bring back what was written, or {again} again."
    )


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _kind(value: Any) -> str:
    return {type(None): "null", list: "a list", str: "a text", dict: "an object"}.get(
        type(value), f"{value!r}"[:40]
    )
