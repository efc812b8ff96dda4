"""Runs become one HTML page, of one run or a comparison; a run becomes a model card.

In: run folders. Out: a self-contained page, a folder to give on, and the words for figures that the
command line prints too.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "model_card": ["card"],
        "run_page": ["report"],
    },
)
