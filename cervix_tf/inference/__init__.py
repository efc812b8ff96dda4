"""A run and photographs become predictions, a Kaggle CSV, and a model for another runtime.

In: one run or several, photographs. Out: `Predictions`, and of them a table or a submission; an export.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "predictions": [
            "Predictions",
            "predictions_of",
            "probabilities",
            "run_probabilities",
        ],
        "prediction_table": ["predict"],
        "prediction_files": ["Written", "write_predictions"],
        "out_of_fold": ["calibrated", "held_out"],
        "familiarity": ["distance_limit", "distances", "write_references"],
        "neighbours": ["nearest_of_each_class"],
        "flag_columns": ["photograph_flags", "with_photograph_flags"],
        "set_column": ["set_threshold", "with_sets"],
        "patients": ["group_means"],
        "submission": ["submit", "write_submission"],
        "exports": ["Export", "export"],
    },
)
