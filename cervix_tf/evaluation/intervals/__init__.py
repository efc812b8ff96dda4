"""The 95 % interval of every figure, over groups (patients).

In: class indices, probabilities and groups. Out: two ends of each figure.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "grouped": ["gain_intervals", "intervals"],
    },
)
