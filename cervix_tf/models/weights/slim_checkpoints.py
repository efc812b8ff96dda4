"""TF-Slim checkpoints: read in every format they come in, matched by name, and written."""

import glob
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

from cervix_tf import errors
from cervix_tf.given import check_ordinary

if TYPE_CHECKING:
    import keras

_SLOTS = re.compile(
    r"(^|/)(Momentum|RMSProp(_\d+)?|Adam(_\d+)?|Adagrad|Adadelta(_\d+)?|Ftrl(_\d+)?"
    r"|ExponentialMovingAverage|(beta\d_power|global_step|save_counter)(_\d+)?|mean_rgb)$"
)
_LOGITS = re.compile(r"^(Logits/Conv2d_1c_1x1|logits)/(weights|biases)$")
_SCOPES = re.compile(r"(?:^|.*/)(InceptionV2|resnet_v1_\d+)/(.+)$")
_RESNET_UNITS = {6: 50, 23: 101, 36: 152}  # in block 3, to depth
_LEAVES = {
    "kernel": "weights",
    "bias": "biases",
    "depthwise_kernel": "depthwise_weights",
    "pointwise_kernel": "pointwise_weights",
}
_MOST = 20  # names an error lists of one kind
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


class Checkpoint:
    """The variables of a TF-Slim checkpoint or a TensorFlow Hub SavedModel, by their graph's names.

    Args:
        path: A V1 file; the prefix of a V2 checkpoint, or one of its files; a folder that training
            left; or the folder of a SavedModel, in TF2 or TF1 Hub format.

    Attributes:
        is_saved_model: Whether the path is a SavedModel's folder.
        shapes: Name to shape of every variable.

    Raises:
        UserError: Nothing can be read there.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.is_saved_model = (self.path / "saved_model.pb").exists()
        try:
            prefix = self._prefix()
            for file in glob.glob(glob.escape(prefix) + "*"):
                check_ordinary(file)
            self._reader = tf.train.load_checkpoint(prefix)
            shapes = self._reader.get_variable_to_shape_map()
        except errors.UserError:
            raise
        except (ValueError, tf.errors.OpError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise errors.UserError(
                f"{path} cannot be read as a TensorFlow checkpoint: {reason}"
            ) from None
        # A TF2 SavedModel keys its variables by their place in the object; the names are beside them.
        if _OBJECT_GRAPH in shapes:
            self._keys = self._graph_names()
        else:
            self._keys = {name: name for name in shapes}
        self.shapes = {name: tuple(shapes[key]) for name, key in self._keys.items()}

    def _prefix(self) -> str:
        if self.is_saved_model:
            return str(self.path / "variables" / "variables")
        if self.path.is_dir():
            check_ordinary(self.path / "checkpoint")
            latest = tf.train.latest_checkpoint(str(self.path))
            if latest is None:
                raise ValueError("the folder has neither saved_model.pb nor a file `checkpoint`")
            return str(latest)
        return re.sub(r"\.(index|data-\d+-of-\d+|meta)$", "", str(self.path))

    def _graph_names(self) -> dict[str, str]:
        graph = trackable_object_graph_pb2.TrackableObjectGraph()
        graph.ParseFromString(self._reader.get_tensor(_OBJECT_GRAPH))
        return {
            attribute.full_name or attribute.checkpoint_key: attribute.checkpoint_key
            for node in graph.nodes
            for attribute in node.attributes
            if attribute.name == "VARIABLE_VALUE"
        }

    def value(self, name: str) -> np.ndarray:
        """Read one variable."""
        return self._reader.get_tensor(self._keys[name])

    def scopes(self) -> list[str]:
        """Name the networks found in it, such as `InceptionV2`."""
        matches = (_SCOPES.match(name) for name in self.shapes)
        return sorted({match[1] for match in matches if match})

    def within(self, scope: str) -> dict[str, list[str]]:
        """Map what follows the network's scope, whatever precedes it, to the full names."""
        names: dict[str, list[str]] = {}
        for name in self.shapes:
            match = _SCOPES.match(name)
            if match and match[1] == scope and not _SLOTS.search(name):
                names.setdefault(match[2], []).append(name)
        return names

    def outside(self, scope: str) -> list[str]:
        """Name the variables that are neither the network's nor bookkeeping of its training."""
        matches = {name: _SCOPES.match(name) for name in self.shapes if not _SLOTS.search(name)}
        return [name for name, match in matches.items() if not (match and match[1] == scope)]


class Match(NamedTuple):
    """How a checkpoint's variables and a model's fit.

    Attributes:
        pairs: Model variable and checkpoint name, each exactly once.
        missing: TF-Slim names the checkpoint lacks.
        misshapen: Names of another shape than the model's, with both shapes.
        left_over: Names that belong to nothing in the model, or come twice.
        ignored: Logits of other classes.
    """

    pairs: "list[tuple[keras.Variable, str]]"
    missing: list[str]
    misshapen: list[str]
    left_over: list[str]
    ignored: list[str]


