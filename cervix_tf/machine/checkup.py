"""A look at the whole machine."""

import importlib
import importlib.util
from collections.abc import Callable

from cervix_tf.machine.findings import Finding

PARTS = {  # what is looked at, in which module; imported one by one, since any may lack a package
    "versions": ("requirements", "packages"),
    "devices": ("devices", "devices"),
    "memory": ("places", "memory"),
    "folders": ("places", "writing"),
    "caches": ("places", "caches"),
    "extras": ("requirements", "extras"),
    "fonts": ("places", "fonts"),
    "kaggle": ("places", "kaggle"),
}


def doctor() -> list[Finding]:
    """Look at versions, devices, memory, folders, caches, extras, fonts and Kaggle's token.

    Nothing is changed, nothing is sent, and of a token only its file's mode is read. TensorFlow is
    imported in a process of its own. What cannot be looked at is a finding too, never an error.

    Returns:
        The findings, part by part; `broken` marks what keeps the package from working.

    Example:
        >>> [finding.name for finding in doctor() if finding.broken]
        []
    """
    return [finding for part in PARTS for finding in _look_at(part)]


def _look_at(part: str) -> list[Finding]:
    module, name = PARTS[part]
    try:
        look: Callable[[], list[Finding]] = getattr(
            importlib.import_module(f"cervix_tf.machine.{module}"), name
        )
        return look()
    except ImportError as error:
        mend = f"pip install {error.name}" if error.name else ""
        return [Finding(part, part, f"cannot be told: {error}", mend, broken=True)]
    except Exception as error:  # of a machine nothing is certain, and a traceback helps nobody
        return [Finding(part, part, f"cannot be told: {type(error).__name__}: {error}")]
