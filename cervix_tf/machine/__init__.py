"""What this machine has for the package, and what the package keeps on it.

In: nothing, or a cache's folder. Out: findings, each a line; the sets of squares in a cache.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "checkup": ["doctor"],
        "findings": ["Finding"],
        "square_sets": ["cache"],
    },
)
