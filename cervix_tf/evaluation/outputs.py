"""What an evaluation leaves on disk."""

from pathlib import Path

import pandas as pd

from cervix_tf.errors import UserError
from cervix_tf.evaluation.plots import plot_confusion, plot_prevalence, plot_reliability
from cervix_tf.evaluation.prediction_sheets import plot_mistakes, plot_predictions
from cervix_tf.evaluation.ranking_curves import plot_precision_recall, plot_roc
from cervix_tf.inference import Predictions
from cervix_tf.runs import Run
from cervix_tf.runs.checked_folder import RECORDED
from cervix_tf.runs.file_shapes import read_object


def labelled_table(predictions: Predictions) -> pd.DataFrame:
    """Make a table of a row a photograph: what it is, its probabilities, and those before calibration.

    Args:
        predictions: The predictions of labelled photographs.

    Returns:
        Columns `image`, `path`, `label`, `group`, for an ensemble's own photographs `fold`, one a class,
        and where they are calibrated one `raw:CLASS`. Of groups `group` and `photographs`, their number,
        come first, without `image` and `path`.

    Example:
        >>> labelled_table(predictions).to_csv("oof.csv", index=False)
    """
    columns = ["image", "path", "label", "group", "fold"]
    if predictions.per == "group":
        columns = ["group", "photographs", "label", "fold"]
    table = predictions.photographs[[c for c in columns if c in predictions.photographs]].copy()
    table[predictions.class_names] = predictions.probabilities
    if predictions.raw is not None:
        table[[f"raw:{name}" for name in predictions.class_names]] = predictions.raw
    return table


def check_free(folder: Path) -> None:
    """Refuse a folder in which an evaluation would write over figures or predictions of other work.

    Args:
        folder: Where an evaluation shall go; it need not exist.

    Raises:
        UserError: It holds a `metrics.json` or `predictions.csv` that no evaluation wrote.

    Example:
        >>> check_free(Path("runs/first/test"))
    """
    files = [folder / name for name in ("metrics.json", "predictions.csv")]
    if there := [file for file in files if file.exists()]:
        try:
            read_object(files[0])
        except UserError as error:
            raise UserError(
                f"{folder} holds a {there[0].name} that no evaluation wrote: name another folder, so "
                "that it stays."
            ) from error


def write_evaluation(predictions: Predictions, figures: dict, folder: Path) -> None:
    """Write `predictions.csv`, `metrics.json` and the plots of an evaluation.

    The sheets of photographs are left out where groups are evaluated.

    Args:
        predictions: The predictions of labelled photographs, or of groups.
        figures: As `metrics_of` returns them.
        folder: Where they go: the run's own folder, or another.

    Raises:
        UserError: The folder cannot be written to.

    Example:
        >>> write_evaluation(predictions, figures, Path("elsewhere"))
    """
    target = Run(folder)
    own = folder == predictions.run.folder
    target.write_json("metrics.json", figures)  # first: by it the predictions are known as ours
    target.write_table(predictions.run.table if own else Run.table, labelled_table(predictions))
    target.seal(RECORDED if own else ("predictions.csv", "metrics.json"))
    plot_confusion(figures, target.path("plots/confusion.png"))
    plot_reliability(figures, target.path("plots/reliability.png"))
    plot_prevalence(figures, target.path("plots/prevalence.png"))
    plot_roc(predictions, figures, target.path("plots/roc.png"))
    plot_precision_recall(predictions, figures, target.path("plots/precision_recall.png"))
    sheet, mistakes = target.path("plots/predictions.png"), target.path("plots/mistakes.png")
    if predictions.per == "group":
        sheet.unlink(missing_ok=True)  # of an earlier evaluation
        mistakes.unlink(missing_ok=True)
        return
    plot_predictions(predictions, sheet)
    if plot_mistakes(predictions, mistakes) is None:
        mistakes.unlink(missing_ok=True)
