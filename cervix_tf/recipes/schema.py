"""The recipe's keys, their allowed values and their defaults."""

import math
from typing import Annotated, Any, Literal, Self, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from cervix_tf.recipes.yaml_text import shown

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


LARGEST = 2**31 - 1  # whole number that TensorFlow's counters hold


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: Any, field: ValidationInfo) -> Any:
        """Refuse `true` where a number is asked for, which would count as 1."""
        if not _takes_truth(cls.model_fields[field.field_name or ""].annotation):
            for one in value if isinstance(value, list | tuple) else [value]:
                if isinstance(one, bool):
                    raise ValueError(f"Input should not be {str(one).lower()}")
        return value

    @field_validator("*")
    @classmethod
    def _trainable(cls, value: Any) -> Any:
        return _in_single_precision(value)


def _takes_truth(kind: Any) -> bool:
    """Whether a type, or a part of it, is that of true and false."""
    return kind is bool or kind is True or any(map(_takes_truth, get_args(kind)))


def _in_single_precision(value: Any) -> Any:
    """Refuse numbers, also in lists and mappings, that training would take for others."""
    if isinstance(value, dict | list | tuple):
        for below in value.values() if isinstance(value, dict) else value:
            _in_single_precision(below)
    elif isinstance(value, int):
        if abs(value) > LARGEST:
            raise ValueError(f"Input should be at most {LARGEST}")
    elif isinstance(value, float):
        with np.errstate(all="ignore"):
            single = float(np.float32(value))
        if not math.isfinite(single):
            raise ValueError("Input should be a finite number in single precision")
        if value and not single:
            raise ValueError("Input is 0 in single precision")
    return value


class ModelChoice(_Frozen):
    """Which network, from which weights; further keys are the network's own options.

    Attributes:
        name: A name of `cervix_tf.models.names()` or `keras:NAME`.
        weights: `none`, `imagenet`, or the path of a checkpoint, SavedModel or Keras file.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str
    weights: str = "none"

    @model_validator(mode="after")
    def _trainable_options(self) -> Self:
        for key, value in self.options.items():
            if key in Recipe.model_fields:
                raise ValueError(
                    f"{key} is a key of the recipe itself: write {key}, not model.{key}"
                )
            if key == "classes":
                raise ValueError("classes is no option of a network: the photographs tell how many")
            try:
                _in_single_precision(value)
            except ValueError as error:
                raise ValueError(f"{key}: {error}, received {shown(value)}") from None
        return self

    @property
    def options(self) -> dict:
        """The network's own options, such as `dropout`, `l2`, `depth` or `alpha`."""
        return dict(self.model_extra or {})


class Augment(_Frozen):
    """The random views of training (section 5.1 of the report), as `data.RandomView` draws them.

    Attributes:
        flip: Mirror horizontally and vertically, each with probability one half.
        quarter_turns: Turn by 0, 90, 180 or 270 degrees.
        rotation: Largest free rotation to either side, in degrees.
        scale: Smallest and largest magnification.
        crop: Largest shift of the crop from the centre, as a share of the side.
        brightness: Largest relative change, 0 to 1.
        contrast: Largest relative change, 0 to 1.
        hue: Largest turn of the hue, as a share of the colour circle, 0 to 0.5.
        saturation: Largest relative change, 0 to 1.
        erase: Probability that a rectangle of the view is covered (random erasing), 0 to 1.
    """

    flip: bool = True
    quarter_turns: bool = True
    rotation: Annotated[float, Field(ge=0, le=180)] = 180.0
    scale: tuple[Positive, Positive] = (0.9, 1.2)
    crop: Annotated[float, Field(ge=0, le=0.5)] = 0.06
    brightness: Share = 0.0
    contrast: Share = 0.0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    saturation: Share = 0.0
    erase: Share = 0.0

    @model_validator(mode="after")
    def _ordered(self) -> "Augment":
        if self.scale[0] > self.scale[1]:
            raise ValueError("scale: the first number must not be above the second")
        return self


class Anneal(_Frozen):
    """Multiply the learning rate by `factor` after every `every` steps of a stage."""

    factor: Annotated[float, Field(gt=0, le=1)]
    every: Count


class Optimizer(_Frozen):
    """The optimiser and its schedule.

    Attributes:
        name: `sgd` (with `momentum`), `rmsprop`, `adam` or `adamw`.
        learning_rate: At the start of a stage that gives none of its own.
        momentum: Of `sgd` and `rmsprop`; the others do not use it.
        weight_decay: Every step multiplies kernels by 1 minus this times the learning rate (decoupled);
            biases and BatchNorm are never decayed. By default 0.004 for `adamw`, else 0.
        clip_norm: Largest global norm of the gradient; none by default.
        anneal: The steps by which the learning rate falls, where `schedule` is `step`.
        schedule: How the learning rate changes within a stage: `constant`, `step` (as `anneal` says) or
            `cosine` (along half a cosine to 0 at the stage's end). By default `step` where `anneal` is
            given, else `constant`.
        warmup: Steps at the start of a stage in which the learning rate rises evenly from 0.
        layer_decay: Learning rate of a layer relative to that of the next one with a kernel, in the
            order of `model.layers`; the head has the full one.
        ema: Decay of the moving average of all weights, BatchNorm's statistics included: what is
            validated, and what a stage ends with; null for the weights themselves.
    """

    name: Literal["sgd", "rmsprop", "adam", "adamw"] = "sgd"
    learning_rate: Positive = 0.001
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        default_factory=lambda keys: 0.004 if keys.get("name") == "adamw" else 0.0
    )
    clip_norm: Positive | None = None
    anneal: Anneal | None = None
    schedule: Literal["constant", "step", "cosine"] = Field(
        default_factory=lambda keys: "step" if keys.get("anneal") else "constant"
    )
    warmup: Annotated[int, Field(ge=0)] = 0
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _one_schedule(self) -> "Optimizer":
        if (self.schedule == "step") != (self.anneal is not None):
            raise ValueError("anneal belongs to schedule: step, and no other takes it")
        return self


