"""The networks of `keras.applications`, without their heads."""

import re
from typing import Any

import keras

from cervix_tf import errors
from cervix_tf.caches import keras_cache


def features(
    x: keras.KerasTensor, application: str, weights: str | None = None, **options: Any
) -> keras.KerasTensor:
    """Add one of Keras' networks to an input; `weights` are "imagenet" or, for random ones, None."""
    build = getattr(keras.applications, application)
    try:
        network = build(
            include_top=False, weights=weights, input_tensor=x, input_shape=x.shape[1:], **options
        )
    except Exception as error:  # keras.utils.get_file raises no narrower class
        reason = str(error).splitlines()[0]
        address = re.search(r"https?://\S+?(?=:? |$)", reason)
        if weights and address:
            raise errors.UserError(_not_downloaded(address[0])) from None
        if isinstance(error, ValueError) and options:
            raise  # such as of filters, which follow from the options: who knows those as given words it
        if isinstance(error, (ValueError, OSError)):
            raise errors.UserError(f"keras:{application}: {reason}") from None
        raise
    return network.output


def _not_downloaded(address: str) -> str:
    cached = keras_cache() / "models" / address.rsplit("/", 1)[-1]
    return (
        f"{address} could not be downloaded. It was looked for in {cached} (KERAS_HOME moves that "
        "cache); put the file there, or give its path: --weights PATH."
    )
