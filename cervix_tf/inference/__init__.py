"""A run and photographs become probabilities, and a Kaggle CSV.

In: one run or several, a manifest. Out: a table with one column a class, a submission file.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "prediction": ["predict", "probabilities"],
        "submission": ["write_submission"],
    },
)
