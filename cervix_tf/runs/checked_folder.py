"""A folder whose files are compared, when they are read, with a table of what was written.

The table, `files.json`, has size and SHA-256 of each file. It is written when a run begins, of what it
starts from, and when it ends, of all that a verb reads back. A file that is not in it, such as every one
of a run of an earlier version, is held against its shape alone.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cervix_tf.errors import UserError
from cervix_tf.files import write_text
from cervix_tf.runs.file_shapes import check_object, read_object

TABLE = "files.json"
# Every file of a run or an ensemble that some verb reads back.
RECORDED = (
    "recipe.yaml",
    "manifest.csv",
    "environment.json",
    "history.csv",
    "model.keras",
    "references.npz",
    "calibration.json",
    "predictions.csv",
    "metrics.json",
    "crossfit.json",
    "oof.csv",
    "tracking.json",
)
ENTRY = {"bytes": int, "sha256": str}


@dataclass(frozen=True)
class CheckedFolder:
    """A folder with a table of its files.

    Attributes:
        folder: Where it lies.
    """

    folder: Path

    def path(self, name: str) -> Path:
        """Path of a file in it.

        Raises:
            UserError: It is, or lies behind, a link that leads out of the folder: by it a stranger's run
                would have other files read, or written, than those of the folder that was named.
        """
        path = self.folder / name
        inside = os.path.realpath(self.folder)
        if os.path.commonpath([inside, os.path.realpath(path)]) != inside:
            raise UserError(
                f"{path} is a link that leads out of {self.folder}: put what it leads to in its place."
            )
        return path

    def file(self, name: str) -> Path:
        """Path of a file that is to be read: it is there, and as it was written.

        Raises:
            UserError: It is missing, or not what the table says.
        """
        path = self.path(name)
        if not path.is_file():
            raise UserError(f"{path} does not exist: {self._why_missing(name)}.")
        checked = vars(self).setdefault("_checked", set())
        if name not in checked:
            self._check(name)
            checked.add(name)
        return path

    def has(self, name: str) -> bool:
        """Whether a file that earlier versions did not write is there, or was."""
        return self.path(name).exists() or name in self._entries()

    def anew(self, name: str) -> Path:
        """Path of a file that is about to be written, which is no longer held against the table.

        Its entry goes before it is written, so that a kill between the two leaves no wrong one.
        """
        entries = self._entries()
        if entries.pop(name, None) is not None:
            self._write(entries)
        vars(self).get("_checked", set()).discard(name)
        return self.path(name)

    def seal(self, names: Iterable[str] = RECORDED) -> None:
        """Write the table: of those of these files that are there, as they are now."""
        there = [self.path(name) for name in names if self.path(name).is_file()]
        self._write(
            {path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)} for path in there}
        )

    def _check(self, name: str) -> None:
        entry, path = self._entries().get(name), self.path(name)
        if entry is None:
            return
        size = path.stat().st_size
        if size != entry["bytes"]:
            how = f"{size} bytes where {entry['bytes']} were"
        elif _sha256(path) != entry["sha256"]:
            how = "its checksum is another one"
        else:
            return
        raise UserError(
            f"{path} is not what was written ({how}): bring that back; if the change is yours, delete "
            f"{self.path(TABLE)}, and it is read as it is."
        )

    def _entries(self) -> dict[str, Any]:
        path = self.path(TABLE)
        if not path.exists():
            return {}
        try:
            entries = read_object(path)
            for entry in entries.values():
                check_object(path, entry, ENTRY)
        except UserError as error:
            reason = str(error).rpartition(": ")[0]
            raise UserError(
                f"{reason}: bring it back, or delete it, and the run is read as it is."
            ) from error
        return entries

    def _write(self, entries: dict[str, Any]) -> None:
        write_text(self.path(TABLE), json.dumps(entries, indent=2) + "\n")

    def _why_missing(self, name: str) -> str:
        if self.path(name).exists():
            return "it is no file; bring back what was written"
        if name in self._entries():
            return "it was there; bring it back"
        return "give the folder that cervix-tf fit wrote"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
