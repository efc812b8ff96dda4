"""What a run's figures depend on besides its recipe."""

import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

PACKAGES = ("cervix-tf", "tensorflow", "keras", "numpy", "pandas", "opencv-python", "scikit-learn")


def environment(manifest: pd.DataFrame, seed: int) -> dict:
    """Describe versions, devices, seed, code and data of a run about to start.

    Args:
        manifest: The run's manifest.
        seed: The recipe's seed.

    Returns:
        A dict that JSON can hold.

    Example:
        >>> environment(manifest, seed=0)["devices"]
        ['CPU: 2 cores']
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": _without_passwords(" ".join([Path(sys.argv[0]).name, *sys.argv[1:]])),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "devices": devices(),
        "seed": seed,
        "git_commit": _git_commit(),
        "data_fingerprint": fingerprint(manifest),
    }


def _without_passwords(command: str) -> str:
    """The command line as it may be shown: with those of `--storage` left out."""
    command = re.sub(r"(://[^/\s:@]*):\S*@", r"\1:***@", command)
    return re.sub(r"(password)=[^&\s]*", r"\1=***", command)


def devices() -> list[str]:
    """Name the devices TensorFlow trains on: its GPUs, or the processor's cores."""
    import tensorflow as tf

    gpus = [
        f"GPU: {tf.config.experimental.get_device_details(g).get('device_name', g.name)}"
        for g in tf.config.list_physical_devices("GPU")
    ]
    return gpus or [f"CPU: {os.cpu_count()} cores"]


def fingerprint(manifest: pd.DataFrame) -> str:
    """Hash which photographs with which labels a manifest names, whatever the order of its rows.

    Args:
        manifest: A manifest whose files exist.

    Returns:
        16 hexadecimal digits of a SHA-256 over name, label, group, split and size in bytes of each.

    Example:
        >>> fingerprint(manifest) == fingerprint(manifest.iloc[::-1])
        True
    """
    columns = ["image", "path", "label", "group", "split"]
    rows = sorted(
        f"{image}|{label}|{group}|{split}|{Path(path).stat().st_size}"
        for image, path, label, group, split in manifest[columns].fillna("").to_numpy().tolist()
    )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


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
