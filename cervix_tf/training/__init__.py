"""A manifest and a recipe become a run.

In: a manifest, a recipe, a folder. Out: a run folder with the trained model, its history and its
figures; a table of trials; the speed of training.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "trainer": ["fit", "resume"],
        "cross_validation": ["crossfit"],
        "probes": ["probe"],
        "throughput": ["bench"],
        "job_estimates": ["estimate"],
        "estimates": ["Estimate"],
        "hyperparameter_search": ["search"],
    },
)
