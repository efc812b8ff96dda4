"""The facts about a network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

# Options every network takes beside its own. Strengths of L2 are TF-Slim's, as the report's are: the
# loss gains strength * sum(w^2) / 2 for each kernel.
COMMON_OPTIONS = MappingProxyType({"dropout": 0.0, "l2": 0.0, "head_l2": 0.0})


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What is known of a network before it is built.

    Functions are named `module:function`, of modules in this room, so that Keras is imported only when
    one is called.

    Attributes:
        name: As given on the command line.
        summary: One line on where the network comes from.
        image_size: Side in pixels it was made for, the default.
        smallest: Least side in pixels it can be built for.
        convention: Its preprocessing, see `preprocessing.preprocessing`.
        value_range: What its first layer expects, in words; preprocessing makes it from RGB in [0, 255].
        features: The function that adds the network, up to its last feature maps, to an input.
        feature_options: The options `features` takes, and their defaults.
        fixed: What else `features` takes, which is not for the user to choose.
        head: The function that adds the logits, from feature maps, a number of classes and all options.
        other_options: Options of head and preprocessing and their defaults; `dropout`, `l2` and
            `head_l2` are among them where they differ from those common to all.
        imagenet: What `weights="imagenet"` stands for: a TensorFlow Hub handle, "keras", or None
            where there are no such weights.
        slim: Whether TF-Slim checkpoints and TensorFlow Hub modules hold this network.
        parameters: Parameters of the classifier of three classes at `image_size`.
        top_classes: Classes of the ImageNet logits that `top=True` adds, None where there are none.
    """

    name: str
    summary: str
    image_size: int
    smallest: int = 32
    convention: str = "inception"
    value_range: str = "[-1, 1]"
    features: str = field(repr=False)
    feature_options: Mapping[str, Any]
    fixed: Mapping[str, Any] = field(default_factory=dict, repr=False)
    head: str = field(default="heads:pooled_head", repr=False)
    other_options: Mapping[str, Any] = field(default_factory=dict)
    imagenet: str | None = None
    slim: bool = False
    parameters: int
    top_classes: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The network's own options and their defaults."""
        return {**self.other_options, **self.feature_options}

    @property
    def all_options(self) -> dict[str, Any]:
        """Every option the network takes and its default, those common to all networks first."""
        return {**COMMON_OPTIONS, **self.options}

    @property
    def weights(self) -> tuple[str, ...]:
        """The kinds of weights `build` takes for this network."""
        return ("none", "imagenet", "PATH") if self.imagenet else ("none", "PATH")
