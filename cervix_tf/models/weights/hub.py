"""TensorFlow Hub, used only to fetch: a handle becomes the folder of a SavedModel."""

import hashlib
import os
import socket
import tempfile
from pathlib import Path

from cervix_tf import errors

_PATIENCE = 30.0  # seconds without a byte before a download is given up


def resolve(handle: str) -> Path:
    """Find a module in TensorFlow Hub's cache, or download it into it.

    Args:
        handle: Its address, such as
            "https://tfhub.dev/google/imagenet/inception_v2/feature_vector/5".

    Returns:
        The folder of its SavedModel.
    """
    import tensorflow_hub

    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        folder = Path(tensorflow_hub.resolve(handle))
    except (OSError, RuntimeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise errors.UserError(
            f"{handle} could not be downloaded ({reason}). It was looked for in "
            f"{cached_at(handle)} (TFHUB_CACHE_DIR moves that cache); unpack the module there, or "
            "give its folder or a TF-Slim checkpoint: --weights PATH."
        ) from None
    finally:
        socket.setdefaulttimeout(patience)
    if not (folder / "saved_model.pb").exists():
        raise errors.UserError(
            f"{folder} has no saved_model.pb: remove the folder to download {handle} again."
        )
    return folder


def cached_at(handle: str) -> Path:
    """Give the folder TensorFlow Hub keeps a module in, whether it is there or not."""
    cache = os.environ.get("TFHUB_CACHE_DIR") or Path(tempfile.gettempdir()) / "tfhub_modules"
    return Path(cache) / hashlib.sha1(handle.encode()).hexdigest()
