"""Runs in the tools that a laboratory follows its experiments with: TensorBoard, MLflow.

In: a run folder, in training or finished. Out: its parameters, curves, figures with intervals, plots
and report in the tracker.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "sending": ["track"],
    },
)
