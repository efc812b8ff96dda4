"""Every network the registry knows, with the facts about it; Keras is imported when one is built."""

from types import MappingProxyType
from typing import Any

from cervix_tf import errors
from cervix_tf.models.keras_facts import FACTS, KerasFacts
from cervix_tf.models.registry import Spec, register

_HUB = "https://tfhub.dev/google/imagenet/{}/feature_vector/5"


def _to_inception_range(x: Any, options: Any) -> Any:
    from cervix_tf.models.preprocessing import preprocessing

    return preprocessing("inception")(x)


def _pooled_head(x: Any, classes: int, options: Any) -> Any:
    from cervix_tf.models import heads

    return heads.pooled_head(x, classes, options)


def _flat_head(x: Any, classes: int, options: Any) -> Any:
    from cervix_tf.models import heads

    return heads.flat_head(x, classes, options)


def _cervixnet1(x: Any, *, dense: int, **options: Any) -> Any:
    from cervix_tf.models import cervixnets

    return cervixnets.cervixnet1(x, **options)


def _cervixnet1_head(x: Any, classes: int, options: Any) -> Any:
    from cervix_tf.models import cervixnets

    return cervixnets.cervixnet1_head(x, classes, options)


register(
    Spec(
        name="cervixnet1",
        summary="the report's first network: strided convolutions, BatchNorm (5.3.1, 6.1)",
        image_size=160,
        smallest=32,
        value_range="[-1, 1]",
        options=MappingProxyType(
            {
                "widths": (64, 64, 64, 256, 512, 512, 1024),
                "depth": None,
                "dense": 1024,
                "conv_dropout": 0.2,
                "batch_norm_decay": 0.9,
            }
        ),
        imagenet=None,
        slim=False,
        parameters=12_691_928,
        top_classes=None,
        preprocess=_to_inception_range,
        features=_cervixnet1,
        head=_cervixnet1_head,
    )
)


def _cervixnet2(x: Any, **options: Any) -> Any:
    from cervix_tf.models import cervixnets

    return cervixnets.cervixnet2(x, **options)


register(
    Spec(
        name="cervixnet2",
        summary="the report's second network, its best: five convolutions, max pooling (5.3.2, 6.2)",
        image_size=160,
        smallest=32,
        value_range="[-1, 1]",
        options=MappingProxyType(
            {
                "dropout": 0.5,
                "head_l2": 0.1,
                "widths": (32, 64, 128, 256, 256),
                "batch_norm": False,
                "batch_norm_decay": 0.9,
            }
        ),
        imagenet=None,
        slim=False,
        parameters=997_699,
        top_classes=None,
        preprocess=_to_inception_range,
        features=_cervixnet2,
        head=_flat_head,
    )
)


def _inception(x: Any, **options: Any) -> Any:
    from cervix_tf.models import inception

    return inception.inception_v2(x, **options)


register(
    Spec(
        name="inception",
        summary="TF-Slim's Inception v2 (5.3.3, 6.4)",
        image_size=224,
        smallest=32,
        value_range="[-1, 1]",
        options=MappingProxyType({"stem": "bias", "batch_norm_decay": 0.9997}),
        imagenet=_HUB.format("inception_v2"),
        slim=True,
        parameters=10_176_187,
        top_classes=1001,
        preprocess=_to_inception_range,
        features=_inception,
        head=_pooled_head,
    )
)


def _resnet_range(x: Any, options: Any) -> Any:
    from cervix_tf.models.preprocessing import preprocessing

    convention = options["preprocessing"]
    if convention == "unknown":
        raise errors.UserError(
            "These weights do not say how their photographs were normalised: set the option "
            "preprocessing to inception or vgg."
        )
    return preprocessing("inception" if convention == "auto" else convention)(x)


def _resnet(x: Any, *, preprocessing: str, **options: Any) -> Any:
    from cervix_tf.models import resnet

    return resnet.resnet_v1(x, **options)


register(
    Spec(
        name="resnet",
        summary="TF-Slim's ResNet v1 of 101 layers, or 50 or 152 (5.3.3, 6.3)",
        image_size=224,
        smallest=32,
        value_range="[-1, 1], or RGB less its mean over ImageNet with TF-Slim's own checkpoints",
        options=MappingProxyType(
            {"depth": 101, "preprocessing": "auto", "batch_norm_decay": 0.997}
        ),
        imagenet=_HUB.format("resnet_v1_101"),
        slim=True,
        parameters=42_611_651,
        top_classes=1000,
        preprocess=_resnet_range,
        features=_resnet,
        head=_pooled_head,
    )
)


def _register_keras(facts: KerasFacts) -> None:
    def features(x: Any, *, weights: str | None = None, **options: Any) -> Any:
        from cervix_tf.models import keras_applications

        return keras_applications.features(x, facts, options, weights)

    def preprocess(x: Any, options: Any) -> Any:
        from cervix_tf.models.preprocessing import preprocessing

        return preprocessing(facts.convention)(x)

    register(
        Spec(
            name=f"keras:{facts.name}",
            summary=f"keras.applications.{facts.name}",
            image_size=facts.image_size,
            smallest=facts.smallest,
            value_range=facts.value_range,
            options=MappingProxyType(dict(facts.options)),
            imagenet="keras",
            slim=False,
            parameters=facts.parameters,
            top_classes=None,
            preprocess=preprocess,
            features=features,
            head=_pooled_head,
        )
    )


for _facts in FACTS:
    _register_keras(_facts)
