"""Every network that can be built, with the facts about it; Keras is not imported for them."""

from cervix_tf.models.keras_facts import FAMILIES
from cervix_tf.models.specs import Spec

_HUB = "https://tfhub.dev/google/imagenet/{}/feature_vector/5"

REPORT = (
    Spec(
        name="cervixnet1",
        summary="the report's first network: strided convolutions, BatchNorm (5.3.1, 6.1)",
        image_size=160,
        features="cervixnets:cervixnet1",
        feature_options={
            "widths": (64, 64, 64, 256, 512, 512, 1024),
            "depth": None,
            "conv_dropout": 0.2,
            "batch_norm_decay": 0.9,
        },  # fmt: skip
        head="cervixnets:cervixnet1_head",
        other_options={"dense": 1024},
        parameters=12_691_928,
    ),
    Spec(
        name="cervixnet2",
        summary="the report's second network, its best: five convolutions, max pooling (5.3.2, 6.2)",
        image_size=160,
        features="cervixnets:cervixnet2",
        feature_options={
            "widths": (32, 64, 128, 256, 256),
            "batch_norm": False,
            "batch_norm_decay": 0.9,
        },  # fmt: skip
        head="heads:flat_head",
        other_options={"dropout": 0.5, "head_l2": 0.1},
        parameters=997_699,
    ),
    Spec(
        name="inception",
        summary="TF-Slim's Inception v2 (5.3.3, 6.4)",
        image_size=224,
        features="inception:inception_v2",
        feature_options={"stem": "bias", "batch_norm_decay": 0.9997},
        imagenet=_HUB.format("inception_v2"),
        slim=True,
        parameters=10_176_187,
        top_classes=1001,
    ),
    Spec(
        name="resnet",
        summary="TF-Slim's ResNet v1 of 101 layers, or 50 or 152 (5.3.3, 6.3)",
        image_size=224,
        value_range="[-1, 1], or RGB less its mean over ImageNet with TF-Slim's own checkpoints",
        features="resnet:resnet_v1",
        feature_options={"depth": 101, "batch_norm_decay": 0.997},
        other_options={"preprocessing": "auto"},
        imagenet=_HUB.format("resnet_v1_101"),
        slim=True,
        parameters=42_611_651,
        top_classes=1000,
    ),
)

SPECS = {spec.name: spec for family in (REPORT, *FAMILIES) for spec in family}
