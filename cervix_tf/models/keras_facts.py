"""Facts about every classifier of `keras.applications`, known without importing Keras."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_RANGES = {
    "inception": "[-1, 1]",
    "torch": "RGB less its mean, over its standard deviation",
    "caffe": "BGR less its mean",
    "none": "[0, 255]",
}


@dataclasses.dataclass(frozen=True)
class KerasFacts:
    """What is known of one of Keras' networks.

    Attributes:
        name: Its name in `keras.applications`.
        family: The first member of its family, which the tests run.
        image_size: Side in pixels its published weights were trained at.
        smallest: Least side in pixels.
        convention: Its preprocessing, see `preprocessing.preprocessing`.
        parameters: Of the classifier of three classes.
        options: Its own options and their defaults.
    """

    name: str
    family: str
    image_size: int
    smallest: int
    convention: str
    parameters: int | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def value_range(self) -> str:
        """What the network's first layer expects, in words."""
        return _RANGES[self.convention]


def _family(convention: str, smallest: int, members: str, **options: Any) -> list[KerasFacts]:
    """Read `NAME:SIZE` words."""
    pairs = [word.split(":") for word in members.split()]
    return [
        KerasFacts(
            name=name,
            family=pairs[0][0],
            image_size=int(size),
            smallest=smallest,
            convention=convention,
            options=MappingProxyType(options),
        )
        for name, size in pairs
    ]


FACTS: tuple[KerasFacts, ...] = (
    *_family(
        "none",
        32,
        "ConvNeXtTiny:224 ConvNeXtSmall:224 ConvNeXtBase:224 ConvNeXtLarge:224 ConvNeXtXLarge:224",
    ),
    *_family("torch", 32, "DenseNet121:224 DenseNet169:224 DenseNet201:224"),
    *_family(
        "none",
        32,
        "EfficientNetB0:224 EfficientNetB1:240 EfficientNetB2:260 EfficientNetB3:300 "
        "EfficientNetB4:380 EfficientNetB5:456 EfficientNetB6:528 EfficientNetB7:600",
    ),
    *_family(
        "none",
        32,
        "EfficientNetV2B0:224 EfficientNetV2B1:240 EfficientNetV2B2:260 EfficientNetV2B3:300 "
        "EfficientNetV2S:384 EfficientNetV2M:480 EfficientNetV2L:480",
    ),
    *_family("inception", 75, "InceptionResNetV2:299"),
    *_family("inception", 75, "InceptionV3:299"),
    *_family("inception", 32, "MobileNet:224", alpha=1.0, depth_multiplier=1),
    *_family("inception", 32, "MobileNetV2:224", alpha=1.0),
    *_family(
        "none", 32, "MobileNetV3Small:224 MobileNetV3Large:224", alpha=1.0, minimalistic=False
    ),
    *_family("inception", 32, "NASNetMobile:224 NASNetLarge:331"),
    *_family("caffe", 32, "ResNet50:224 ResNet101:224 ResNet152:224"),
    *_family("inception", 32, "ResNet50V2:224 ResNet101V2:224 ResNet152V2:224"),
    *_family("caffe", 32, "VGG16:224"),
    *_family("caffe", 32, "VGG19:224"),
    *_family("inception", 71, "Xception:299"),
)
