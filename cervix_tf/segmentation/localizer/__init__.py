"""A small network that finds the cervix, and its training.

In: photographs, with masks or boxes for training. Out: a `Localizer`, and masks and boxes from it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "network": ["localizer_network"],
        "model": ["Localizer", "load_localizer", "squeezed"],
        "training": ["fit_localizer", "overlap"],
    },
)
