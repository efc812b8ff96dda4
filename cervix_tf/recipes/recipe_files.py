"""Recipes read from YAML, with overrides, every mistake worded in one line."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from cervix_tf.errors import UserError, unknown
from cervix_tf.given import as_list
from cervix_tf.recipes.schema import Recipe
from cervix_tf.recipes.yaml_text import loaded, one_line, read_yaml, shown

HERE = Path(__file__).parent
# What is written whole, for errors where only a part of it was.
_WHOLE = {
    "model": "name: cervixnet2",
    "optimizer": "name: adam",
    "anneal": "factor: 0.4, every: 100",
    "augment": "flip: true",
    "scale": "[0.9,1.2]",
    "stage": "train: all, steps: 100",
    "stages": "[{train: all, steps: 100}]",
}


def recipe_names() -> list[str]:
    """List the recipes that come with the package.

    Returns:
        Their names, sorted; each is the name of a YAML file in `cervix_tf/recipes`.

    Example:
        >>> "cervixnet2" in recipe_names()
        True
    """
    return sorted(p.stem for p in HERE.glob("*.yaml"))


def summary_line(name: str) -> str:
    """Give the first line of a shipped recipe's head, which says what it is.

    Args:
        name: One of `recipe_names()`.

    Returns:
        The line, without its `#`.

    Example:
        >>> summary_line("cervixnet2")
        "CervixNet-2 with the report's setting (section 6.2), its best network"
    """
    return (HERE / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0].lstrip("# ")


def for_model(model: str) -> str:
    """Name the shipped recipe that a model is trained with unless another is asked for.

    Args:
        model: A model's name; every `keras:NAME` shares the recipe `keras`.

    Returns:
        The recipe's name.

    Raises:
        UserError: No recipe has that model's name.

    Example:
        >>> for_model("keras:MobileNet")
        'keras'
    """
    name = model.split(":")[0]
    if name not in recipe_names():
        raise UserError(
            f"No recipe is called after the model {model!r}: give one by --recipe FILE."
        )
    return name


def load_recipe(source: str | Path | dict, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe and apply overrides.

    Args:
        source: The name of a shipped recipe, the path of a YAML file, or the keys themselves.
        overrides: Settings `KEY=VALUE`: the key with dots for keys within keys (`optimizer.momentum`,
            `stages.0.steps`), the value as YAML.

    Returns:
        The validated recipe.

    Raises:
        UserError: The file is missing or no YAML, a key is unknown (the nearest is named) or given two
            values, or a value is not allowed.

    Example:
        >>> load_recipe("cervixnet2", ["batch_size=16", "model.dropout=0.4"]).batch_size
        16
    """
    if isinstance(source, dict):
        keys, where = source, "recipe"
    else:
        path, keys = read_yaml("recipe", source, HERE)
        where = str(path)
        if not isinstance(keys, dict):
            raise UserError(
                f"{path} is not a recipe: it must consist of keys such as model and stages."
            )
    for setting in keys_once(overrides):
        key, value = parse_setting(setting)
        keys = _replaced(keys, key.split("."), value, setting)
    try:
        return Recipe.model_validate(keys)
    except ValidationError as error:
        raise _worded(error, where) from error


def to_yaml(recipe: Recipe) -> str:
    """Write a recipe as YAML that `load_recipe` reads back to an equal recipe.

    Args:
        recipe: A recipe.

    Returns:
        The YAML text, every key filled in.
    """
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, default_flow_style=None)


def parse_setting(setting: str, example: str = "batch_size=16") -> tuple[str, Any]:
    """Split one `KEY=VALUE` of `--set`.

    Args:
        setting: What was given.
        example: One that the error shows.

    Returns:
        Key and value, the latter read as YAML.
    """
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise UserError(f"--set {setting!r}: write KEY=VALUE, such as {example}.")
    try:
        return key, loaded(text)
    except yaml.YAMLError as error:
        raise UserError(
            f"--set {setting!r}: the value is not valid YAML: {one_line(error)}."
        ) from error


def keys_once(words: Iterable[str], option: str = "--set") -> list[str]:
    """Refuse two values for one key, and leave out what is repeated.

    Args:
        words: `KEY=VALUE`; others are let pass.
        option: Where they come from, for the error.

    Returns:
        The words, each once.

    Raises:
        UserError: A key has two values.

    Example:
        >>> keys_once(["seed=1", "seed=1"])
        ['seed=1']
    """
    words = list(dict.fromkeys(as_list(words, "settings")))
    values: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals and values.setdefault(key, value) != value:
            raise UserError(
                f"{option} {key} is given twice, as {values[key]} and as {value}: give it once."
            )
    return words


def _replaced(node: Any, parts: list[str], value: Any, setting: str) -> Any:
    if not parts:
        return value
    first, rest = parts[0], parts[1:]
    if isinstance(node, list | tuple):
        if first not in map(str, range(len(node))):
            raise UserError(f"--set {setting!r}: {first!r} is not one of 0 to {len(node) - 1}.")
        copy = list(node)
        copy[int(first)] = _replaced(copy[int(first)], rest, value, setting)
        return copy
    if node is not None and not isinstance(node, dict):
        raise UserError(f"--set {setting!r}: there is no key below a single value.")
    node = dict(node or {})
    node[first] = _replaced(node.get(first), rest, value, setting)
    if first in ("steps", "epochs") and not rest:  # one length replaces the other
        node.pop({"steps": "epochs", "epochs": "steps"}[first], None)
    return node


def _worded(error: ValidationError, where: str) -> UserError:
    """Word the first fault that pydantic found: an unknown key with its nearest neighbour."""
    fault = error.errors()[0]
    parts = [str(p) for p in fault["loc"]]
    key = ".".join(parts)
    if fault["type"] == "extra_forbidden":
        names = _keys_at(parts[:-1])
        if difflib.get_close_matches(parts[-1], names, n=1, cutoff=0.5):
            return unknown("recipe key", key, [".".join([*parts[:-1], k]) for k in names])
        return unknown("recipe key", key, names)
    if fault["type"] == "missing":
        return UserError(f"{where}: the recipe key {key!r} is missing.")
    message = fault["msg"].removeprefix("Value error, ")
    example = _WHOLE.get("stage" if key[-1:].isdecimal() else key.rpartition(".")[2])
    if fault["type"] == "model_type" and example:
        message = f"give its keys, such as {example}"
    elif fault["type"] == "tuple_type" and example:
        message = f"give all of it, such as {key}={example}"
    received = "" if isinstance(fault["input"], dict) else f"; received {shown(fault['input'])}"
    return UserError(f"{where}: recipe key {key or 'recipe'!r}: {message}{received}.")


def _keys_at(parts: list[str]) -> list[str]:
    """The keys the schema knows at a place in the recipe."""
    model: type[BaseModel] = Recipe
    for part in parts:
        if part.isdecimal():
            continue
        kinds = [model.model_fields[part].annotation] if part in model.model_fields else []
        while kinds:  # look through unions and tuples for the nested model
            kind = kinds.pop()
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                model = kind
                break
            kinds += list(getattr(kind, "__args__", ()))
    return list(model.model_fields)
