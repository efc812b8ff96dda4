"""A Keras file that also holds a JSON card: what is to be known besides the weights, in one file."""

import contextlib
import json
import math
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cervix_tf.archives import check_archive
from cervix_tf.errors import UserError
from cervix_tf.files import replacing

if TYPE_CHECKING:
    import keras

_FEW = 1_000_000  # weights that every file may declare
_WEIGHTS = ("model.weights.h5", "model.weights.npz")  # the member that holds them
_building = threading.Lock()


def save_model(
    model: "keras.Model", path: Path | str, card: dict[str, Any], card_name: str
) -> None:
    """Write a model and its card to one Keras file, whole or not at all.

    Args:
        model: The model.
        path: The file, ending in `.keras`.
        card: What JSON can hold.
        card_name: The card's name inside the file, beside Keras' own entries, which Keras passes over.
    """
    with replacing(path) as part:
        model.save(part)
        with zipfile.ZipFile(part, "a") as archive:
            archive.writestr(card_name, json.dumps(card, indent=2))


def load_card(path: Path | str, card_name: str) -> dict[str, Any]:
    """Read the card of a Keras file; the model is not loaded.

    Args:
        path: A file that `save_model` wrote.
        card_name: The card's name inside the file.

    Returns:
        The card.

    Raises:
        UserError: The file holds no card of that name.
    """
    try:
        check_archive(path)
        with zipfile.ZipFile(path) as archive:
            card = json.loads(archive.read(card_name))
            if not isinstance(card, dict):
                raise ValueError(f"{card_name} is no object")
            return card
    except Exception as error:  # a damaged archive fails in many ways
        raise UserError(
            f"{path} holds no {card_name}: it was not written by cervix-tf, or is damaged; train again."
        ) from error


def load_network(path: Path | str) -> "keras.Model":
    """Read the model of a Keras file, which runs no code and takes no more memory than the file holds.

    Args:
        path: A `.keras` file.

    Returns:
        The model, not compiled.

    Raises:
        ValueError: It declares more weights than it has bytes of them, or members far larger than itself.
        Exception: It is damaged; Keras, zipfile and h5py have no class of that in common.

    Example:
        >>> load_network("runs/first/model.keras").output_shape
        (None, 3)
    """
    import keras

    sizes = check_archive(path)
    with _no_more_weights_than(max(_FEW, *(sizes.get(name, 0) for name in _WEIGHTS))):
        return keras.saving.load_model(path, compile=False, safe_mode=True)


@contextlib.contextmanager
def _no_more_weights_than(most: int) -> Iterator[None]:
    """Stop Keras before it makes room for more weights in this thread's block."""
    import keras

    add_weight, thread = keras.layers.Layer.add_weight, threading.get_ident()
    declared = 0

    def counted(layer, shape=None, *words, **options):
        nonlocal declared
        if threading.get_ident() == thread:
            declared += math.prod(map(int, shape or ()))
            if declared > most:
                raise ValueError("too many weights")  # which Keras words anew
        return add_weight(layer, shape, *words, **options)

    with _building:
        keras.layers.Layer.add_weight = counted
        try:
            yield
        except Exception as error:
            if declared > most:
                raise ValueError("it declares more weights than it holds") from error
            raise
        finally:
            keras.layers.Layer.add_weight = add_weight
