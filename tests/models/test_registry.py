import subprocess
import sys

import keras
import pytest

from cervix_tf import errors, models


def classifiers_of_keras():
    modules = [getattr(keras.applications, name) for name in dir(keras.applications)]
    # A function is a network if it can be built without a top.
    return {
        f"keras:{network.__name__}"
        for network in modules
        if callable(network) and "include_top" in network.__code__.co_varnames
    }


def test_every_classifier_of_keras_is_there():
    assert {name for name in models.names() if ":" in name} == classifiers_of_keras()


def test_facts_need_no_tensorflow():
    code = (
        "import sys; from cervix_tf import models; models.table(); models.spec('inception'); "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_table_has_a_row_a_network():
    rows = models.table()
    own = ["cervixnet1", "cervixnet2", "inception", "resnet"]
    assert [row["name"] for row in rows[:4]] == own
    assert {row["name"] for row in rows[4:]} == classifiers_of_keras()
    assert len(rows) == 4 + len(classifiers_of_keras())
    facts = {
        row["name"]: (row["image_size"], row["smallest"], row["value_range"], row["weights"])
        for row in rows
    }
    without, with_imagenet = ("none", "PATH"), ("none", "imagenet", "PATH")
    assert facts["cervixnet2"] == (160, 32, "[-1, 1]", without)
    assert facts["inception"] == (224, 32, "[-1, 1]", with_imagenet)
    assert facts["keras:Xception"] == (299, 71, "[-1, 1]", with_imagenet)
    assert facts["keras:EfficientNetB3"] == (300, 32, "[0, 255]", with_imagenet)
    for row in rows:
        spec = models.spec(row["name"])
        assert row == {column: getattr(spec, column) for column in row}
        assert len(row) == 8


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["cervixnet1", "cervixnet2", "inception", "resnet", "keras:MobileNetV3Small"]
)
def test_parameters_are_those_of_the_classifier(name):
    assert models.build(name).count_params() == models.spec(name).parameters


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "incepton"}, "did you mean 'inception'"),
        ({"name": "inception", "dropuot": 0.5}, "did you mean 'dropout'"),
        ({"name": "inception", "image_size": 16}, "at least 32 pixels"),
        ({"name": "keras:Xception", "image_size": 70}, "at least 71 pixels"),
        ({"name": "inception", "classes": 1}, "classes is 1"),
    ],
)
def test_mistakes_are_named(arguments, words):
    with pytest.raises(errors.UserError, match=words):
        models.build(**arguments)


def test_logits_of_imagenet_only_where_there_are_any(small):
    assert models.backbone("inception", image_size=32, top=True).output_shape == (None, 1001)
    with pytest.raises(errors.UserError, match="no ImageNet logits"):
        models.backbone("cervixnet2", top=True)


def test_classes_and_size_are_the_models():
    model = models.build("cervixnet2", classes=5, image_size=48)
    assert model.input_shape == (None, 48, 48, 3)
    assert model.output_shape == (None, 5)


@pytest.mark.parametrize(("options", "words"), [
    ({"widths": 4}, "widths is 4: cervixnet2 takes such as"),
    ({"widths": (True, 8)}, "widths is"),
    ({"dropout": True}, "dropout is True"),
    ({"batch_norm": 1}, "batch_norm is 1"),
    ({"dropout": -1.0}, "dropout is -1.0: give a number from 0 to below 1"),
    ({"dropout": float("nan")}, "dropout is nan"),
    ({"widths": (4, -8)}, "cannot be built with widths"),
    ({"widths": (4, 100_000, 100_000)}, "does not fit into memory"),
])  # fmt: skip
def test_options_that_no_network_has_are_one_line(options, words):
    with pytest.raises(errors.UserError, match=words) as caught:
        models.build("cervixnet2", image_size=32, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["cervixnet1", "cervixnet2", "inception", "resnet", "keras:MobileNet"]
)
def test_options_with_which_no_network_learns_are_refused(name):
    options = models.spec(name).all_options
    refused = {
        **{key: 1 for key in options if "dropout" in key},
        **{key: 1.0 for key in options if "decay" in key},
        **{key: -1 for key in options if key in ("alpha", "depth_multiplier", "dense")},
    }
    assert refused
    for key, value in refused.items():
        with pytest.raises(errors.UserError, match=f"{key} is {value}: give a number"):
            models.build(name, image_size=32, **{key: value})


def test_what_keras_says_of_filters_names_the_option_they_follow_from():
    with pytest.raises(errors.UserError, match=r"MobileNet cannot be built with alpha=0\.001: "):
        models.build("keras:MobileNet", image_size=32, alpha=0.001)
