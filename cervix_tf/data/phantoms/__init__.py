"""Drawn photographs of a cervix, for demonstrations and tests.

In: a folder, how many of each type, a seed. Out: JPEG files in folders by class, and their manifest.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "drawing": ["phantom"],
    },
)
