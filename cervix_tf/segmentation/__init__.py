"""A photograph becomes a mask or a box of the cervix.

In: photographs, manifests, box files. Out: masks, and manifests with boxes, which the recipe's key
`crop` uses. Knows nothing of the networks that tell the types apart.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "boxes": ["add_boxes", "read_boxes"],
        "fitting_localizer": ["fit_localizer", "overlap"],
        "localizer": ["localizer_network"],
        "localizing": ["Localizer", "load_localizer", "locate", "squeezed"],
    },
)
