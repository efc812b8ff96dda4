"""The report's tables and figures, with ours beside them.

In: a manifest. Out: the runs of every experiment of the report, and one page.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "experiments": ["reproduce"],
    },
)
