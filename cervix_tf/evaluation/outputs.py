"""What an evaluation leaves on disk."""

from pathlib import Path

from cervix_tf.evaluation.plots import plot_confusion, plot_prevalence, plot_reliability
from cervix_tf.evaluation.prediction_sheets import plot_mistakes, plot_predictions
from cervix_tf.inference import Predictions
from cervix_tf.runs import Run


def write_evaluation(predictions: Predictions, figures: dict, folder: Path) -> None:
    """Write `predictions.csv`, `metrics.json` and the plots of an evaluation.

    Args:
        predictions: The predictions of labelled photographs.
        figures: As `metrics_of` returns them.
        folder: Where they go: the run's own folder, or another.

    Raises:
        UserError: The folder cannot be written to.

    Example:
        >>> write_evaluation(predictions, figures, Path("elsewhere"))
    """
    target = Run(folder)
    table = predictions.photographs[["image", "path", "label", "group"]].copy()
    table[predictions.class_names] = predictions.probabilities
    target.write_table("predictions.csv", table)
    target.write_json("metrics.json", figures)
    plot_confusion(figures, target.path("plots/confusion.png"))
    plot_reliability(figures, target.path("plots/reliability.png"))
    plot_prevalence(figures, target.path("plots/prevalence.png"))
    plot_predictions(predictions, target.path("plots/predictions.png"))
    mistakes = target.path("plots/mistakes.png")
    if plot_mistakes(predictions, mistakes) is None:
        mistakes.unlink(missing_ok=True)  # of an earlier evaluation
