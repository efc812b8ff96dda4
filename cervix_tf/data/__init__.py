"""Photographs on disk become a manifest, one row a photograph, and then batches.

In: folders, CSVs, JPEG files. Out: pandas manifests, squares of uint8, `tf.data` batches and the
layer that draws a random view of each. Knows nothing of models.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "crops": ["centre_crop"],
        "manifests": ["class_names", "write_manifest"],
        "class_counts": ["summary"],
        "readers": ["read_manifest"],
        "flags": ["FLAGS", "flag_counts"],
        "kaggle": ["fetch", "read_kaggle"],
        "splits": ["folds", "split"],
        "phantoms": ["phantom"],
        "photographs": ["read_square", "unreadable"],
        "squares": ["Squares", "prepare", "square_size"],
        "square_rows": ["SquareRows"],
        "views": ["STILL", "RandomView"],
        "mixing": ["cutmix", "mixup"],
        "streams": ["batches", "training_stream"],
    },
)
