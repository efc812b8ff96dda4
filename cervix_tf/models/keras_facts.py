"""Facts about every classifier of `keras.applications`, known without importing Keras."""

from typing import Any

from cervix_tf.models.specs import Spec

_RANGES = {
    "inception": "[-1, 1]",
    "torch": "RGB less its mean, over its standard deviation",
    "caffe": "BGR less its mean",
    "none": "[0, 255]",
}


def _family(convention: str, smallest: int, members: str, **options: Any) -> list[Spec]:
    """Make the specs of a family's members from `NAME:SIZE:PARAMETERS` words."""
    triples = [word.split(":") for word in members.split()]
    return [
        Spec(
            name=f"keras:{name}",
            summary=f"keras.applications.{name}",
            image_size=int(size),
            smallest=smallest,
            convention=convention,
            value_range=_RANGES[convention],
            features="keras_applications:features",
            feature_options=options,
            fixed={"application": name},
            imagenet="keras",
            parameters=int(parameters),
        )
        for name, size, parameters in triples
    ]


# Preprocessing, least side, members, and the options that all of them take.
FAMILIES = (
    _family(
        "none",
        32,
        "ConvNeXtTiny:224:27822435 ConvNeXtSmall:224:49456995 ConvNeXtBase:224:87569539 "
        "ConvNeXtLarge:224:196234947 ConvNeXtXLarge:224:348154115",
    ),
    _family(
        "torch", 32, "DenseNet121:224:7040579 DenseNet169:224:12647875 DenseNet201:224:18327747"
    ),
    _family(
        "none",
        32,
        "EfficientNetB0:224:4053414 EfficientNetB1:240:6579082 EfficientNetB2:260:7772796 "
        "EfficientNetB3:300:10788146 EfficientNetB4:380:17679202 EfficientNetB5:456:28519674 "
        "EfficientNetB6:528:40967058 EfficientNetB7:600:64105370",
    ),
    _family(
        "none",
        32,
        "EfficientNetV2B0:224:5923155 EfficientNetV2B1:240:6934967 EfficientNetV2B2:260:8773601 "
        "EfficientNetV2B3:300:12935233 EfficientNetV2S:384:20335203 EfficientNetV2M:480:53154231 "
        "EfficientNetV2L:480:117750691",
    ),
    _family("inception", 75, "InceptionResNetV2:299:54341347"),
    _family("inception", 75, "InceptionV3:299:21808931"),
    _family("inception", 32, "MobileNet:224:3231939", alpha=1.0, depth_multiplier=1),
    _family("inception", 32, "MobileNetV2:224:2261827", alpha=1.0),
    _family(
        "none",
        32,
        "MobileNetV3Small:224:940851 MobileNetV3Large:224:2999235",
        alpha=1.0,
        minimalistic=False,
    ),  # fmt: skip
    _family("inception", 32, "NASNetMobile:224:4272887 NASNetLarge:331:84928917"),
    _family("caffe", 32, "ResNet50:224:23593859 ResNet101:224:42664323 ResNet152:224:58377091"),
    _family(
        "inception", 32, "ResNet50V2:224:23570947 ResNet101V2:224:42632707 ResNet152V2:224:58337795"
    ),
    _family("caffe", 32, "VGG16:224:14716227 VGG19:224:20025923"),
    _family("inception", 71, "Xception:299:20867627"),
)
