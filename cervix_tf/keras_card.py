"""A Keras file that also holds a JSON card: what is to be known besides the weights, in one file."""

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cervix_tf.errors import UserError
from cervix_tf.files import replacing

if TYPE_CHECKING:
    import keras


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
        with zipfile.ZipFile(path) as archive:
            card = json.loads(archive.read(card_name))
            if not isinstance(card, dict):
                raise ValueError(f"{card_name} is no object")
            return card
    except Exception as error:  # a damaged archive fails in many ways
        raise UserError(
            f"{path} holds no {card_name}: it was not written by cervix-tf, or is damaged; train again."
        ) from error
