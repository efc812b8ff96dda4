import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cervix_tf.errors import UserError
from cervix_tf.recipes import load_recipe, load_space, space_names
from cervix_tf.recipes.search_spaces import HERE, as_text, with_values

RECIPES = {"6.1": "cervixnet1", "6.2": "cervixnet2", "6.3": "resnet-report"}


def test_grid_of_section_6_3():
    grid = load_space("6.3").grid()
    rates = sorted({point["optimizer.learning_rate"] for point in grid})
    assert np.allclose(rates, np.logspace(-4, -2, 5), rtol=1e-12)
    assert {point["model.l2"] for point in grid} == {1e-3, 1e-4, 1e-6}
    assert len({tuple(point.values()) for point in grid}) == len(grid) == 15
    recipe = load_space("6.3").apply("resnet-report", values=grid[0])
    assert [(stage.train, stage.steps) for stage in recipe.stages] == [("all", 50)]


@pytest.mark.parametrize("name", space_names())
def test_shipped_space_fits_its_recipe(name):
    space, recipe = load_space(name), load_recipe(RECIPES[name])
    head = (HERE / f"{name}.yaml").read_text().split("settings:")[0]
    assert f"(section {name})" in head
    grid = space.grid()
    steps = space.settings["stages"][0]["steps"]
    assert f"Cost: {len(grid)} trials of {steps} steps x {recipe.batch_size}; about" in head
    assert f"Command: cervix-tf search --recipe {RECIPES[name]} --space {name} --study" in head
    for point in (grid[0], grid[-1]):
        applied = space.apply(recipe, values=point)
        assert applied.optimizer.learning_rate == point["optimizer.learning_rate"]
        assert applied.image_size == recipe.image_size


def test_the_cervixnets_vary_filters_dropout_l2_and_learning_rate():
    for name, dropout in (("6.1", "conv_dropout"), ("6.2", "dropout")):
        keys = {"optimizer.learning_rate", "model.head_l2", "model.widths", f"model.{dropout}"}
        assert set(load_space(name).space) == keys
    best = {"optimizer.learning_rate": 0.0012, "model.dropout": 0.5, "model.head_l2": 0.1}
    grid = load_space("6.2").grid()  # the report's best is in it
    assert any(all(point[k] == pytest.approx(v) for k, v in best.items()) for point in grid)
    widths = load_space("6.2").apply("cervixnet2", values=grid[-1]).model.options["widths"]
    assert widths == [16, 32, 64, 128, 128]


def test_sources_add_up(tmp_path):
    (tmp_path / "own.yaml").write_text("space: {batch_size: [8, 16]}\nsettings: {seed: 3}\n")
    space = load_space(["6.3", str(tmp_path / "own.yaml"), "model.l2=[1e-3, 5]", "augment=[null]"])
    assert space.space["model.l2"] == (0.001, 5), "1e-3 is a number"
    assert len(space.grid()) == 5 * 2 * 2
    recipe = space.apply("resnet", ["stages.0.steps=7", "seed=4"], space.grid()[0])
    assert (recipe.stages[0].steps, recipe.seed, recipe.augment) == (7, 4, None)
    space = load_space(
        {"batch_size": {"low": 4, "high": 64, "points": 3, "log": True, "whole": True}}
    )
    assert space.choices("batch_size") == [4, 16, 64]


def test_the_weight_decay_is_that_of_the_optimiser_varied():
    for recipe in ("resnet", load_recipe("resnet")):
        varied = with_values(recipe, (), {"optimizer.name": "adamw"})
        assert varied == load_recipe("resnet", ["optimizer.name=adamw"])
        assert varied.optimizer.weight_decay == 0.004


@given(st.floats(1e-12, 1e12))
def test_numbers_survive_their_text(value):
    recipe = with_values("resnet", (), {"optimizer.learning_rate": value, "model.l2": value})
    assert recipe.optimizer.learning_rate == value
    assert recipe.model.options["l2"] == value
    assert "\n" not in as_text(value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("6.4", "Unknown search space '6.4': did you mean '6.3'"),
        ("own.yaml", r"own\.yaml does not exist"),
        ("model.l2=[1", "not valid YAML"),
        ("model.l2=[!!bool x]", "model.l2.*not valid YAML: a tag"),
        ("model.l2=[]", "give at least one value"),
        ("model.l2={low: 1, high: 1}", "low must be below high"),
        ("model.l2={low: 0, high: 1, log: true}", "above 0 on a log scale"),
        ("model.l2={low: 0, hgh: 1}", "hgh"),
        ("model.l2={low: 0, high: .inf}", "finite"),
        ("model.l2=3", r"model.l2: give values, as \[3\], or a range, {low: 1, high: 9}; received"),
        ("model.l2={low: 0}", r"': space.model.l2.high: Field required"),
        ({}, "at least one key of a recipe"),
        ([], "at least one key of a recipe"),
    ],
)
def test_mistakes_are_one_line(source, message):
    with pytest.raises(UserError, match=message) as caught:
        load_space(source)
    assert "\n" not in str(caught.value)


def test_a_grid_needs_points():
    with pytest.raises(UserError, match="has no points"):
        load_space({"model.l2": {"low": 0.1, "high": 1}}).grid()


def test_no_trial_is_asked_for_twice():
    for source in ({"batch_size": [8, 16, 8]}, ["batch_size=[8, 16, 8]"]):
        with pytest.raises(UserError, match="batch_size: 8 is there twice: give every value once"):
            load_space(source)
    with pytest.raises(UserError, match="--space batch_size is given twice"):
        load_space(["batch_size=[8]", "batch_size=[16]"])


def test_later_settings_go_over_those_of_the_space():
    space = load_space({"settings": {"seed": 1, "batch_size": 4}, "space": {"batch_size": [8, 16]}})
    recipe = space.apply("cervixnet2", ["seed=2", "batch_size=2"], {"batch_size": 8})
    assert (recipe.seed, recipe.batch_size) == (2, 8)
    assert space.apply("cervixnet2").batch_size == 4
