"""A run and photographs become probabilities, a Kaggle CSV, and a model for another runtime.

In: one run or several, photographs. Out: a table with one column a class, a submission file, an export.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "prediction": ["predict", "probabilities"],
        "submission": ["submit", "write_submission"],
        "exports": ["Export", "export"],
    },
)
