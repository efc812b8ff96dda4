"""Transformation-zone type of the cervix from photographs, in Keras 3 and TensorFlow.

The rooms, in the order data flows through them: `data`, `pages`, `segmentation`, `machine`, `models`,
`recipes`, `runs`, `quality`, `inference`, `exploration`, `evaluation`, `explanation`, `training`,
`reproduction`. Every verb of the command line is a function of the same name here. Messages go to
Python's `logging`, logger `cervix_tf`. All is imported when it is first used, so that importing this
package costs nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "data",
        "pages",
        "segmentation",
        "machine",
        "models",
        "recipes",
        "runs",
        "quality",
        "inference",
        "exploration",
        "evaluation",
        "explanation",
        "tracking",
        "training",
        "reproduction",
    ],
    submod_attrs={
        "errors": ["UserError"],
        "data": ["fetch", "phantom", "prepare", "read_manifest"],
        "segmentation": ["segment"],
        "machine": ["cache", "doctor"],
        "runs": ["load"],
        "quality": ["audit"],
        "inference": ["export", "predict", "submit"],
        "exploration": ["explore"],
        "evaluation": ["evaluate"],
        "evaluation.report": ["card", "report"],
        "explanation": ["explain"],
        "training": ["bench", "crossfit", "fit", "probe", "resume", "search"],
        "reproduction": ["reproduce"],
        "demo_page": ["demo"],
    },
)

__version__ = "0.1.0"
