"""A run is a folder: opened, read, and written file by file, each whole or not at all.

In: a folder that `fit` wrote. Out: its recipe, manifest, model, history, predictions and figures.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "folders": ["Run", "load"],
        "provenance": ["environment", "fingerprint"],
    },
)
