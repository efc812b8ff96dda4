"""Labels and probabilities, or a run, become figures with intervals, plots and a report.

In: class indices and probabilities, a run folder. Out: a dict of figures, PNG files, one HTML page.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "kaggle_score": ["log_loss"],
        "evaluator": ["evaluate"],
        "estimates": ["metrics_of"],
        "metrics": ["measures"],
        "set_coverage": ["set_figures"],
        "plots": ["plot_confusion", "plot_prevalence", "plot_reliability"],
        "ranking_curves": ["plot_precision_recall", "plot_roc"],
        "learning_curves": ["plot_curves"],
        "prediction_sheets": ["plot_mistakes", "plot_predictions"],
        "outputs": ["write_evaluation"],
    },
)
