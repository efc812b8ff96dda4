"""The networks by name: the facts about each, and one way to build them all."""

import contextlib
import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cervix_tf import errors
from cervix_tf.models.catalogue import SPECS
from cervix_tf.models.specs import Spec

if TYPE_CHECKING:
    import keras


def names() -> list[str]:
    """Name every network that `build` knows, TensorFlow not being imported for it.

    Returns:
        The names: the four networks of the report, then `keras:NAME` for every classifier of
        `keras.applications`.

    Example:
        >>> names()[:4]
        ['cervixnet1', 'cervixnet2', 'inception', 'resnet']
    """
    return list(SPECS)


def spec(name: str) -> Spec:
    """Look up the facts about one network.

    Args:
        name: One of `names()`.

    Returns:
        Its frozen `Spec`.

    Raises:
        UserError: The name is unknown; the message gives the nearest known one.

    Example:
        >>> spec("inception").image_size
        224
    """
    try:
        return SPECS[name]
    except KeyError:
        raise errors.unknown("model", name, SPECS) from None


def table() -> list[dict[str, Any]]:
    """Tabulate the networks for reading.

    Returns:
        One dict a network: name, parameters (of three classes at the default size), image_size,
        smallest, value_range, weights, options (its own), summary.

    Example:
        >>> table()[2]["name"]
        'inception'
    """
    columns = (
        "name", "parameters", "image_size", "smallest", "value_range", "weights", "options", "summary"
    )  # fmt: skip
    return [{column: getattr(network, column) for column in columns} for network in SPECS.values()]


def build(
    name: str,
    classes: int = 3,
    image_size: int | None = None,
    weights: str | None = None,
    **options: Any,
) -> "keras.Model":
    """Build a classifier of photographs.

    The model is flat: the network's layers are its own, so that any of them can be asked for by name.
    Its first layer after the input, `preprocessing`, brings RGB in [0, 255] to the network's
    convention; its last two are `logits` and `probabilities`.

    Args:
        name: One of `names()`.
        classes: How many classes, at least 2.
        image_size: Side S of the square input in pixels; None takes the network's own.
        weights: None or "none" for random weights, "imagenet" for the published ones, or the path of
            a TF-Slim checkpoint, a TensorFlow Hub SavedModel, a `.keras`, `.h5` or `.weights.h5` file.
        **options: The network's own (`cx.models.spec(name).options`), and for all of them `dropout`
            (rate before the logits), `l2` (strength on every convolution and dense kernel) and
            `head_l2` (on the dense kernels of the head). A strength s adds s * sum(w^2) / 2 to the
            loss, TF-Slim's convention.

    Returns:
        A `keras.Model` from uint8 or float32 RGB of shape (N, S, S, 3) in [0, 255] to probabilities
        of shape (N, classes).

    Raises:
        UserError: An unknown name or option, a size the network cannot take, or weights that cannot
            be had or do not fit.

    Example:
        >>> model = build("cervixnet2", image_size=96)
        >>> model.output_shape
        (None, 3)
    """
    if classes < 2:
        raise errors.UserError(f"classes is {classes}: a classifier needs at least 2.")
    with _words(name, options):
        return Construction(name, image_size, weights, options).classifier(classes)


def backbone(
    name: str,
    image_size: int | None = None,
    weights: str | None = None,
    top: bool = False,
    **options: Any,
) -> "keras.Model":
    """Build a network without a head, its input in the network's own convention.

    Args:
        name: One of `names()`.
        image_size: Side S of the square input in pixels; None takes the network's own.
        weights: As for `build`.
        top: Add the ImageNet logits (of the weights' 1000 or 1001 classes), so that weights can be
            checked on photographs whose class is known. Only for networks that have them.
        **options: The network's own.

    Returns:
        A `keras.Model` from float32 (N, S, S, 3) in `spec(name).value_range` to feature maps of shape
        (N, s, s, C), or with `top` to logits of shape (N, 1000 or 1001).

    Raises:
        UserError: As for `build`, and `top` for a network without ImageNet logits.

    Example:
        >>> backbone("inception", image_size=96).get_layer("Mixed_5c").output.shape
        (None, 3, 3, 1024)
    """
    with _words(name, options):
        return Construction(name, image_size, weights, options).backbone(top)


