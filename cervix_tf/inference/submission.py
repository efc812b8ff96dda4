"""Kaggle's submission file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cervix_tf.data.manifests import read_table
from cervix_tf.errors import UserError, listed
from cervix_tf.files import check_output, write_csv
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
        UserError: A photograph is listed twice, a probability is no number, or the names differ from
            the sample's; the message lists them.

    Example:
        >>> write_submission(predict("runs/first", test), "kaggle_submission/first.csv")
    """
    if not 0 <= floor <= 0.1:
        raise UserError(f"floor={floor}: give a probability from 0 to 0.1.")
    table = predictions.drop(columns="path", errors="ignore").rename(
        columns={"image": "image_name"}
    )
    classes = [c for c in table.columns if c != "image_name"]
    if len(table) == 0:
        raise UserError("There is no photograph to submit.")
    repeated = table["image_name"][table["image_name"].duplicated()]
    if len(repeated):
        raise UserError(f"These photographs are there twice: {listed(repeated)}.")
    values = table[classes].to_numpy("float64")
    broken = ~np.isfinite(values).all(axis=1) | (values < 0).any(axis=1) | (values.sum(axis=1) <= 0)
    if broken.any():
        raise UserError(f"No valid probabilities for: {listed(table['image_name'][broken])}.")
    values = np.maximum(values / values.sum(axis=1, keepdims=True), floor)
    table[classes] = values / values.sum(axis=1, keepdims=True)
    if sample is None:
        number = table["image_name"].str.extract(r"(\d+)", expand=False).astype("float64")
        table = table.iloc[np.lexsort((table["image_name"], number))]
    else:
        table = _as_sample(table, classes, Path(sample))
    write_csv(table, path, digits="%.17g")
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
        UserError: As `predict` and `write_submission` raise it.

    Example:
        >>> submit("runs/first", "data/test", "kaggle_submission/first.csv")
    """
    check_output(path)
    predictions = predict(runs, photographs, **options)
    write_submission(predictions, path, sample=sample, floor=floor)
    return predictions


def _as_sample(table: pd.DataFrame, classes: list[str], sample: Path) -> pd.DataFrame:
    if not sample.is_file():
        raise UserError(f"The sample submission {sample} does not exist.")
    wanted = read_table(sample)
    if list(wanted.columns) != ["image_name", *sorted(classes)]:
        raise UserError(
            f"{sample} has the columns {', '.join(wanted.columns)}; the run predicts "
            f"image_name, {', '.join(sorted(classes))}."
        )
    names, have = list(wanted["image_name"]), set(table["image_name"])
    missing = [n for n in names if n not in have]
    extra = sorted(have - set(names))
    if missing or extra:
        parts = [f"{len(missing)} missing: {listed(missing)}"] if missing else []
        parts += [f"{len(extra)} too many: {listed(extra)}"] if extra else []
        raise UserError(f"The photographs are not those of {sample}: {'; '.join(parts)}.")
    return table.set_index("image_name").loc[names, sorted(classes)].reset_index()
