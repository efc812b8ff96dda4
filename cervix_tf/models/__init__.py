"""A name becomes a Keras model, with the weights asked for.

In: a model's name and options, a weights file or handle. Out: a Keras model that takes RGB in
[0, 255] and returns class probabilities, or a backbone without a head.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "registry": ["backbone", "build", "names", "spec", "table"],
        "fine_tuning": ["head_layers", "regularise", "set_trainable"],
        "classifier_file": ["load_model"],
        "weights": ["save_slim_checkpoint"],
        "checkpoint_report": ["likeliest_classes", "match_names"],
    },
)
