"""The shipped recipes beside the report's own tables, typed in here once more."""

import pytest

from cervix_tf.recipes import load_recipe, recipe_names
from cervix_tf.recipes.recipe_files import HERE

# Table 2: keep probability, L2, data, validation and test log loss as printed.
TABLE_2 = {
    "cervixnet1": (0.8, 0.0, "original", "0.8242", "0.86433"),
    "cervixnet1-row2": (0.85, 0.01, "full", "1.0821", "0.87287"),
    "cervixnet1-row3": (1.0, 0.0, "full", "0.8412", "0.89765"),
    "cervixnet1-row4": (0.8, 0.0, "full", "0.8926", "0.898"),
}
# Table 4: dropout, L2, step of the switch, segmented, test log loss as printed.
TABLE_4 = {
    "inception-exp1": (0.5, 1.0, 1000, True, ".95655"),
    "inception-exp2": (0.4, 10.0, None, False, ".97413"),
    "inception-exp3": (0.5, 1.0, None, False, ".96866"),
    "inception-exp4": (0.5, 10.0, None, False, ".95646"),
    "inception-exp5": (0.5, 5.0, 500, False, ".99432"),
    "inception-exp6": (0.5, 5.0, 1000, False, ".97094"),
}
OF_THE_REPORT = [*TABLE_2, *TABLE_4, "cervixnet2", "resnet", "resnet-report", "inception"]


def head(name):
    lines = (HERE / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.startswith("#"))


def body(name):
    """All keys but the stages, the number of whose steps the report does not give."""
    return load_recipe(name).model_dump(exclude={"stages"})


@pytest.mark.parametrize("name", OF_THE_REPORT)
def test_head_names_source_figures_cost_and_command(name):
    text = head(name)
    assert "(section 6." in text.splitlines()[0]
    assert "Report: " in text
    assert " test " in text
    steps = sum(stage.steps for stage in load_recipe(name).stages)
    assert f"Cost: {steps} steps x {load_recipe(name).batch_size}; about" in text
    assert f"# Command: cervix-tf fit --recipe {name}" in text or (
        f"# Command: cervix-tf fit --model {name}" in text
    )


@pytest.mark.parametrize(("name", "row"), TABLE_2.items())
def test_table_2(name, row):
    keep, l2, data, validation, test = row
    recipe = load_recipe(name)
    assert recipe.model.name == "cervixnet1"
    assert recipe.model.options == {"conv_dropout": pytest.approx(1 - keep), "head_l2": l2}
    assert recipe.optimizer.learning_rate == 1e-4
    assert recipe.image_size == 160
    assert recipe.augment is not None
    assert ("--additional" in head(name)) == (data == "full")
    for figure in (validation, test):
        assert figure in head(name)


@pytest.mark.parametrize(("name", "row"), TABLE_4.items())
def test_table_4(name, row):
    dropout, l2, switch, segmented, test = row
    recipe = load_recipe(name)
    options = recipe.model.options
    assert (recipe.model.name, options["dropout"], options["l2"]) == ("inception", dropout, l2)
    assert recipe.crop == ("mask" if segmented else "square")
    assert f"0{test}" in head(name)
    optimizer = recipe.optimizer
    assert (optimizer.name, optimizer.learning_rate, optimizer.momentum) == ("sgd", 0.001, 0.9)
    assert optimizer.clip_norm == 2
    assert (optimizer.anneal.factor, optimizer.anneal.every) == (0.95, 400)
    if switch is None:
        assert [stage.train for stage in recipe.stages] == ["all"]
    else:
        assert [stage.train for stage in recipe.stages] == ["all", "head"]
        assert recipe.stages[0].steps == switch
        assert recipe.stages[1].learning_rate == pytest.approx(0.001 * 0.95 ** (switch // 400))
        other = head(name).split("--set '")[1].split("'")[0]
        swapped = load_recipe(name, [other])  # the other order that the head gives is a recipe too
        assert [stage.train for stage in swapped.stages] == ["head", "all"]
        assert swapped.stages[0].steps == switch
    assert sum(stage.steps for stage in recipe.stages) == 2000


def test_cervixnet2():
    recipe = load_recipe("cervixnet2")
    assert recipe.model.options == {"dropout": 0.5, "head_l2": 0.1}
    assert (recipe.optimizer.name, recipe.optimizer.learning_rate) == ("rmsprop", 0.0012)
    assert (recipe.optimizer.anneal.factor, recipe.optimizer.anneal.every) == (0.95, 400)


def test_resnet_trains_the_whole_network():
    recipe = load_recipe("resnet-report")
    assert [(stage.train, stage.steps) for stage in recipe.stages] == [("all", 500)]
    assert recipe.model.options["l2"] == 1e-4
    optimizer = recipe.optimizer
    assert (optimizer.name, optimizer.learning_rate, optimizer.momentum) == ("sgd", 0.003, 0.9)
    assert (optimizer.anneal.factor, optimizer.anneal.every) == (0.4, 100)
    assert body("resnet-report") == body("resnet"), "they differ in their stages alone"


def test_every_recipe_is_accounted_for():
    assert set(recipe_names()) - set(OF_THE_REPORT) == {"keras"}
