"""Photographs left out of a manifest by their flags, and the list of what was changed and why."""

from collections.abc import Iterable

import pandas as pd

from cervix_tf.data.flags import EXACT_DUPLICATE, NEAR_DUPLICATE, check_flags, has_flag, need_flags
from cervix_tf.data.manifests import validated
from cervix_tf.errors import UserError

CHANGES = ["image", "path", "source", "label", "change", "new_label", "why", "row", "flags"]
# Of photographs that repeat each other one stays: to drop all of them would lose the picture.
REPEATS = {EXACT_DUPLICATE: "sha256", NEAR_DUPLICATE: "cluster"}


def drop_flagged(manifest: pd.DataFrame, flags: Iterable[str]) -> pd.DataFrame:
    """Leave out the photographs that have one of these flags, unless it was decided to keep them.

    Of exact duplicates (equal `sha256`) and of the near-duplicates of a cluster one stays: a test
    photograph before the others, then the first, so that dropping duplicates loses no picture.

    Args:
        manifest: A manifest with the column `flags`.
        flags: Words of `data.FLAGS`, or others that the column holds.

    Returns:
        A copy without them; `changes` lists what was left out.

    Raises:
        UserError: A flag is unknown, or the manifest has no column `flags`.

    Example:
        >>> drop_flagged(audit(read_manifest("data")), ["truncated", "blurred"])
    """
    manifest, flags = validated(manifest, existing=False), list(flags)
    check_flags(flags, manifest)
    need_flags(manifest)
    kept = manifest["decision"] == "keep" if "decision" in manifest else manifest["path"].isin([])
    why = pd.Series(None, manifest.index, dtype="object")
    # The duplicates last: one that stays is not to be one that another flag drops.
    for flag in sorted(flags, key=lambda flag: flag in REPEATS):
        flagged = pd.Series(has_flag(manifest, flag), manifest.index) & ~kept & why.isna()
        if flag in REPEATS:
            flagged &= ~_first(manifest[why.isna()], REPEATS[flag], kept).reindex(
                manifest.index, fill_value=False
            )
        why = why.where(~flagged, f"flag {flag}")
    part = manifest[why.notna()].assign(change="dropped", new_label=None, why=why.dropna())
    return noted(manifest[why.isna()], [part])


def changes(manifest: pd.DataFrame) -> pd.DataFrame:
    """List what `apply_decisions` and `drop_flagged` did to a manifest.

    Args:
        manifest: What they returned.

    Returns:
        A table with one row a change: `image`, `path`, `source`, `label` (the old one), `change`
        (`dropped` or `relabelled`), `new_label`, `why` (`flag WORD`, or which CSV), `row` (the line of
        that CSV) and `flags`.

    Example:
        >>> changes(drop_flagged(audited, ["blurred"]))["why"].value_counts()
    """
    return pd.DataFrame(manifest.attrs.get("changes", []), columns=CHANGES)


def noted(manifest: pd.DataFrame, parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Number the rows anew and note changes, with the columns of `CHANGES`, beside earlier ones."""
    rows = pd.concat([part.reindex(columns=CHANGES).astype("object") for part in parts])
    manifest = manifest.reset_index(drop=True)
    manifest.attrs["changes"] = [
        *manifest.attrs.get("changes", []),
        *rows.where(rows.notna(), None).to_dict("records"),
    ]
    return manifest


def _first(manifest: pd.DataFrame, column: str, kept: pd.Series) -> pd.Series:
    """Which photograph of each set stays: one decided to keep, a test photograph, or the first."""
    if column not in manifest:
        raise UserError(
            f"The manifest has no column '{column}', which tells duplicates apart: run `cervix-tf audit`."
        )
    order = pd.DataFrame(
        {"kept": ~kept.reindex(manifest.index), "test": manifest["split"] != "test"}
    )
    ranked = manifest[column].loc[order.sort_values(["kept", "test"], kind="stable").index]
    return (ranked.isna() | ~ranked.duplicated()).reindex(manifest.index)
