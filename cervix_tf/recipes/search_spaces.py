"""What a search varies: keys of a recipe, each with its values or a range of them."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from cervix_tf.errors import UserError
from cervix_tf.recipes.recipe_files import keys_once, load_recipe
from cervix_tf.recipes.schema import Recipe, _Frozen
from cervix_tf.recipes.yaml_text import loaded, one_line, read_yaml, shown

HERE = Path(__file__).parent / "grids"


class Range(_Frozen):
    """Numbers from `low` to `high`.

    Attributes:
        low: The lower end, which belongs to it.
        high: The upper end, which belongs to it.
        points: How many of them a grid takes, evenly spaced; a random or TPE search takes any.
        log: Whether the logarithm is what is evenly spaced; `low` is above 0 then.
        whole: Whether only whole numbers are taken.
    """

    low: float
    high: float
    points: Annotated[int, Field(ge=2)] | None = None
    log: bool = False
    whole: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if self.log and self.low <= 0:
            raise ValueError("low must be above 0 on a log scale")
        return self

    def values(self) -> list[float]:
        """The points of a grid."""
        assert self.points is not None
        spaced = (np.geomspace if self.log else np.linspace)(self.low, self.high, self.points)
        inside = [float(v) for v in spaced[1:-1]]
        values = [self.low, *inside, self.high]  # the ends exactly
        return sorted({int(round(v)) for v in values}) if self.whole else values


class Space(_Frozen):
    """A search space.

    Attributes:
        settings: Keys of the recipe that all trials share, such as a short `stages`.
        space: For every key that varies, its values or a `Range`.
    """

    settings: dict[str, Any] = {}
    space: dict[str, tuple[Any, ...] | Range]

    @field_validator("space", mode="before")
    @classmethod
    def _numbers(cls, space: Any) -> Any:
        """Read 1e-4 as a number: YAML 1.1 takes it for text, wanting 1.0e-4."""
        if not isinstance(space, Mapping) or not space:
            raise ValueError("give at least one key of a recipe, such as batch_size: [16, 32]")
        for key, values in space.items():
            if not isinstance(values, list | tuple | Mapping | Range):
                raise ValueError(
                    f"{key}: give values, as [{values}], or a range, {{low: 1, high: 9}}"
                )
        return {
            key: [_number(v) for v in values] if isinstance(values, list | tuple) else values
            for key, values in space.items()
        }

    @field_validator("space")
    @classmethod
    def _some(cls, space: dict) -> dict:
        for key, values in space.items():
            if not isinstance(values, Range) and not values:
                raise ValueError(f"{key}: give at least one value")
            given = () if isinstance(values, Range) else values
            for number, value in enumerate(given):
                if value in given[:number]:  # its trials would be run twice
                    raise ValueError(f"{key}: {value} is there twice: give every value once")
        return space

    def choices(self, key: str) -> list:
        """The values of a key, lists among them as their YAML text; of a range, its grid points."""
        values = self.space[key]
        if isinstance(values, Range):
            if values.points is None:
                raise UserError(
                    f"The space's {key} has no points: give points: N for a grid, or search by "
                    "--sampler random or tpe."
                )
            return list(values.values())
        plain = (bool, int, float, str, type(None))
        return [v if isinstance(v, plain) else as_text(v) for v in values]

    def grid(self) -> list[dict[str, Any]]:
        """Every combination of values, the last key varying fastest."""
        combinations = itertools.product(*(self.choices(key) for key in self.space))
        return [dict(zip(self.space, values, strict=True)) for values in combinations]

    def apply(
        self, recipe: Recipe | str | dict, settings: Iterable[str] = (), values: Mapping = {}
    ) -> Recipe:
        """Make the recipe of a trial: the recipe, the space's settings, `settings`, the values."""
        settings = list(settings)
        given = {setting.partition("=")[0] for setting in settings}
        shared = [f"{k}={as_text(value)}" for k, value in self.settings.items() if k not in given]
        return with_values(recipe, [*shared, *settings], values)


def with_values(recipe: Recipe | str | dict, settings: Iterable[str], values: Mapping) -> Recipe:
    """Apply settings, then the values of a trial, to a recipe.

    Args:
        recipe: A recipe, the name of one, or its keys.
        settings: `KEY=VALUE`, as `load_recipe` takes them.
        values: Keys of the recipe with their values.

    Returns:
        The validated recipe.
    """
    if isinstance(recipe, Recipe):
        # What was not given still follows from the values: the weight decay from the optimiser.
        recipe = recipe.model_dump(mode="json", exclude_unset=True)
    varied = [f"{k}={v if isinstance(v, str) else as_text(v)}" for k, v in values.items()]
    settings = [setting for setting in settings if setting.partition("=")[0] not in values]
    return load_recipe(recipe, [*settings, *varied])


def space_names() -> list[str]:
    """List the search spaces that come with the package, named after the report's sections.

    Returns:
        Their names, sorted.

    Example:
        >>> space_names()
        ['6.1', '6.2', '6.3']
    """
    return sorted(path.stem for path in HERE.glob("*.yaml"))


def load_space(source: "Space | str | Path | Mapping | Iterable[str]") -> Space:
    """Read a search space.

    Args:
        source: The name of one that comes with the package; the path of a YAML file with the keys
            `space` and optionally `settings`; a mapping of recipe keys to lists of values or to ranges
            (`{low: 0.0001, high: 0.01, points: 5, log: true}`), or with those two keys; or several
            names, files and `KEY=VALUES` (YAML), of which later ones add to and replace earlier.

    Returns:
        The validated space. Whether the keys are a recipe's shows when it is applied to one.

    Raises:
        UserError: The name is unknown, the file missing or no YAML, a range not allowed, a value there
            twice, or a key given twice by `KEY=VALUES`.

    Example:
        >>> load_space("6.3").space["model.l2"]
        (0.001, 0.0001, 1e-06)
        >>> len(load_space({"batch_size": [8, 16], "model.l2": [0, 1e-4]}).grid())
        4
    """
    if isinstance(source, Space):
        return source
    if isinstance(source, Mapping):
        keys = dict(source) if "space" in source else {"space": dict(source)}
        return _validated(keys, "the search space")
    if isinstance(source, str | Path):
        source = [str(source)]
    merged: dict[str, dict] = {"settings": {}, "space": {}}
    for word in keys_once(map(str, source), "--space"):
        part = _part(word)
        for kind in merged:
            merged[kind].update(getattr(part, kind))
    return _validated(merged, "the search space")


def as_text(value: Any) -> str:
    """Write a value as YAML on one line, numbers so that YAML reads numbers."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _part(source: str) -> Space:
    key, equals, text = source.partition("=")
    if not equals or Path(source).suffix in (".yaml", ".yml"):
        return _validated(read_yaml("search space", source, HERE)[1], source)
    try:
        return _validated({"space": {key: loaded(text)}}, f"--space {source!r}")
    except yaml.YAMLError as error:
        reason = one_line(error)
        raise UserError(f"The search space {source} is not valid YAML: {reason}.") from error


def _validated(keys: Any, where: str) -> Space:
    try:
        return Space.model_validate(keys)
    except ValidationError as error:
        faults = error.errors()  # of a key, one for each form it may take: ours say the most
        fault = next((f for f in faults if f["type"] == "value_error"), faults[-1])
        # Without the names of forms, such as function-after[_ordered(), Range].
        key = ".".join(str(p) for p in fault["loc"] if "[" not in str(p))
        message = fault["msg"].removeprefix("Value error, ")
        raise UserError(f"{where}: {key}: {message}; received {shown(fault['input'])}.") from error


def _number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
