"""A photograph becomes a mask and a box of the cervix.

In: RGB pictures, or a manifest. Out: boolean masks, or a manifest with masks as PNG, boxes, centres and
flags. Knows nothing of the networks that classify.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "colours": ["highlight_mask", "reference_colours", "shipped_reference"],
        "superpixels": ["superpixel_mask", "superpixel_patches"],
        "superpixel_figure": ["plot_superpixels"],
        "segmenter": ["segment"],
        "annotations": ["Annotations", "Picture", "read_annotations"],
        "boxes": ["add_boxes", "read_boxes"],
        "localizer": [
            "Localizer",
            "fit_localizer",
            "load_localizer",
            "localizer_network",
            "overlap",
            "squeezed",
        ],
    },
)
