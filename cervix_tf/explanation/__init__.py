"""What in a photograph a network's answer depends on.

In: a model and squares, a run and photographs, or predictions. Out: saliency maps, overlays and sheets.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "attribution": ["integrated_gradients", "mass_inside", "saliency"],
        "gradients": ["gradcam_layer"],
        "explainer": ["explain"],
        "overlays": ["Explanation", "overlay", "plot_explanation"],
        "examination": ["Examined", "examine"],
    },
)
