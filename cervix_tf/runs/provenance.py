"""What a run's figures depend on besides its recipe."""

import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from cervix_tf.data.decoding_pass import UnreadablePhotographs
from cervix_tf.data.threads import ahead
from cervix_tf.errors import UserError

_PART = 1 << 16  # bytes of a photograph that are looked at in one place
CONTENT = "content"  # the column of a run's manifest that tells its photographs from others
PACKAGES = ("cervix-tf", "tensorflow", "keras", "numpy", "pandas", "opencv-python", "scikit-learn")


def environment(manifest: pd.DataFrame, seed: int, looked: list[str] | None = None) -> dict:
    """Describe versions, devices, seed, code and data of a run about to start.

    Args:
        manifest: The run's manifest.
        seed: The recipe's seed.
        looked: What `samples` gives of it, if that is known.

    Returns:
        A dict that JSON can hold.

    Example:
        >>> environment(manifest, seed=0)["devices"]
        ['CPU: 2 cores']
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": without_passwords(" ".join([Path(sys.argv[0]).name, *sys.argv[1:]])),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "devices": devices(),
        "seed": seed,
        "git_commit": _git_commit(),
        "data_fingerprint": fingerprint(manifest, looked=looked),
    }


def without_passwords(text: str) -> str:
    """Take the passwords out of the URLs of a command line.

    Args:
        text: The command line, or a URL.

    Returns:
        It as it may be shown.
    """
    text = re.sub(r"(://[^/\s:@]*):\S*@", r"\1:***@", text)
    return re.sub(r"(password)=[^&\s]*", r"\1=***", text)


def devices() -> list[str]:
    """Name the devices TensorFlow trains on: its GPUs, or the processor's cores."""
    import tensorflow as tf

    gpus = [
        f"GPU: {tf.config.experimental.get_device_details(g).get('device_name', g.name)}"
        for g in tf.config.list_physical_devices("GPU")
    ]
    return gpus or [f"CPU: {os.cpu_count()} cores"]


def fingerprint(
    manifest: pd.DataFrame, content: bool = True, looked: list[str] | None = None
) -> str:
    """Hash which photographs with which labels a manifest names, whatever the order of its rows.

    Args:
        manifest: A manifest whose files exist.
        content: Whether their content counts: all of a file up to 192 KB, of a larger one the first, the
            middle and the last 64 KB. Runs of earlier versions knew sizes alone.
        looked: What `samples` gives of the manifest, if that is known.

    Returns:
        32 hexadecimal digits of a SHA-256 over name, label, group, split, size in bytes and content of
        each; 16 without the content.

    Example:
        >>> fingerprint(manifest) == fingerprint(manifest.iloc[::-1])
        True
    """
    columns = ["image", "label", "group", "split"]
    heads = (
        "|".join(row) for row in zip(*(_words(manifest[name]) for name in columns), strict=True)
    )
    if looked is None:
        looked = _each(_sample if content else _size, manifest["path"])
    rows = sorted("|".join(row) for row in zip(heads, looked, strict=True))
    digest = hashlib.sha256()
    for number, row in enumerate(rows):
        digest.update(("\n" * (number > 0) + row).encode(errors="surrogateescape"))
    return digest.hexdigest()[: 32 if content else 16]


def samples(manifest: pd.DataFrame) -> list[str]:
    """Look at the size and at three places of each photograph of a manifest, on every core.

    Args:
        manifest: A manifest whose files exist.

    Returns:
        A text a row, which another content or size changes.

    Raises:
        UnreadablePhotographs: Some cannot be read.
    """
    return _each(_sample, manifest["path"])


def with_content(manifest: pd.DataFrame, looked: list[str]) -> pd.DataFrame:
    """Add the column `content`: a hash of each row's photograph, and of its mask where it has one.

    Args:
        manifest: A manifest whose files exist.
        looked: What `samples` gives of it.

    Returns:
        A copy with the column.
    """
    if "mask" in manifest:
        there = manifest["mask"].notna()
        masks = iter(_each(_sample, manifest["mask"][there]))
        looked = [f"{a}|{next(masks) if b else ''}" for a, b in zip(looked, there, strict=True)]
    return manifest.assign(**{CONTENT: [_code(one) for one in looked]})


