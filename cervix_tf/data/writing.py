"""A manifest written as a CSV that `read_manifest` takes."""

import os
from pathlib import Path

import pandas as pd

from cervix_tf.data.manifests import FILES
from cervix_tf.files import write_csv


def write_manifest(manifest: pd.DataFrame, path: Path | str) -> None:
    """Write a manifest as CSV; `read_manifest` gives back what was written.

    Args:
        manifest: A manifest.
        path: The CSV to write. Paths in it are absolute, so that it may lie anywhere.

    Raises:
        UserError: It cannot be written there.

    Example:
        >>> write_manifest(audit(read_manifest("data")), "audit/manifest.csv")
    """
    table = manifest.copy()
    for column in [c for c in FILES if c in table]:
        table[column] = [p if pd.isna(p) else os.path.abspath(p) for p in table[column]]
    write_csv(table, path)
