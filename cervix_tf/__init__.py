"""Transformation-zone type of the cervix from photographs, in Keras 3 and TensorFlow.

The rooms, in the order data flows through them: `data`, `segmentation`, `models`, `recipes`, `runs`,
`inference`, `evaluation`, `training`. Each is imported when it is first used, so that importing this
package costs nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "data",
        "segmentation",
        "models",
        "recipes",
        "runs",
        "inference",
        "evaluation",
        "training",
    ],
    submod_attrs={"runs": ["load"], "errors": ["UserError"]},
)

__version__ = "0.1.0"
