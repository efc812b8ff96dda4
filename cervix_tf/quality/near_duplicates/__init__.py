"""Photographs that show the same, however they were re-encoded, cropped, turned or relit.

In: small grey pictures of photographs. Out: the number of the cluster of each.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "signatures": ["Signatures", "compute_signatures"],
        "clusters": ["near_duplicates"],
    },
)
