"""The tables of keys in docs/recipes.md are the schema's: keys, what they take, defaults."""

import re
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from cervix_tf import models
from cervix_tf.recipes import Augment, ModelChoice, Optimizer, Recipe, Stage, load_recipe

PAGE = (Path(__file__).parents[2] / "docs/recipes.md").read_text(encoding="utf-8")
TABLES = {
    "Keys": Recipe,
    "`model`": ModelChoice,
    "`optimizer`": Optimizer,
    "`augment`": Augment,
    "`stages`": Stage,
}
KEYS_BELOW = ("model", "optimizer", "augment", "stages", "anneal")
IN_WORDS = (
    "image_size",
    "optimizer",
    "augment",
    "weight_decay",
    "schedule",
)  # defaults that say more in words


def rows(title: str) -> dict[str, list[str]]:
    """The first table under a heading: a key's name to its other cells."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    table = re.search(r"(?:^\|.*\n?)+", section, re.M)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]
    return {row[0].strip("` "): row[1:] for row in cells}


def worded(annotation, bounds=()) -> str:
    """What a key takes, in the page's words."""
    if get_origin(annotation) is Annotated:
        kind, *more = get_args(annotation)
        return worded(kind, [*bounds, *(m for field in more for m in field.metadata)])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return worded(kinds[0], bounds) + (
            ", or `null`" if len(kinds) < len(get_args(annotation)) else ""
        )
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{yaml.safe_dump(c).split()[0]}`" for c in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "two numbers above 0"
    if annotation in (int, float):
        ends = {}
        for bound in bounds:
            ends |= {k: getattr(bound, k) for k in ("ge", "gt", "le", "lt") if hasattr(bound, k)}
        words = ["whole number" if annotation is int else "number"]
        words += [f"{word} {ends[k]}" for k, word in (("ge", "from"), ("gt", "above")) if k in ends]
        words += [
            f"{word} {ends[k]}" for k, word in (("le", "to"), ("lt", "to below")) if k in ends
        ]
        return " ".join(words)
    return {bool: "true or false", str: "text"}[annotation]


@pytest.mark.parametrize("title", TABLES)
def test_the_table_is_the_schemas(title):
    schema: type[BaseModel] = TABLES[title]
    table = rows(title)
    assert list(table) == list(schema.model_fields)
    for key, field in schema.model_fields.items():
        takes, default, _ = table[key]
        if key not in KEYS_BELOW:
            assert takes == worded(field.annotation, field.metadata), key
        if field.is_required():
            assert default == "needed", key
        elif not (key in IN_WORDS and schema in (Recipe, Optimizer)):
            assert yaml.safe_load(default.strip("`")) == _plain(field.default), key


def test_the_networks_options_are_theirs():
    cells = re.findall(r"^\| `(cervixnet1|cervixnet2|inception|resnet)` \| (.*) \|$", PAGE, re.M)
    assert len(cells) == 4
    for name, text in cells:
        said = re.findall(r"`(\w+)` (\(.*?\)|`\w+`|\S+?)(?:, |$)", text)
        known = models.spec(name).options.items()
        words = {None: "(all of them)", False: "false"}
        assert {key: value.strip("`") for key, value in said} == {
            key: words.get(value, str(value)) for key, value in known
        }


def test_the_recipe_of_ones_own_is_one():
    text = re.search(r"```yaml\n(.*?)```", PAGE, re.S)[1]
    recipe = load_recipe(yaml.safe_load(text))
    assert recipe.model.options == {"alpha": 0.5}
    assert recipe.optimizer == Optimizer(name="adam")
    defaults = Recipe(model={"name": "inception"}, stages=[{"steps": 1}])
    assert (defaults.optimizer.name, defaults.optimizer.learning_rate) == ("sgd", 0.001)
    assert defaults.augment == Augment()


def _plain(value):
    return list(value) if isinstance(value, tuple) else value
