"""One self-contained HTML page about an audit, for a person to act on."""

import os
import shlex
from pathlib import Path

import pandas as pd

from cervix_tf.data import flag_counts, summary
from cervix_tf.data.flags import (
    BLURRED,
    DARK,
    EXACT_DUPLICATE,
    LABEL_CONFLICT,
    LABEL_ERROR,
    LEAK,
    NEAR_DUPLICATE,
    OUTLIER,
    OVER_EXPOSED,
    flag_words,
    has_flag,
)
from cervix_tf.data.manifests import photographs_or_phantoms
from cervix_tf.files import write_text
from cervix_tf.pages.figures import class_colour
from cervix_tf.pages.pictures import thumbnails
from cervix_tf.pages.templates import render
from cervix_tf.quality.exclusions import CHANGES
from cervix_tf.quality.label_quality import doubted

MEMBERS = 6  # photographs shown of one cluster
SETS = {  # findings shown as sets of photographs side by side, by the column that joins a set
    LABEL_CONFLICT: "cluster",
    LEAK: "cluster",
    EXACT_DUPLICATE: "sha256",
    NEAR_DUPLICATE: "cluster",
}
WORST = {  # other findings are shown with the worst first: by which column, and whether least is worst
    BLURRED: ("sharpness", True),
    DARK: ("brightness", True),
    OVER_EXPOSED: ("brightness", False),
    OUTLIER: ("distance", False),
}


def write_audit_report(
    audited: pd.DataFrame,
    path: Path | str,
    dropped: pd.DataFrame | None = None,
    command: str = "cervix-tf audit --data DATA",
    most: int = 24,
    neighbours: pd.DataFrame | None = None,
) -> Path:
    """Write what an audit found as one HTML page with thumbnails, which needs no other file.

    Args:
        audited: A manifest as `audit` returns it, before anything is dropped. Files that
            `read_manifest` left out of its folder are told by number.
        path: The page to write. The CSV and the manifest are expected beside it as `audit.csv` and
            `manifest.csv`.
        dropped: What was dropped and relabelled, as `changes` lists it.
        command: The command that made the audit, to be repeated with the edited CSV.
        most: How many photographs, or sets of photographs, are shown of one finding, at most; the
            page says how many more there are.
        neighbours: What to show beside the photographs flagged `label error`, as
            `inference.nearest_of_each_class` returns it.

    Returns:
        The page's path.

    Raises:
        UserError: The manifest has no column `flags`, or the page cannot be written.

    Example:
        >>> write_audit_report(audit(read_manifest("data")), "audit/audit.html")
    """
    path = Path(path)
    counts = flag_counts(audited)
    order = [flag for flag in SETS if flag in set(counts["flag"])]
    order += [flag for flag in counts["flag"] if flag not in SETS]
    number = {flag: row for row, flag in enumerate(counts["flag"], 1)}
    parts = {flag: _section(audited, flag, most) for flag in order if flag != LABEL_ERROR}
    if LABEL_ERROR in order:
        parts[LABEL_ERROR] = _doubts(audited, most, neighbours)
    sections = [{**parts[flag], "number": number[flag]} for flag in order]
    shown = [tile["path"] for part in sections for group in part["sets"] for tile in group["rows"]]
    explained = dict(zip(counts["flag"], counts["explanation"], strict=True))
    changed = pd.DataFrame(columns=CHANGES) if dropped is None else dropped
    changed = changed.astype("object").where(changed.notna(), None)
    folder = path.parent
    labels = sorted(set(audited["label"].dropna()), key=str)
    page = render(
        "audit.html",
        photographs=len(audited),
        flagged=int(audited["flags"].map(flag_words).astype(bool).sum()),
        what=photographs_or_phantoms(audited),
        findings=_findings(audited, counts),
        sources=list(dict.fromkeys(audited["source"])),
        table=summary(audited).to_html(border=0),
        left_out=audited.attrs.get("left_out", {}),
        sections=sections,
        explained=explained,
        pictures=thumbnails(shown),
        colours={label: class_colour(k) for k, label in enumerate(labels)},
        dropped=changed.to_dict("records"),
        reasons=changed.groupby(["change", "why"]).size().to_dict(),
        csv=folder / "audit.csv",
        hand_back=f"{command} --out {shlex.quote(str(folder))} "
        f"--decisions {shlex.quote(str(folder / 'audit.csv'))}",
        fit=f"cervix-tf crossfit --model inception --data {shlex.quote(str(folder / 'manifest.csv'))}",
    )
    write_text(path, page)
    return path


