"""What must hold for every registered network, run on tiny members of each family.

`benchmarks/keras_table.py` runs the same on every network whole.
"""

import pytest

from cervix_tf import models
from cervix_tf.models.keras_facts import FAMILIES
from tests.models.harness import exercise

# The smallest member of each family, as narrow and on as small images as it allows.
SMALLEST = {
    "cervixnet1": {"image_size": 32, "widths": (8, 8, 16), "dense": 16},
    "cervixnet2": {"image_size": 32, "widths": (8, 8, 16)},
    "inception": {"image_size": 32},
    "resnet": {"image_size": 32, "depth": 50},
    "keras:ConvNeXtTiny": {"image_size": 32},
    "keras:DenseNet121": {"image_size": 32},
    "keras:EfficientNetB0": {"image_size": 32},
    "keras:EfficientNetV2B0": {"image_size": 32},
    "keras:InceptionResNetV2": {"image_size": 75},
    "keras:InceptionV3": {"image_size": 75},
    "keras:MobileNet": {"image_size": 32, "alpha": 0.25},
    "keras:MobileNetV2": {"image_size": 32, "alpha": 0.35},
    "keras:MobileNetV3Small": {"image_size": 32, "alpha": 0.75},
    "keras:NASNetMobile": {"image_size": 32},
    "keras:ResNet50": {"image_size": 32},
    "keras:ResNet50V2": {"image_size": 32},
    "keras:VGG16": {"image_size": 32},
    "keras:Xception": {"image_size": 71},
}
QUICK = {"cervixnet1", "cervixnet2", "inception", "keras:MobileNet"}  # one of each kind


def test_every_network_has_its_family_here():
    first = {members[0].name for members in FAMILIES}
    assert set(SMALLEST) == first | {name for name in models.names() if ":" not in name}


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in SMALLEST]
)
def test_network(name, small, tmp_path):
    exercise(name, tmp_path, **SMALLEST[name])
