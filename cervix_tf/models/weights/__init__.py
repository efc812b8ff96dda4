"""Where a network's weights come from: nowhere, a download, or a file of one of five kinds.

In: a network's description and what was asked for. Out: the source that loads these weights into a model.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"slim_checkpoints": ["save_slim_checkpoint"], "sources": ["Source", "find"]},
)
