"""How the network of a training step computes, other than it is validated, saved and exported."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def computing(model: keras.Model, precision: str, synchronised: bool = False) -> Iterator[None]:
    """Let a model compute in Keras' dtype policy of that name while a step is traced.

    Variables, the layers before the first kernel (normalisation of the photographs), the logits and
    the probabilities stay in float32. After the block the model is one of float32 again: it is
    validated, saved and exported as such.

    Args:
        model: A built model with the layers `logits` and `probabilities`.
        precision: `float32`, `mixed_bfloat16` or `mixed_float16`.
        synchronised: Whether BatchNorm takes the statistics of all devices' photographs.
    """
    norms = [n for n in model.layers if isinstance(n, keras.layers.BatchNormalization)]
    layers = [] if precision == "float32" else list(_halved(model))
    before = [layer.dtype_policy for layer in layers]
    for layer in layers:
        layer.dtype_policy = precision
    for norm in norms:
        norm.synchronized = synchronised
    try:
        yield
    finally:
        for layer, policy in zip(layers, before, strict=True):
            layer.dtype_policy = policy
        for norm in norms:
            norm.synchronized = False


def _halved(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers from the first with a kernel to the one before the logits, and those inside them."""
    begun = False
    for layer in model.layers:
        begun = begun or any(len(v.shape) > 1 for v in layer.variables)
        if begun and not layer.name.startswith(("logits", "probabilities")):
            yield layer
            if isinstance(layer, keras.Model):
                yield from layer.layers