class Stage(_Frozen):
    """One stretch of training: which layers, how long, how fast.

    Attributes:
        train: `head` (the layers behind the backbone), `all`, the name of the first layer to train, or
            `probe`: the logits become a logistic regression on the frozen network, without steps.
        steps: Optimiser steps; or `epochs` instead.
        epochs: Passes over the training photographs, instead of `steps`.
        learning_rate: The optimiser's own if not given.
        backbone_rate: Learning rate of the backbone relative to the head's.
        batch_norm: `train`; `synchronised`: of several devices each takes the statistics of the whole
            batch, not of its own share; or `frozen`: BatchNorm runs on its stored statistics and does
            not change.
        views: Views of a training photograph, turned and mirrored, for a `probe`.
    """

    train: str = "all"
    steps: Annotated[int, Field(ge=1)] | None = None
    epochs: Positive | None = None
    learning_rate: Positive | None = None
    backbone_rate: Positive = 1.0
    batch_norm: Literal["train", "synchronised", "frozen"] = "train"
    views: Annotated[int, Field(ge=1, le=8)] = 1

    @model_validator(mode="after")
    def _one_length(self) -> "Stage":
        given = [length for length in (self.steps, self.epochs) if length is not None]
        if self.train == "probe" and given:
            raise ValueError("a probe takes neither steps nor epochs")
        if self.train != "probe" and len(given) != 1:
            raise ValueError("give either steps or epochs")
        return self

    def length(self, photographs: int, batch_size: int) -> int:
        """The stage's optimiser steps when there are so many training photographs."""
        if self.train == "probe":
            return 1
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return max(1, math.ceil(self.epochs * photographs / batch_size))


class Recipe(_Frozen):
    """Everything that determines a training run, apart from the photographs.

    Attributes:
        model: Network, weights and the network's options.
        image_size: Side of the network's input in pixels; the network's own if not given.
        batch_size: Photographs a step.
        optimizer: Optimiser, learning rate, clipping and annealing.
        augment: The random views; null for the centre crop.
        crop: What of a photograph is used: `square`, the centred square of its shorter side; `box`,
            the square around its box; `mask`, the centred square with the rest painted out.
        mixup: Alpha of the Beta distribution that mixes pairs of photographs; 0 is off.
        cutmix: The same for pasted rectangles.
        stages: One after the other.
        class_weights: `balanced` weighs each class by the inverse of its share.
        sampling: `balanced` shows every class equally often; `uniform` every photograph.
        label_smoothing: Share of the label spread over all classes.
        precision: What the network trains in: `float32`, or Keras' `mixed_bfloat16` or `mixed_float16`
            (with loss scaling). Variables, logits and loss, validation and the trained model are float32.
        jit: XLA: `auto` compiles the views with it, where it works on the device, `true` views and
            network (on one device a host), `false` nothing.
        validation: Share of the labelled photographs to validate on, where the manifest has no split.
        validate_every: Steps between two validations.
        checkpoint_every: Steps between two checkpoints, from which a killed run goes on.
        patience: Validations without improvement after which a stage ends; null for never.
        keep: The weights the run ends with: `best` by validation log loss, or `last`.
        seed: Determines split, order, views and initial weights.

    Example:
        >>> Recipe(model={"name": "cervixnet2"}, stages=[{"train": "all", "steps": 100}])
    """

    model: ModelChoice
    image_size: Annotated[int, Field(ge=16, le=2048)] | None = None
    batch_size: Count = 32
    optimizer: Optimizer = Optimizer()
    augment: Augment | None = Augment()
    crop: Literal["square", "box", "mask"] = "square"
    mixup: Annotated[float, Field(ge=0)] = 0.0
    cutmix: Annotated[float, Field(ge=0)] = 0.0
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    class_weights: Literal["none", "balanced"] = "none"
    sampling: Literal["uniform", "balanced"] = "uniform"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    jit: Literal["auto", True, False] = "auto"
    validation: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    validate_every: Count = 50
    checkpoint_every: Count = 100
    patience: Count | None = None
    keep: Literal["best", "last"] = "best"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @model_validator(mode="after")
    def _balanced_once(self) -> "Recipe":
        if self.class_weights == self.sampling == "balanced":
            raise ValueError("give either class_weights: balanced or sampling: balanced, not both")
        return self

    @property
    def balanced(self) -> bool:
        """Whether the network learns as if the classes had equal shares."""
        return "balanced" in (self.class_weights, self.sampling)
