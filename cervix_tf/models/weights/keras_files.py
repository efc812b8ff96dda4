"""Weights in Keras' own files: `.keras`, `.weights.h5` and the older `.h5`."""

import collections
import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from cervix_tf import errors
from cervix_tf.given import check_ordinary
from cervix_tf.models import fine_tuning

Arrays = list[np.ndarray] | list[h5py.Dataset]  # the weights of one layer

# Standard deviations of ImageNet by which Keras' published EfficientNet divides once more.
_EFFICIENTNET_STD = (0.229, 0.224, 0.225)


def copy_weights(source: keras.Model, model: keras.Model, path: Path) -> None:
    """Copy the network's variables from one model to another, and the head's where they fit.

    Layers are paired in their order, because Keras numbers the names of some as it goes along. `path`
    is what the source was read from, for the error.
    """
    (stored, stored_head), (wanted, head) = _layers(source), _layers(model)
    _check_layers(path, [(layer.name, layer.get_weights()) for layer in stored], wanted)
    pairs = list(zip(stored, wanted, strict=True))
    if [_shapes(x.weights) for x in stored_head] == [_shapes(x.weights) for x in head]:
        pairs += zip(stored_head, head, strict=True)
    for there, here in pairs:
        _set(here, there.get_weights())


def load_weights_file(path: Path, model: keras.Model) -> None:
    """Set a model's variables from a file of weights.

    A file of the whole classifier sets the head too, if its classes are as many; a file without a
    head, as Keras publishes them ("no_top"), sets the network alone.
    """
    with _file_layers(path, model) as layers:
        _load_layers(path, model, layers)


def _load_layers(path: Path, model: keras.Model, layers: list[tuple[str, Arrays]]) -> None:
    wanted, head = _layers(model)
    if [_shapes(arrays) for _, arrays in layers] == [_shapes(x.weights) for x in [*wanted, *head]]:
        wanted += head
    elif head and len(layers) == len(wanted) + len(head):
        layers = layers[: len(wanted)]  # the head is for other classes
    _check_layers(path, layers, wanted)
    for (_, arrays), layer in zip(layers, wanted, strict=True):
        _set(layer, [array[()] for array in arrays])  # read now that their shapes are known to fit
    if re.fullmatch(r"efficientnetb\d(_notop)?\.h5", path.name):
        _divide_stem(model)


def _divide_stem(model: keras.Model) -> None:
    """Do in the first kernel what Keras does in a layer it adds for `weights="imagenet"` alone."""
    kernel = model.get_layer("stem_conv").kernel
    scale = [std**-0.5 for std in _EFFICIENTNET_STD]
    kernel.assign(kernel * keras.ops.reshape(keras.ops.array(scale), (1, 1, 3, 1)))


def _layers(model: keras.Model) -> tuple[list[keras.layers.Layer], list[keras.layers.Layer]]:
    """The layers that have weights: the network's, and the head's."""
    head = [layer for layer in fine_tuning.head_layers(model) if layer.weights]
    return [layer for layer in model.layers if layer.weights and layer not in head], head


def _set(layer: keras.layers.Layer, arrays: Arrays) -> None:
    layer.set_weights(arrays)
    if hasattr(layer, "finalize_state"):  # a Normalization computes with what it derives from them
        layer.finalize_state()


def _shapes(arrays: Iterable[Any]) -> list[tuple[int, ...]]:
    return [tuple(array.shape) for array in arrays]


def _check_layers(
    path: Path, stored: list[tuple[str, Arrays]], wanted: list[keras.layers.Layer]
) -> None:
    for number, ((name, arrays), layer) in enumerate(zip(stored, wanted, strict=False), start=1):
        if _shapes(arrays) != _shapes(layer.weights):
            raise errors.UserError(
                f"{path} does not fit: its layer {number} with weights, {name}, has shapes "
                f"{_listed(arrays)} where the network's {layer.name} has {_listed(layer.weights)}; "
                "check the network and its options."
            )
    if len(stored) != len(wanted):
        more = len(stored) > len(wanted)
        longer = [name for name, _ in stored] if more else [layer.name for layer in wanted]
        extra = ", ".join(longer[min(len(stored), len(wanted)) :][:5])
        raise errors.UserError(
            f"{path} does not fit: it has {len(stored)} layers with weights, the network "
            f"{len(wanted)}; only {'the file' if more else 'the network'} has {extra}."
        )


def _listed(arrays: Iterable[Any]) -> str:
    return " ".join(str(list(shape)) for shape in _shapes(arrays))


@contextlib.contextmanager
def _file_layers(path: Path, model: keras.Model) -> Iterator[list[tuple[str, Arrays]]]:
    """Open the layers that have weights, in the network's order; an array is read when it is indexed."""
    try:
        check_ordinary(path)
        with h5py.File(path) as file:
            root = _own(file, "model_weights") if "model_weights" in file else file
            if "layer_names" in root.attrs:
                yield _older_layers(root)
            elif "layers" in root:
                yield _newer_layers(_own(root, "layers"), _keys(model))
            else:
                raise errors.UserError(f"{path} is HDF5, but not a file of Keras weights.")
    except errors.UserError:
        raise
    except Exception as error:  # a damaged file fails in many ways
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise errors.UserError(f"{path} cannot be read as Keras weights: {reason}") from None


def _older_layers(root: h5py.Group) -> list[tuple[str, Arrays]]:
    layers = []
    for name in root.attrs["layer_names"]:
        name = name.decode() if isinstance(name, bytes) else name
        group = _own(root, name)
        weights = group.attrs["weight_names"]
        if len(weights):
            layers.append((name, [_own(group, weight) for weight in weights]))
    return layers


def _newer_layers(root: h5py.Group, keys: list[str]) -> list[tuple[str, Arrays]]:
    layers = []
    for key in [*(key for key in keys if key in root), *sorted(set(root) - set(keys))]:
        group = _own(root, key)
        arrays = _own(group, "vars") if "vars" in group else {}
        if len(arrays):
            layers.append((key, [_own(arrays, number) for number in sorted(arrays, key=int)]))
    return layers


def _own(group: h5py.Group, name: str | bytes) -> Any:
    """What lies at a path of the file: links, and data sets of parts, may lead out of it."""
    found: Any = group
    for part in (name.decode() if isinstance(name, bytes) else name).split("/"):
        if isinstance(found.get(part, getlink=True), h5py.ExternalLink | h5py.SoftLink):
            raise ValueError(f"its {part} is a link")
        found = found[part]
    if isinstance(found, h5py.Dataset) and (found.external or found.is_virtual):
        raise ValueError(f"its {found.name} lies in another file")
    return found


def _keys(model: keras.Model) -> list[str]:
    """Give the groups Keras 3 stores the layers in: their class, numbered as they come."""
    counts: collections.Counter[str] = collections.Counter()
    keys = []
    for layer in model.layers:
        words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
        name = re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
        keys.append(f"{name}_{counts[name]}" if counts[name] else name)
        counts[name] += 1
    return keys