class Construction:
    """One call of `build` or `backbone`: arguments checked, weights found, then the network.

    Attributes:
        spec: The network's facts.
        size: Side of its input in pixels.
        source: Where its weights come from.
        options: All of its options: given, implied by the weights, or the defaults.
    """

    def __init__(
        self, name: str, image_size: int | None, weights: str | None, options: Mapping[str, Any]
    ):
        from cervix_tf.models.weights import sources

        self.spec = spec(name)
        self.size = self.spec.image_size if image_size is None else int(image_size)
        if self.size < self.spec.smallest:
            raise errors.UserError(
                f"image_size is {self.size}: {name} needs at least {self.spec.smallest} pixels."
            )
        defaults = self.spec.all_options
        for key in options:
            if key not in defaults:
                raise errors.unknown(f"option of model {name}:", key, defaults)
            _check_kind(name, key, options[key], defaults[key])
            _check_range(key, options[key])
        # Found before anything is built: a file that is not there should not cost a minute.
        self.source = sources.find(self.spec, weights)
        # What the weights imply (the stem of Inception v2) holds unless it was asked for otherwise.
        implied = {k: v for k, v in self.source.implied_options().items() if k in defaults}
        self.options = {**defaults, **implied, **options}

    def _features(self, x: "keras.KerasTensor") -> "keras.KerasTensor":
        options = {key: self.options[key] for key in self.spec.feature_options}
        features = _function(self.spec.features)
        return features(x, **options, **self.spec.fixed, **self.source.feature_arguments())

    def preprocessing(self) -> "keras.layers.Layer":
        """Make the layer from RGB in [0, 255] to the network's convention."""
        from cervix_tf.models import preprocessing

        convention = self.options.get("preprocessing", "auto")
        if convention == "unknown":
            raise errors.UserError(
                "These weights do not say how their photographs were normalised: set the option "
                "preprocessing to inception or vgg."
            )
        return preprocessing.preprocessing(
            self.spec.convention if convention == "auto" else convention
        )

    def classifier(self, classes: int) -> "keras.Model":
        """Build photographs to probabilities, with the weights."""
        import keras

        from cervix_tf.models import fine_tuning

        image = keras.Input((self.size, self.size, 3), name="image")
        x = self._features(self.preprocessing()(image))
        logits = _function(self.spec.head)(x, classes, self.options)
        softmax = keras.layers.Activation("softmax", dtype="float32", name="probabilities")
        model = keras.Model(image, softmax(logits), name=self.spec.name.replace(":", "_"))
        self.source.load(model)
        fine_tuning.regularise(model, l2=self.options["l2"], head_l2=self.options["head_l2"])
        return model

    def backbone(self, top: bool, load: bool = True) -> "keras.Model":
        """Build the network's own input to feature maps or ImageNet logits, with the weights."""
        import keras

        from cervix_tf.models import heads

        image = keras.Input((self.size, self.size, 3), name="image")
        x = self._features(image)
        if top:
            if self.spec.top_classes is None:
                raise errors.UserError(f"{self.spec.name} has no ImageNet logits: leave out top.")
            x = heads.imagenet_logits(x, self.source.top_classes() or self.spec.top_classes)
        model = keras.Model(image, x, name=self.spec.name.replace(":", "_"))
        if load:
            self.source.load(model)
        return model


def _check_kind(name: str, key: str, value: Any, default: Any) -> None:
    """Refuse a value of another kind than the default's, such as a truth in place of a number."""
    kinds: dict[type, tuple[type, ...]] = {
        bool: (bool,), int: (int,), float: (int, float), str: (str,), tuple: (list, tuple),
    }  # fmt: skip
    wanted = kinds.get(type(default), (object,))
    numbers = value if isinstance(default, tuple) and isinstance(value, list | tuple) else [value]
    truth = type(default) is not bool and any(isinstance(number, bool) for number in numbers)
    if truth or not isinstance(value, wanted):
        raise errors.UserError(
            f"{key} is {repr(value)[:200]}: {name} takes such as {key}={default!r}."
        )


def _check_range(key: str, value: Any) -> None:
    """Refuse a number with which no network can be built, or none that learns."""
    if key.endswith("dropout"):
        right, words = 0 <= value < 1, "from 0 to below 1"
    elif key == "batch_norm_decay":
        right, words = 0 < value < 1, "between 0 and 1"
    elif key in ("alpha", "depth_multiplier", "dense"):
        right, words = value > 0, "above 0"
    else:
        return
    if not right:
        raise errors.UserError(f"{key} is {value!r}: give a number {words}.")


@contextlib.contextmanager
def _words(name: str, options: Mapping[str, Any]) -> Iterator[None]:
    """Word what Keras and TensorFlow say of options that no network can be built with."""
    try:
        yield
        return
    except errors.UserError:
        raise
    except (MemoryError, ValueError, TypeError, ArithmeticError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
    except Exception as error:
        if type(error).__name__ != "ResourceExhaustedError":  # TensorFlow's
            raise
        reason = "it does not fit into memory"
    given = (
        ", ".join(f"{key}={value!r}"[:200] for key, value in options.items()) or "its own options"
    )
    raise errors.UserError(f"{name} cannot be built with {given}: {reason}")


def _function(name: str) -> Callable:
    """The function of a `module:function` of this room, imported now."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(f"cervix_tf.models.{module}"), function)
