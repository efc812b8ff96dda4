"""A first look at a set of photographs: classes, sizes, samples, means, PCA and t-SNE.

In: a manifest. Out: one HTML page, its pictures and tables.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "overview": ["explore"],
        "sample_sheets": ["plot_views"],
    },
)
