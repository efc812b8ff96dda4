"""Kaggle's submission file."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cervix_tf.data.outputs import check_not_read
from cervix_tf.data.tables import read_lines, read_table
from cervix_tf.errors import UserError, listed
from cervix_tf.files import check_output, write_csv
from cervix_tf.given import as_path, is_number
from cervix_tf.inference.engines import engines
from cervix_tf.inference.photographs import as_photographs
from cervix_tf.inference.prediction_table import predict
from cervix_tf.runs import Run


def write_submission(
    predictions: pd.DataFrame,
    path: Path | str,
    sample: Path | str | None = None,
    floor: float = 1e-15,
) -> Path:
    """Write class probabilities as the competition wants them.

    The header is `image_name` and the classes; without a sample the rows are sorted by the number in
    the file's name. Probabilities are raised to `floor` and each row rescaled to sum 1.

    Args:
        predictions: A table as `predict` returns it: `image`, then one column a class; `path` is not
            written.
        path: The CSV to write.
        sample: Kaggle's `sample_submission.csv`: exactly its names in its order are written.
        floor: Least probability, 0 to 0.1. Kaggle scores with 1e-15; a higher floor insures against
            being sure and wrong.

    Returns:
        The path written.

    Raises:
        UserError: As of `check_submission`, or a probability is no number.

    Example:
        >>> write_submission(predict("runs/first", test), "kaggle_submission/first.csv")
    """
    table = predictions.drop(columns="path", errors="ignore").rename(
        columns={"image": "image_name"}
    )
    classes = [c for c in table.columns if c != "image_name"]
    check_not_read(path, [sample])
    names = check_submission(classes, table["image_name"].tolist(), sample, floor)
    values = table[classes].to_numpy("float64")
    broken = ~np.isfinite(values).all(axis=1) | (values < 0).any(axis=1) | (values.sum(axis=1) <= 0)
    if broken.any():
        raise UserError(f"No valid probabilities for: {listed(table['image_name'][broken])}.")
    values = np.maximum(values / values.sum(axis=1, keepdims=True), floor)
    table[classes] = values / values.sum(axis=1, keepdims=True)
    if sample is None:
        number = table["image_name"].str.extract(r"([0-9]+)", expand=False).astype("float64")
        table = table.iloc[np.lexsort((table["image_name"], number))]
    else:
        table = table.set_index("image_name").loc[names, sorted(classes)].reset_index()
    write_csv(table, path, digits="%.17g", literal=True)  # names as Kaggle has them
    return Path(path)


def submit(
    runs: Run | Path | str | Sequence[Run | Path | str],
    photographs: Any,
    path: Path | str = "kaggle_submission/submission.csv",
    sample: Path | str | None = None,
    floor: float = 1e-15,
    **options: Any,
) -> pd.DataFrame:
    """Predict photographs and write the probabilities as the competition wants them.

    Args:
        runs: A run, or several, whose probabilities are averaged.
        photographs: What `predict` takes: a manifest, a folder, a CSV or photographs.
        path: The CSV to write.
        sample: As for `write_submission`.
        floor: As for `write_submission`.
        **options: Those of `predict`: `tta`, `cache`, `progress`.

    Returns:
        What `predict` returned.

    Raises:
        UserError: As `predict` and `write_submission` raise it; what is wrong with the sample, before
            anything is predicted.

    Example:
        >>> submit("runs/first", "data/test", "kaggle_submission/first.csv")
    """
    check_output(path)
    check_not_read(path, [sample, photographs])  # before the work
    given = as_photographs(photographs)
    opened = engines(runs, options.get("engine", "keras"), options.get("raw", False))
    check_submission(opened[0].class_names, given.table["image"].tolist(), sample, floor)
    predictions = predict(runs, photographs if given.pictures else given.table, **options)
    write_submission(predictions, path, sample=sample, floor=floor)
    return predictions


def check_submission(
    classes: list[str], images: list[str], sample: Path | str | None, floor: float = 1e-15
) -> list[str]:
    """Refuse what cannot be submitted; nothing but the names of photographs and classes is needed.

    Args:
        classes: The classes predicted.
        images: The photographs' names.
        sample: As for `write_submission`.
        floor: As for `write_submission`.

    Returns:
        The names in the order of the sample, or as they are.

    Raises:
        UserError: The floor is out of range, there is no photograph, one is there twice, here or in the
            sample, or the sample has other classes or photographs; the message lists them.

    Example:
        >>> check_submission(["Type_1", "Type_2", "Type_3"], ["0.jpg"], "sample_submission.csv")
    """
    if not is_number(floor) or not 0 <= floor <= 0.1:
        raise UserError(f"floor={floor!r}: give a probability from 0 to 0.1.")
    if not images:
        raise UserError("There is no photograph to submit.")
    if repeated := _repeated(images):
        raise UserError(f"These photographs are there twice: {listed(repeated)}.")
    if sample is None:
        return images
    sample = as_path(sample, "sample")
    if not sample.is_file():
        raise UserError(f"The sample submission {sample} does not exist.")
    header = ["image_name", *sorted(classes)]
    first = next(filter(str.strip, read_lines(sample)), "")
    without = (
        first and "image_name" not in first
    )  # its values may repeat, as no names of columns do
    if without or (wanted := read_table(sample)).columns.tolist() != header:
        raise UserError(
            f"{sample} begins with {first[:100]!r}: its first line must be the header "
            f"{','.join(header)}, with the classes that the run predicts."
        )
    if wanted["image_name"].isna().any():
        row = int(wanted["image_name"].isna().argmax()) + 2
        raise UserError(f"{sample}, row {row}: the column 'image_name' is empty.")
    names, have = wanted["image_name"].tolist(), set(images)
    if not names:
        raise UserError(f"{sample} names no photograph.")
    if repeated := _repeated(names):
        raise UserError(f"{sample} names photographs twice: {listed(repeated)}.")
    missing = [n for n in names if n not in have]
    extra = sorted(have - set(names))
    if missing or extra:
        parts = [f"{len(missing)} missing: {listed(missing)}"] if missing else []
        parts += [f"{len(extra)} too many: {listed(extra)}"] if extra else []
        raise UserError(f"The photographs are not those of {sample}: {'; '.join(parts)}.")
    return names


def _repeated(names: list[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
