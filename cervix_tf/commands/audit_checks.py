"""What an audit is checked for before it starts: where it writes, and the decisions handed back."""

from pathlib import Path

import pandas as pd

from cervix_tf.errors import UserError
from cervix_tf.quality import read_decisions
from cervix_tf.quality.decisions import agreed


def check_out(out: Path, data: Path) -> None:
    """Refuse to write into the folder of the photographs, or over a manifest that no audit wrote.

    Args:
        out: The folder to write.
        data: The folder or CSV of the photographs.

    Raises:
        UserError: A later reading of `data` would find what is written, or a file would be lost.
    """
    place, source = out.resolve(), data.resolve()
    if source.is_file() and place == source.parent:
        raise UserError(
            f"--out {out} is the folder of {data}: choose another, so that this CSV stays as it is."
        )
    if place == source or source in place.parents:
        raise UserError(
            f"--out {out} lies in the folder of the photographs, {data}, where nothing is changed: "
            "choose another."
        )
    if (out / "manifest.csv").exists() and not (out / "audit.csv").exists():
        raise UserError(
            f"{out} holds a manifest.csv that no audit wrote: choose another --out, so that it stays."
        )


def checked_decisions(own: Path, given: Path | None, manifest: pd.DataFrame) -> pd.DataFrame:
    """Read the decisions handed back, and check them against those already in the folder.

    Args:
        own: The audit.csv that is to be written; it may exist.
        given: The CSV handed back, if one is.
        manifest: The photographs.

    Returns:
        The decisions handed back, as `read_decisions` gives them; none without `given`.

    Raises:
        UserError: One of the CSVs is faulty, or they contradict each other.
    """
    held = read_decisions(own, manifest) if own.exists() else None
    if given is None:
        return pd.DataFrame(columns=["decision", "new_label", "row"])
    decided = read_decisions(given, manifest)
    if held is not None:
        agreed(held, decided, own)
    return decided
