"""Runs become one HTML page, of one run or a comparison.

In: run folders. Out: a self-contained page, and the words for figures that the command line prints too.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "run_page": ["report"],
    },
)
