"""What every HTML page shares.

In: photographs. Out: what stands inside a page.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "figures": ["class_colour", "save"],
        "pictures": ["data_address", "thumbnails"],
        "templates": ["render"],
    },
)
