"""The space of a search: a key or value that no trial could take is found before the first of them."""

from cervix_tf.errors import UserError
from cervix_tf.models import spec
from cervix_tf.models.weights import find
from cervix_tf.recipes import Range, Recipe, Space


def check_space(space: Space, base: Recipe, settings: list[str]) -> None:
    """Find a key or value that no trial could take.

    Args:
        space: What varies.
        base: The recipe with `settings`.
        settings: `KEY=VALUE`, put on before the values.

    Raises:
        UserError: The network lacks the key, or weights are not there.
    """
    for key, ends in ends_of(space).items():
        for value in ends:
            model = space.apply(base, settings, {key: value}).model
            if key == "model.weights" and "://" not in str(value):
                find(spec(model.name), model.weights)
        option = key.removeprefix("model.")
        if key.startswith("model.") and option not in ("name", "weights"):
            taken = spec(base.model.name).all_options
            if option not in taken:
                raise UserError(
                    f"The space varies {key}, which {base.model.name} does not have; it has "
                    f"{', '.join(f'model.{name}' for name in taken)}."
                )


def ends_of(space: Space) -> dict[str, list]:
    """The values of each key, of a range its ends."""
    return {
        key: [values.low, values.high] if isinstance(values, Range) else space.choices(key)
        for key, values in space.space.items()
    }
