"""The competition's files: its folders, its label files and its download.

In: the folder that Kaggle's archives were unpacked into, or nothing. Out: a manifest.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "folders": ["read_kaggle"],
        "download": ["fetch"],
    },
)
