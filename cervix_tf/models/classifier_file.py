"""A trained classifier read back from its file."""

from pathlib import Path
from typing import TYPE_CHECKING

from cervix_tf.errors import UserError
from cervix_tf.keras_card import load_network

if TYPE_CHECKING:
    import keras


def load_model(path: Path | str) -> "keras.Model":
    """Load a model that was saved in Keras' own format.

    Args:
        path: A `.keras` file.

    Returns:
        The model, ready to predict.

    Raises:
        UserError: The file is missing, damaged, no Keras model, or declares more weights than it holds.

    Example:
        >>> load_model("runs/first/model.keras").output_shape
        (None, 3)
    """
    from cervix_tf.models import fine_tuning, normalization, preprocessing  # noqa: F401  (our layers)

    if not Path(path).is_file():
        raise UserError(f"The model {path} does not exist.")
    try:
        return load_network(path)
    except Exception as error:  # a damaged archive fails in many ways
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path} cannot be read as a Keras model: {reason}") from error
