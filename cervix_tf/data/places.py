"""Where photographs are looked for when no path is given."""

import os
from pathlib import Path

from cervix_tf.errors import UserError

COMPETITION = "intel-mobileodt-cervical-cancer-screening"


def find_data(given: Path | None = None) -> Path:
    """Find the photographs: what was given, `$CERVIX_DATA`, `./data`, or kagglehub's cache.

    Args:
        given: A path that is taken as it is.

    Returns:
        The first that exists; a path given, or in `$CERVIX_DATA`, even if it does not.

    Raises:
        UserError: None is there; the message says how to get photographs.

    Example:
        >>> find_data(Path("data"))
        PosixPath('data')
    """
    if given is not None:
        return given
    if os.environ.get("CERVIX_DATA"):
        return Path(os.environ["CERVIX_DATA"])
    cache = Path(os.environ.get("KAGGLEHUB_CACHE", Path.home() / ".cache/kagglehub"))
    for place in (Path("data"), cache / "competitions" / COMPETITION):
        if place.is_dir():
            return place
    raise UserError(
        "No photographs: give --data FOLDER_OR_CSV, draw some with `cervix-tf phantom data`, or get "
        f"Kaggle's competition {COMPETITION} with `cervix-tf fetch`."
    )