def warn_of_copies(manifest: pd.DataFrame, looked: list[str], sides: str = "split") -> None:
    """Warn of photographs with one content on several sides: the figures would be too good.

    Args:
        manifest: A manifest; rows with no side, or whose split is `test`, are passed over.
        looked: What `samples` gives of it.
        sides: The column of the sides.
    """
    counted = manifest[sides].notna() & (manifest["split"] != "test")
    table = manifest.assign(looked=looked)[counted]
    parted = table.groupby("looked")[sides].nunique() > 1
    copies = table["path"][table["looked"].map(parted)]
    if len(copies):
        what = "training and validation" if sides == "split" else "several folds"
        warnings.warn(
            f"{len(copies)} photographs have copies in {what}, such as "
            f"{copies.iloc[0]}: the figures will be too good. `cervix-tf audit` groups copies.",
            stacklevel=3,
        )


def contents(manifest: pd.DataFrame) -> list[set[str]]:
    """Give what the column `content` of a run's manifest may say of photographs, wherever they lie.

    Args:
        manifest: Photographs whose files exist, with their masks or without.

    Returns:
        Of each the hashes of the photograph alone, of it where others have masks, and with its mask.
    """
    looked = samples(manifest)
    if "mask" in manifest:  # those that are there
        there = manifest["mask"].map(lambda path: isinstance(path, str) and os.path.isfile(path))
        manifest = manifest.assign(mask=manifest["mask"].where(there))
    masked = with_content(manifest, looked)[CONTENT]
    return [{_code(one), _code(f"{one}|"), code} for one, code in zip(looked, masked, strict=True)]


def _code(looked: str) -> str:
    return hashlib.sha256(looked.encode()).hexdigest()[:32]


def check_recorded(photographs: pd.DataFrame, folder: Path) -> None:
    """Refuse to read photographs that a run names but was not made of.

    Where photographs lie is written in the run's folder, which may come from somebody else.

    Args:
        photographs: Rows of a run's manifest that are about to be read.
        folder: The run's folder, for the error.

    Raises:
        UserError: One has another content than when the run began, or an earlier version wrote the run,
            which did not note it.
    """
    how = "give the photographs with --data"
    if CONTENT not in photographs:
        raise UserError(
            f"{folder} does not tell its photographs from others (an older version wrote it): {how}."
        )
    names = [name for name in ("path", "mask") if name in photographs]
    there = photographs[names].map(lambda path: pd.isna(path) or os.path.isfile(path)).all(axis=1)
    found = photographs[there]
    now = with_content(found, samples(found))[CONTENT]
    if (changed := now != found[CONTENT]).any():
        path = found.loc[changed, "path"].iloc[0]
        raise UserError(f"{path} is not the photograph that {folder} was made of: {how}.")


def check_photographs(manifest: pd.DataFrame, stored: str, folder: Path) -> None:
    """Refuse to go on with a run where photographs have changed since it began.

    Args:
        manifest: The run's manifest.
        stored: The fingerprint that it began with, by content or, of earlier versions, by sizes.
        folder: The run's folder, for the error.

    Raises:
        UserError: A photograph is gone, or is another one.
    """
    gone = [path for path in manifest["path"] if not Path(path).is_file()]
    if gone:
        raise UserError(f"{gone[0]} is gone: bring it back to go on with {folder}.")
    if fingerprint(manifest, content=len(stored) > 16) != stored:
        raise UserError(
            f"The photographs have changed since {folder} began: bring the old ones back or train anew."
        )


def _each(look: Callable[[str], str], files: "pd.Series[str]") -> list[str]:
    names, reasons = files.tolist(), {}

    def read(row: int) -> str:
        try:
            return look(names[row])
        except OSError as error:
            reasons[row] = (error.strerror or str(error)).lower()  # as of `read_bytes`
            return ""

    rows = range(len(names))
    parts = (rows[first : first + 64] for first in rows[::64])
    found = [one for part in ahead(lambda part: list(map(read, part)), parts, 64) for one in part]
    if reasons:
        raise UnreadablePhotographs(list(map(Path, names)), reasons)
    return found


def _words(column: pd.Series) -> Iterator[str]:
    return ("" if pd.isna(value) else str(value) for value in column.tolist())


def _sample(path: str) -> str:
    """Size, and a hash of the first, the middle and the last 64 KB of a file."""
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.sha256()
        starts = {0, max(0, size // 2 - _PART // 2), max(0, size - _PART)}
        for start in sorted(starts) if size > 3 * _PART else range(0, size, _PART):
            file.seek(start)
            digest.update(file.read(_PART))
    return f"{size}|{digest.hexdigest()}"


def _size(path: str) -> str:
    return str(os.stat(path).st_size)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Commit of the package's own checkout, None for an installed copy."""
    here = Path(__file__).parents[2]
    if not (here / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
