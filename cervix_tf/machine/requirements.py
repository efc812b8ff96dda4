"""What the package's metadata says it needs, beside what is installed."""

import importlib.metadata
import platform
import sys
from collections.abc import Iterator

from packaging.requirements import Requirement

from cervix_tf.machine.findings import Finding

PACKAGE = "cervix-tf"


def packages() -> list[Finding]:
    """Compare every package that is needed with the version installed; Python's own comes first."""
    part = "versions"
    found = [Finding(part, "Python", f"{platform.python_version()} ({sys.executable})")]
    try:
        version = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        says = "not installed: it runs from a folder, and what it needs cannot be told"
        return [*found, Finding(part, PACKAGE, says, "pip install .")]
    found.append(Finding(part, PACKAGE, version))
    for needed in _requirements(PACKAGE, ""):
        installed = _version(needed.name)
        wrong = not _meets(needed)
        says = installed or "not installed"
        if wrong and installed:
            says += f", and {needed.specifier} is needed"
        mend = f'pip install "{_plain(needed)}"' if wrong else ""
        found.append(Finding(part, needed.name, says, mend, broken=wrong))
    return found


def extras() -> list[Finding]:
    """Tell of every extra whether all its packages are installed, and the command where not."""
    try:
        facts = importlib.metadata.metadata(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return []
    found = []
    for extra in facts.get_all("Provides-Extra") or []:
        lacking = list(dict.fromkeys(_lacking(PACKAGE, extra)))
        says = f"without {', '.join(lacking)}" if lacking else "installed"
        mend = f'pip install "{PACKAGE}[{extra}]"' if lacking else ""
        found.append(Finding("extras", extra, says, mend))
    return found


def _lacking(package: str, extra: str) -> Iterator[str]:
    """Names of what an extra needs and is not there, those of its packages' own extras included."""
    for needed in _requirements(package, extra):
        if not _meets(needed):
            yield needed.name
            continue
        for inner in needed.extras:
            yield from _lacking(needed.name, inner)


def _requirements(package: str, extra: str) -> list[Requirement]:
    """What a package needs here: of one extra alone, or with `""` whatever the extra."""
    every = [Requirement(line) for line in importlib.metadata.requires(package) or []]
    of_extra = [one for one in every if one.marker and "extra" in str(one.marker)]
    if not extra:
        return [one for one in every if one not in of_extra and _applies(one, "")]
    return [one for one in of_extra if _applies(one, extra)]


def _applies(needed: Requirement, extra: str) -> bool:
    return needed.marker is None or needed.marker.evaluate({"extra": extra})


def _meets(needed: Requirement) -> bool:
    installed = _version(needed.name)
    return installed is not None and needed.specifier.contains(installed, prereleases=True)


def _plain(needed: Requirement) -> str:
    return f"{needed.name}{needed.specifier}"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