def _findings(audited: pd.DataFrame, counts: pd.DataFrame) -> list[dict]:
    """Each flag with its count in each source."""
    flagged = {flag: audited[has_flag(audited, flag)] for flag in counts["flag"]}
    sources = {flag: rows["source"].value_counts().to_dict() for flag, rows in flagged.items()}
    return [{**row, "sources": sources[row["flag"]]} for row in counts.to_dict("records")]


def _section(audited: pd.DataFrame, flag: str, most: int) -> dict:
    """A finding with the photographs to show of it, in sets side by side or as one sheet."""
    flagged = audited[has_flag(audited, flag)]
    column = SETS.get(flag, "")
    if column in audited and flagged[column].notna().any():
        # Large sets first; of a set all is shown, also what does not have the flag itself.
        sizes = flagged[column].value_counts(sort=False)
        names = sizes.sort_values(ascending=False, kind="stable").index.tolist()
        sets = [_set(audited[audited[column] == name], name, column) for name in names[:most]]
        return {"flag": flag, "count": len(flagged), "sets": sets, "more": len(names) - len(sets),
                "unit": "sets", "grouped": True}  # fmt: skip
    measure, rising = WORST.get(flag, ("", True))
    if measure in flagged:
        flagged = flagged.sort_values(measure, ascending=rising, kind="stable")
    sheet = _set(flagged, None, measure, most)
    return {"flag": flag, "count": len(flagged), "sets": [sheet], "more": len(flagged) - most,
            "unit": "photographs", "grouped": False}  # fmt: skip


def _doubts(audited: pd.DataFrame, most: int, neighbours: pd.DataFrame | None) -> dict:
    """The doubted labels by rank: each photograph, then the nearest of each class."""
    flagged = doubted(audited)
    nearest = pd.DataFrame(columns=["path"]) if neighbours is None else neighbours
    photographs = audited.set_index("path", drop=False)
    sets = []
    for row in flagged.head(most).to_dict("records"):
        given = pd.Series(row).dropna().to_dict()
        beside = [
            {**_tile(photographs.loc[one["nearest"]].to_dict(), ""),
             "measure": f"distance {one['distance']:.2f}"}
            for one in nearest[nearest["path"] == row["path"]].to_dict("records")
        ]  # fmt: skip
        sets.append({**given, "rows": [_tile(row, ""), *beside]})
    return {"flag": LABEL_ERROR, "count": len(flagged), "sets": sets, "more": len(flagged) - most,
            "unit": "photographs", "ranked": True, "alone": neighbours is None}  # fmt: skip


def _set(rows: pd.DataFrame, name: object, column: str, most: int = MEMBERS) -> dict:
    """Photographs to show side by side, at most so many, and how often each label and source occurs."""
    labels = rows["label"].dropna().value_counts().to_dict()
    shown = rows
    if name is not None and len(rows) > most:  # one of each label and source before the others
        turn = rows.groupby(["label", "source"], dropna=False).cumcount()
        shown = rows.loc[turn.sort_values(kind="stable").index]
    return {
        "name": name if column == "cluster" else None,
        "labels": labels,
        "sources": rows["source"].value_counts().to_dict(),
        "rows": [_tile(row, column) for row in shown.head(most).to_dict("records")],
        "count": len(rows),
        "more": len(rows) - most,
    }


def _tile(row: dict, measure: str) -> dict:
    """What is shown of a photograph: its picture's path, its name, label, flags and measure."""
    given = pd.Series(row).dropna().to_dict()
    measured = measure in given and measure not in SETS.values()
    return {
        "path": given["path"],
        "folder": os.path.join(*Path(given["path"]).parts[-3:-1], ""),
        "name": given["image"],
        "label": given.get("label"),
        "source": given["source"],
        "flags": flag_words(given.get("flags")),
        "measure": f"{measure.replace('_', ' ')} {given[measure]:.3g}" if measured else "",
    }
