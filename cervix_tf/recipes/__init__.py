"""A recipe says everything that determines a training run, apart from the photographs.

In: YAML files, names of the recipes that come with the package, `key=value` overrides. Out: one frozen,
validated `Recipe`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "schema": ["Augment", "ModelChoice", "Optimizer", "Recipe", "Stage"],
        "recipe_files": ["for_model", "load_recipe", "recipe_names", "summary_line"],
        "search_spaces": ["Range", "Space", "load_space", "space_names"],
    },
)
