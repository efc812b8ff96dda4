"""What an audit is checked for before it starts: where it writes, and the decisions handed back."""

from pathlib import Path

import pandas as pd

from cervix_tf.commands.options import outside
from cervix_tf.errors import UserError
from cervix_tf.quality import read_decisions
from cervix_tf.quality.decisions import agreed


def check_out(out: Path, data: Path) -> None:
    """Refuse to write into the folder of the photographs, or over a manifest that no audit wrote."""
    if data.is_file() and out.resolve() == data.resolve().parent:
        raise UserError(
            f"--out {out} is the folder of {data}: choose another, so that this CSV stays as it is."
        )
    outside(out, data)
    if (out / "manifest.csv").exists() and not (out / "audit.csv").exists():
        raise UserError(
            f"{out} holds a manifest.csv that no audit wrote: choose another --out, so that it stays."
        )


def checked_decisions(path: Path, given: Path | None, manifest: pd.DataFrame) -> pd.DataFrame:
    """Read the decisions handed back, and check them against those already in the folder."""
    earlier = read_decisions(path, manifest) if path.exists() else None
    if given is None:
        return pd.DataFrame(columns=["decision", "new_label", "row"])
    decided = read_decisions(given, manifest)
    if earlier is not None:
        agreed(earlier, decided, path)
    return decided
