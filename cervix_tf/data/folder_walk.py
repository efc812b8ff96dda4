"""One walk for every folder of photographs: what it holds, and what is left out, by reason."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cervix_tf.data.names import check_readable, natural
from cervix_tf.errors import UserError

# Each kind of photograph that is read, by the suffixes of its files.
KINDS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "BMP": (".bmp",),
    "WebP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
    "HEIC (extra heif)": (".heic", ".heif", ".hif"),
    "DICOM (extra dicom)": (".dcm", ".dicom"),
}
PHOTOGRAPHS = {suffix for suffixes in KINDS.values() for suffix in suffixes}

# Why files are left out.
HIDDEN = "hidden or system files"
OTHER_KIND = "files of other kinds"
DANGLING = "links that lead nowhere"
AGAIN = "links to folders that are read already"
SPECIAL = "pipes, sockets or devices"
OF_A_RUN = "files of runs"

# What Windows, macOS, NAS boxes and Linux leave in folders.
_SYSTEM = {
    "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "#recycle", "$recycle.bin",
    "system volume information", "lost+found",
}  # fmt: skip
_RUN = "recipe.yaml"


@dataclass(eq=False)
class Folder:
    """A folder with its photographs.

    Attributes:
        path: Where it is, as the walk's folder was named.
        photographs: The paths of those that lie in it directly, in natural order: 2.jpg before 10.jpg.
        folders: The folders in it, in the same order; not hidden ones.
        count: The photographs in it and below.
    """

    path: Path
    photographs: list[str] = field(default_factory=list)
    folders: list["Folder"] = field(default_factory=list)
    count: int = 0

    def every(self) -> list[str]:
        """The photographs in it, then those of each folder below."""
        return [photograph for folder in self._below() for photograph in folder.photographs]

    def _below(self) -> Iterator["Folder"]:
        stack = [self]
        while stack:
            folder = stack.pop()
            yield folder
            stack += reversed(folder.folders)


@dataclass(eq=False)
class Walk:
    """What a folder holds.

    Attributes:
        root: The folder.
        left_out: The files that are no photographs to be used, by reason.
    """

    root: Folder
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def leave(self, reason: str, path: str | Path) -> None:
        """Count a file as left out."""
        self.left_out.setdefault(reason, []).append(os.fspath(path))


def is_run(folder: Path) -> bool:
    """Tell whether a folder is that of a run, whose plots are no photographs."""
    return os.path.isfile(folder / _RUN)  # no, too, where it may not be looked into


def walk(folder: Path | str) -> Walk:
    """List a folder and all folders below; links to folders are followed, none is read twice.

    Photographs are not opened: `is_photograph` tells them.

    Args:
        folder: The folder.

    Returns:
        What it holds: every file is a photograph, or left out for a reason.

    Raises:
        UserError: A folder may not be read, or the name of a photograph is not UTF-8.

    Example:
        >>> len(walk("photographs").root.every())
    """
    root = Folder(Path(folder))
    found = Walk(root)
    order: list[Folder] = []
    seen: set[str] = set()
    folders: list[tuple[Folder, Folder | None, str | None]] = [(root, None, None)]
    links: list[tuple[Folder, Folder | None, str | None]] = []
    while folders or links:
        # Links last: what lies in the folder itself is found there.
        here, above, why = folders.pop() if folders else links.pop(0)
        place = os.path.realpath(here.path)
        if place in seen:
            found.leave(AGAIN, here.path)
            continue
        seen.add(place)
        entries = _entries(here.path, why)
        if entries is None:
            found.leave(why or HIDDEN, here.path)
            continue
        if why is None and here is not root and is_run(here.path):
            why = OF_A_RUN
        if above is not None and why is None:
            above.folders.append(here)
        order.append(here)
        for entry in entries:
            reason = HIDDEN if _hidden(entry.name) else why
            kind = _kind(entry)
            if kind == "folder":
                below = links if entry.is_symlink() else folders
                below.append((Folder(Path(entry.path)), here, reason))
            elif reason or kind != "file":
                found.leave(reason or kind, entry.path)
            elif is_photograph(entry.path):
                here.photographs.append(entry.path)
            else:
                found.leave(OTHER_KIND, entry.path)
    check_readable(path for one in order for path in one.photographs)
    for one in reversed(order):
        one.photographs.sort(key=lambda path: natural(os.path.basename(path)))
        one.folders.sort(key=lambda below: natural(below.path.name))
        one.count = len(one.photographs) + sum(below.count for below in one.folders)
    return found


def is_photograph(path: Path | str) -> bool:
    """Tell a photograph by the ending of its name; DICOM files, which often have none, by their head.

    Args:
        path: A file.

    Returns:
        Whether it is to be read as a photograph.

    Example:
        >>> is_photograph("photographs/1.JPG")
        True
    """
    ending = os.path.splitext(path)[1].lower()
    if ending.strip(".0123456789"):
        return ending in PHOTOGRAPHS
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def subfolders(folder: Path | str) -> list[Path]:
    """List the folders directly in a folder that are neither hidden nor of the system.

    Args:
        folder: The folder.

    Returns:
        They, in natural order; none where it is no folder.

    Raises:
        UserError: The folder may not be read.
    """
    if not os.path.isdir(folder):
        return []
    entries = _entries(Path(folder), None) or []
    names = [e.name for e in entries if not _hidden(e.name) and _kind(e) == "folder"]
    return [Path(folder) / name for name in sorted(names, key=natural)]


def _entries(folder: Path, why: str | None) -> list[os.DirEntry] | None:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        if why is not None:
            return None
        reason = (error.strerror or str(error)).lower()
        raise UserError(
            f"The folder {folder} cannot be read ({reason}): mend that, or move it elsewhere."
        ) from error


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM


def _kind(entry: os.DirEntry) -> str:
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
    except OSError:  # a link to itself
        return DANGLING
    return SPECIAL if os.path.exists(entry.path) else DANGLING
