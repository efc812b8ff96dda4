"""The page of an audit: one self-contained HTML file, to look at and to decide on."""

import hashlib
import os
import shlex
from pathlib import Path

import pandas as pd

from cervix_tf import cells
from cervix_tf.data import flag_counts, summary
from cervix_tf.data.flags import LABEL_ERROR, flag_words
from cervix_tf.data.manifests import photographs_or_phantoms
from cervix_tf.files import write_text
from cervix_tf.given import as_path
from cervix_tf.pages.figures import class_colour
from cervix_tf.pages.pictures import thumbnails
from cervix_tf.pages.templates import render, sealed
from cervix_tf.quality.decisions import decision_lines, decision_rows
from cervix_tf.quality.exclusions import CHANGES
from cervix_tf.quality.findings import Finding, findings

PICTURES = 45e6  # characters that the pictures of a page should take
SIDES = (96, 800)  # pixels of a picture's longer side, least and most


def write_audit_report(
    audited: pd.DataFrame,
    path: Path | str,
    dropped: pd.DataFrame | None = None,
    command: str = "cervix-tf audit --data DATA",
    most: int = 1000,
    neighbours: pd.DataFrame | None = None,
    decided: pd.DataFrame | None = None,
) -> Path:
    """Write what an audit found as one HTML page, which needs no other file, and on which to decide.

    Whoever reads it in a browser can keep, drop or relabel each flagged photograph, and save the CSV
    that `read_decisions` reads. What is decided stays in the browser, under the fingerprint of the CSV's
    rows and of what was decided before, until it is saved.

    Args:
        audited: A manifest as `audit` returns it, before anything is dropped. Files that
            `read_manifest` left out of its folder are told by number.
        path: The page to write. The CSV and the manifest are expected beside it as `audit.csv` and
            `manifest.csv`.
        dropped: What was dropped and relabelled, as `changes` lists it.
        command: The command that made the audit, to be repeated with the edited CSV.
        most: How many photographs, or sets of photographs, are shown of one finding, at most; the
            page says how many more there are. The more it shows, the smaller are its pictures.
        neighbours: What to show beside the photographs flagged `label error`, as
            `inference.nearest_of_each_class` returns it.
        decided: What is decided already, as `read_decisions` returns it.

    Returns:
        The page's path.

    Raises:
        UserError: The manifest has no column `flags`, or the page cannot be written.

    Example:
        >>> write_audit_report(audit(read_manifest("data")), "audit/audit.html")
    """
    path = as_path(path, "path")
    counts = flag_counts(audited)
    number = {flag: row for row, flag in enumerate(counts["flag"], 1)}
    explained = dict(zip(counts["flag"], counts["explanation"], strict=True))
    found = findings(audited, most, neighbours)
    changed = pd.DataFrame(columns=CHANGES) if dropped is None else dropped
    changed = changed.astype("object").where(changed.notna(), None)
    folder = path.parent
    labels = sorted(set(audited["label"].dropna()), key=str)
    page = render(
        "audit.html",
        photographs=len(audited),
        flagged=int(audited["flags"].map(flag_words).astype(bool).sum()),
        what=photographs_or_phantoms(audited),
        counts=_counts(audited, counts),
        sources=list(dict.fromkeys(audited["source"])),
        labels=labels,
        table=summary(audited).to_html(border=0).replace(' style="text-align: right;"', ""),
        left_out=audited.attrs.get("left_out", {}),
        findings=[
            {**one, "number": number[one["flag"]], "why": explained[one["flag"]]} for one in found
        ],
        label_error=LABEL_ERROR,
        alone=neighbours is None,
        data=_data(audited, found, labels, decided),
        dropped=changed.to_dict("records"),
        reasons=changed.groupby(["change", "why"]).size().to_dict(),
        csv=folder / "audit.csv",
        hand_back=f"{command} --out {shlex.quote(str(folder))} "
        f"--decisions {shlex.quote(str(folder / 'audit.csv'))}",
        fit=f"cervix-tf crossfit --model inception --data {shlex.quote(str(folder / 'manifest.csv'))}",
    )
    write_text(path, sealed(page))
    return path


def _counts(audited: pd.DataFrame, counts: pd.DataFrame) -> list[dict]:
    """Each flag with its count in each source."""
    table = audited[["source"]].assign(flag=audited["flags"].map(flag_words)).explode("flag")
    sources = table.groupby(["flag", "source"]).size()
    return [{**row, "sources": sources[row["flag"]].to_dict()} for row in counts.to_dict("records")]


def _data(
    audited: pd.DataFrame,
    found: list[Finding],
    labels: list[str],
    decided: pd.DataFrame | None,
) -> dict:
    """What the page's program needs: the rows of the CSV, then other photographs that are shown."""
    rows = decision_rows(audited, decided)
    header, *lines = decision_lines(rows)
    shown = {path: None for one in found for group in one["groups"] for path, _ in group["cards"]}
    number = {path: k for k, path in enumerate(dict.fromkeys([*rows["path"], *shown]))}
    pictures = thumbnails(shown, _side(len(shown)))
    given = audited.set_index("path", drop=False)
    photographs = [{"path": path} for path in number]
    for one, row in zip(photographs, given.loc[list(number)].to_dict("records"), strict=True):
        if one["path"] in shown:
            one.update(_photograph(row), picture=pictures[row["path"]])
    taken = rows[["decision", "new_label"]].astype("object").where(lambda t: t.notna(), "")
    done = list(zip(taken["decision"], taken["new_label"], strict=True))
    for one, line, words in zip(photographs, lines, done, strict=False):
        one.update({"line": line, "decided": words} if any(words) else {"line": line})
    # What is kept in a browser is of this very audit.
    known = [*map(str, rows["path"].map(given.get("sha256", {}))), *lines, *map(str, done)]
    return {
        "key": hashlib.sha256("\0".join(known).encode(errors="surrogatepass")).hexdigest()[:32],
        "header": header,
        "photographs": photographs,
        "labels": [
            {"name": name, "cell": _cell(name), "colour": class_colour(k)}
            for k, name in enumerate(labels)
        ],
        "findings": [
            {**one, "groups": [
                {**group, "cards": [(number[path], words) for path, words in group["cards"]]}
                for group in one["groups"]
            ]}
            for one in found
        ],
    }  # fmt: skip


def _cell(text: str) -> str:
    """A cell of the CSV."""
    written = cells.as_csv(cells.written_table(pd.DataFrame({"": [text]}))) or ""
    return written.split("\n", 1)[1].removesuffix("\n")


def _photograph(row: dict) -> dict:
    """What is told of a photograph: its name, where it lies, its label, source and flags."""
    return {
        "folder": os.path.join(*Path(row["path"]).parts[-3:-1], ""),
        "name": row["image"],
        "label": row["label"] if pd.notna(row["label"]) else None,
        "source": row["source"],
        "flags": flag_words(row["flags"]),
    }


def _side(count: int) -> int:
    """The longer side of pictures, so many that they together keep to `PICTURES`."""
    # AnnoCerv's take 0.11 to 0.19 characters a pixel of the square over the longer side; others more.
    least, most = SIDES
    return int(min(max((PICTURES / (0.2 * max(count, 1))) ** 0.5, least), most))
