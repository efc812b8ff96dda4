"""The one error a user is meant to read, and its wording for names and packages that lack."""

import difflib
import importlib.util
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake the user can mend: one line that names the file or key and says what to do.

    The command line prints the message without a traceback and ends with exit code 2.
    """


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Word the error for a name that is not one of the known ones.

    Args:
        kind: What the name stands for, such as "model" or "recipe key".
        name: The name received.
        known: Every name that would have been accepted.

    Returns:
        A `UserError` that gives the nearest known name, if one is near, and the whole list.

    Example:
        >>> str(unknown("model", "incepton", ["inception", "resnet"]))
        "Unknown model 'incepton': did you mean 'inception'? Known: inception, resnet."
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UserError(f"Unknown {kind} {name!r}: {hint}Known: {', '.join(known)}.")


def listed(names: Iterable[object], most: int = 10) -> str:
    """Join names for an error message, naming the first few and counting the rest.

    Args:
        names: What is to be named.
        most: How many are named at most.

    Returns:
        Such as `a.jpg, b.jpg and 3 more`.
    """
    words = [str(name) for name in names]
    rest = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + rest


def need_package(name: str, extra: str) -> None:
    """Refuse to go on where a package is not installed.

    Args:
        name: The package.
        extra: The extra of this package that installs it.
    """
    if importlib.util.find_spec(name) is None:
        raise UserError(f'{name} is not installed: run pip install "cervix-tf[{extra}]".')
