"""Outlines and boxes that people drew in other tools become what was drawn in each picture.

In: COCO, LabelMe and Label Studio JSON, CVAT XML, YOLO text, the competition's box files. Out: pictures
with their shapes, matched to photographs, and the masks that they make; and masks as COCO.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "reading": ["Annotations", "read_annotations"],
        "shapes": ["Picture"],
    },
)
