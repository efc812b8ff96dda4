"""One thing that was looked at."""

from typing import NamedTuple


class Finding(NamedTuple):
    """What was found of one thing.

    Attributes:
        part: The part of the machine that it belongs to, such as `devices`.
        name: What was looked at.
        says: What was found.
        mend: What to do, empty where nothing need be done.
        broken: Whether the package cannot work as long as it is so.

    Example:
        >>> Finding("devices", "cores", "8").broken
        False
    """

    part: str
    name: str
    says: str
    mend: str = ""
    broken: bool = False
