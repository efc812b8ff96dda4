"""What an evaluation leaves on disk."""

from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.evaluation.plots import plot_confusion, plot_prevalence, plot_reliability
from cervix_tf.evaluation.prediction_sheets import plot_mistakes, plot_predictions
from cervix_tf.runs import Run


def write_evaluation(
    run: Run, folder: Path, chosen: pd.DataFrame, probabilities: np.ndarray, figures: dict
) -> None:
    """Write `predictions.csv`, `metrics.json` and the plots of an evaluation.

    Args:
        run: The run that predicted.
        folder: Where they go: the run's own folder, or another.
        chosen: The photographs, with labels.
        probabilities: (N, classes), in the order of the rows of `chosen`.
        figures: As `figures_of` returns them.

    Raises:
        UserError: The folder cannot be written to.

    Example:
        >>> write_evaluation(run, Path("elsewhere"), chosen, probabilities, figures)
    """
    target = Run(folder)
    table = chosen[["image", "path", "label", "group"]].copy()
    table[run.class_names] = probabilities
    target.write_table("predictions.csv", table)
    target.write_json("metrics.json", figures)
    plot_confusion(figures, target.path("plots/confusion.png"))
    plot_reliability(figures, target.path("plots/reliability.png"))
    plot_prevalence(figures, target.path("plots/prevalence.png"))
    plot_predictions(run, chosen, probabilities, target.path("plots/predictions.png"))
    plot_mistakes(run, chosen, probabilities, target.path("plots/mistakes.png"))
