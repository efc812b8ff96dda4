"""A run is a folder, an ensemble a folder of runs: opened, read, written file by file, each whole.

In: a folder that `fit` or `crossfit` wrote. Out: its recipe, manifest, model, history, predictions,
calibration and figures.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "ensembles": ["Ensemble", "load"],
        "folders": ["Run"],
        "conformal": ["conformal_threshold", "cross_fitted_sets", "prediction_sets"],
        "calibration": ["Calibration", "fit_calibration", "geometric_mean"],
        "provenance": ["environment", "fingerprint"],
    },
)
