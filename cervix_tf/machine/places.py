"""Folders, memory, fonts and Kaggle's token."""

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from cervix_tf.caches import (
    hub_cache,
    kaggle_cache,
    kaggle_settings,
    keras_cache,
    user_cache,
)
from cervix_tf.files import check_output, given_tmpdir, is_temporary
from cervix_tf.machine.findings import Finding

LETTERS = {"Chinese": "子宫颈", "Japanese": "しきゅう", "Korean": "자궁경부", "Cyrillic": "Шейка"}
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def caches() -> list[Finding]:
    """Give the place and size of each cache."""
    named = {
        "prepared squares": user_cache(),
        "TensorFlow Hub": hub_cache(),
        "Keras": keras_cache(),
        "kagglehub": kaggle_cache(),
    }
    apart = {hub_cache()}  # lies within the first
    return [
        Finding(
            "caches", name, f"{folder} ({_kept(folder, apart if folder not in apart else set())})"
        )
        for name, folder in named.items()
    ]


def writing() -> list[Finding]:
    """Try to write where the package writes; without a folder for temporary files nothing works."""
    try:
        here = Path.cwd()
    except OSError:
        mend = "go to a folder that exists"
        return [Finding("folders", "working folder", "was deleted", mend, broken=True)]
    found = [
        _place("working folder", here, "name another with --run, --out"),
        _place("prepared squares", user_cache(), "--cache FOLDER, or --cache memory"),
    ]
    try:
        folder = Path(tempfile.gettempdir())
    except OSError as error:
        mend = "set TMPDIR to a folder that can be written"
        says = error.strerror or str(error)
        return [*found, Finding("folders", "temporary files", says, mend, broken=True)]
    folder = folder.parent if is_temporary(folder) else folder  # the verb's own within it
    asked = given_tmpdir()
    if asked and Path(asked).resolve() != folder.resolve():
        says = f"{folder}, since TMPDIR ({asked}) cannot be written"
        return [*found, Finding("folders", "temporary files", says, "set TMPDIR anew")]
    return [*found, _place("temporary files", folder, "set TMPDIR", needed=True)]


def memory() -> list[Finding]:
    """Give the memory of the machine, and of the container where that is less."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = page * os.sysconf("SC_PHYS_PAGES")
    says = f"{total / 1e9:.1f} GB"
    with contextlib.suppress(OSError, StopIteration, ValueError):  # not Linux
        says += f", {_available() / 1e9:.1f} GB of it free"
    for path in map(Path, _LIMITS):
        try:
            limit = int(path.read_text())
        except (OSError, ValueError):
            continue
        if limit < total:
            says += f", {limit / 1e9:.1f} GB for this container"
    return [Finding("memory", "memory", says)]


def fonts() -> list[Finding]:
    """Tell which letters figures can show."""
    from cervix_tf.pages.lettering import font_of

    lacking = [name for name, word in LETTERS.items() if None in map(font_of, word)]
    if not lacking:
        return [Finding("fonts", "letters", f"Latin, {', '.join(LETTERS)}")]
    mend = "install Noto Sans CJK (apt install fonts-noto-cjk) where names have such letters"
    return [Finding("fonts", "letters", f"none for {', '.join(lacking)}: boxes are shown", mend)]


def kaggle() -> list[Finding]:
    """Tell whether a token is there and who can read it; it is not read."""
    part, name, keys = "kaggle", "token", ("KAGGLE_USERNAME", "KAGGLE_KEY")
    if os.environ.get("KAGGLE_API_TOKEN"):
        return [Finding(part, name, "in KAGGLE_API_TOKEN")]
    if all(map(os.environ.get, keys)):
        return [Finding(part, name, f"in {' and '.join(keys)}")]
    for file in ("access_token", "kaggle.json"):
        path = kaggle_settings() / file
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & 0o077:
            says = f"{path}, mode {mode:o}: others can read it"
            return [Finding(part, name, says, f"chmod 600 {path}")]
        return [Finding(part, name, f"{path}, mode {mode:o}")]
    mend = f"needed for `cervix-tf fetch` alone: kaggle.com, Settings, to {path}"
    return [Finding(part, name, "none", mend)]


def size_of(folder: Path, but: set[Path]) -> int:
    """Add up the bytes of the files in a folder, of what can be read; links are not followed.

    Args:
        folder: The folder.
        but: Folders within it that are left out.
    """
    total = 0
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) not in but]
        for name in files:
            with contextlib.suppress(OSError):  # gone by now
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def _kept(folder: Path, but: set[Path]) -> str:
    return f"{size_of(folder, but) / 1e6:,.1f} MB" if folder.is_dir() else "not there"


def _place(name: str, folder: Path, mend: str, needed: bool = False) -> Finding:
    """Whether a folder can be written, and how much room its disk has."""
    try:
        check_output(folder, "folder")
    except (OSError, ValueError) as error:
        says = str(error).partition(": ")[0]
        return Finding("folders", name, says, mend, broken=needed)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Finding("folders", name, f"{folder} can be written, {free / 1e9:.1f} GB free")


def _available() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    line = next(line for line in lines if line.startswith("MemAvailable:"))
    return 1024 * int(line.split()[1])