def scope_of(model: "keras.Model") -> str:
    """Give the scope TF-Slim names a network's variables under, such as `resnet_v1_50`."""
    names = {layer.name for layer in model.layers}
    if "Mixed_5c" in names:
        return "InceptionV2"
    units = sum(bool(re.fullmatch(r"block3_unit_\d+_bottleneck_v1", name)) for name in names)
    if units not in _RESNET_UNITS:
        raise errors.UserError(
            f"model {model.name} has no names in TF-Slim: only inception and resnet have."
        )
    return f"resnet_v1_{_RESNET_UNITS[units]}"


def slim_variables(model: "keras.Model", scope: str) -> "dict[str, keras.Variable]":
    """Map what follows the scope in TF-Slim's names to the model's variables."""
    named = {}
    for layer in model.layers:
        if layer.name == "logits":
            base = "Logits/Conv2d_1c_1x1" if scope == "InceptionV2" else "logits"
        else:
            base = re.sub(
                r"_(?=Branch_|Conv2d_|unit_|bottleneck_|conv\d|shortcut|BatchNorm)",
                "/",
                layer.name.removesuffix("_convolution"),
            )
        for variable in layer.weights:
            named[f"{base}/{_LEAVES.get(variable.name, variable.name)}"] = variable
    return named


def slim_shape(tail: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Give the shape TF-Slim has: its logits are a 1x1 convolution, ours a dense layer."""
    return (1, 1, *shape) if _LOGITS.match(tail) and len(shape) == 2 else tuple(shape)


def match(checkpoint: Checkpoint, model: "keras.Model") -> Match:
    """Match a checkpoint's variables with a model's.

    Logits that the checkpoint has for other classes than the model's are left alone where the model
    is a classifier of photographs, and are misshapen where it is a backbone with its ImageNet logits.
    """
    scope = scope_of(model)
    wanted, stored = slim_variables(model, scope), checkpoint.within(scope)
    if not stored:
        networks = ", ".join(checkpoint.scopes()) or "no network of TF-Slim's that is known here"
        raise errors.UserError(
            f"{checkpoint.path} does not fit {scope}: it holds {networks}"
            + ("; set the option depth." if "resnet" in scope and "resnet" in networks else ".")
        )
    result = Match([], [], [], checkpoint.outside(scope), [])
    classifier = any(layer.name == "probabilities" for layer in model.layers)
    for tail, variable in wanted.items():
        names = stored.pop(tail, [])
        shape = slim_shape(tail, tuple(variable.shape))
        optional = classifier and _LOGITS.match(tail)
        if not names:
            if not optional:
                result.missing.append(f"{scope}/{tail}")
        elif checkpoint.shapes[names[0]] == shape:
            result.pairs.append((variable, names[0]))
        elif optional:
            result.ignored.append(names[0])
        else:
            theirs = checkpoint.shapes[names[0]]
            result.misshapen.append(f"{names[0]} {list(theirs)} for {list(shape)}")
        result.left_over.extend(names[1:])
    for tail, names in stored.items():
        (result.ignored if _LOGITS.match(tail) else result.left_over).extend(names)
    return result


def load(checkpoint: Checkpoint, model: "keras.Model") -> None:
    """Set a model's variables from a checkpoint, each exactly once, or none and name what differs."""
    result = match(checkpoint, model)
    kinds = {
        "missing": result.missing,
        "of another shape": result.misshapen,
        "left over": result.left_over,
    }
    if problems := [f"{kind}: {_listed(names)}" for kind, names in kinds.items() if names]:
        raise errors.UserError(
            f"{checkpoint.path} does not fit {scope_of(model)}; {'; '.join(problems)}."
        )
    for variable, name in result.pairs:
        variable.assign(checkpoint.value(name).reshape(variable.shape))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more


def save_slim_checkpoint(model: "keras.Model", prefix: str | Path) -> Path:
    """Write a model's variables as a TensorFlow checkpoint under TF-Slim's names.

    What `cx.models.build` and `backbone` read back bit for bit, and TF-Slim's own code can load. The
    logits are written too, as TF-Slim's 1x1 convolution.

    Args:
        model: An `inception` or `resnet`, with or without a head.
        prefix: Path of the V2 checkpoint, such as `inception_v2.ckpt`; its folder is made.

    Returns:
        The prefix, whose two files `.index` and `.data-00000-of-00001` now exist.

    Raises:
        UserError: It is another network.

    Example:
        >>> from cervix_tf import models
        >>> model = models.backbone("inception", image_size=96)
        >>> save_slim_checkpoint(model, "inception_v2.ckpt")
        PosixPath('inception_v2.ckpt')
    """
    prefix, scope = Path(prefix), scope_of(model)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {
        f"{scope}/{tail}": np.reshape(variable.numpy(), slim_shape(tail, tuple(variable.shape)))
        for tail, variable in slim_variables(model, scope).items()
    }
    # Whoever reads a ResNet learns from the mean how photographs were normalised for it.
    layers = {layer.name: layer for layer in model.layers}
    if scope != "InceptionV2" and "preprocessing" in layers:
        layer = layers["preprocessing"]
        mean = np.asarray(layer.offset) / -np.asarray(layer.scale)
        values[f"{scope}/mean_rgb"] = np.broadcast_to(mean, 3).astype("float32")
    names = sorted(values)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[values[name] for name in names],
    )
    return prefix
