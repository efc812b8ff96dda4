"""What a person decides on flagged photographs: written as a CSV, edited, and handed back.

Nothing on disk but that CSV is ever written: to drop a photograph is to leave its row out.
"""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.cells import as_csv, written_table
from cervix_tf.data.flags import flags_of, need_flags
from cervix_tf.data.manifests import validated
from cervix_tf.data.names import normal
from cervix_tf.data.tables import read_table
from cervix_tf.errors import UserError, unknown
from cervix_tf.files import write_csv
from cervix_tf.given import as_path
from cervix_tf.quality.exclusions import noted
from cervix_tf.quality.label_quality import JUDGED

COLUMNS = ["image", "path", "label", "source", "group", "cluster", "flags", "decision", "new_label"]
DECISIONS = ("keep", "drop")


def write_decisions(
    audited: pd.DataFrame, path: Path | str, decided: pd.DataFrame | None = None
) -> int:
    """Write the CSV that a person edits: one row for each flagged photograph.

    Decisions that a CSV at `path` holds already are carried over.

    Args:
        audited: A manifest as `audit` returns it.
        path: The CSV to write. Its columns `decision` (empty, `keep` or `drop`) and `new_label`
            (empty, or a class) are there to be filled in.
        decided: Further decisions to write down, as `read_decisions` returns them.

    Returns:
        How many photographs are decided on.

    Raises:
        UserError: The CSV at `path` is faulty, or decides otherwise than `decided`.

    Example:
        >>> write_decisions(audit(read_manifest("data")), "audit/audit.csv")
    """
    path = as_path(path, "path")
    earlier = read_decisions(path, audited) if path.exists() else _none_decided()
    if decided is not None and not decided.empty:
        earlier = agreed(earlier, decided, path)
    rows = decision_rows(audited, earlier)
    write_csv(rows, path)
    return len(earlier)


def decision_rows(audited: pd.DataFrame, decided: pd.DataFrame | None = None) -> pd.DataFrame:
    """List what `write_decisions` writes: the photographs that are flagged or decided on.

    Args:
        audited: A manifest as `audit` returns it.
        decided: The decisions, as `read_decisions` returns them.

    Returns:
        The rows of the CSV, in the manifest's order.

    Raises:
        UserError: The manifest has no column `flags`.
    """
    need_flags(audited)
    decided = _none_decided() if decided is None else decided
    flagged = np.array([bool(words) for words in flags_of(audited)], bool)
    rows = audited[flagged | audited["path"].isin(decided.index)]
    judged = [column for column in JUDGED if column in audited]
    rows = rows.reindex(columns=[*COLUMNS[:-2], *judged, *COLUMNS[-2:]])
    rows = rows.round(dict.fromkeys(judged, 4))
    for column in ("decision", "new_label"):
        rows[column] = rows["path"].map(decided[column])
    return rows


def decision_lines(rows: pd.DataFrame) -> list[str]:
    """Give the lines of the CSV but for what is decided: header and rows without their two last cells.

    Args:
        rows: As `decision_rows` returns them.

    Returns:
        The lines, the header first; a quoted cell may hold line ends.
    """
    rows = rows.assign(decision=None, new_label=None)
    text = as_csv(written_table(rows)) or ""
    header, *lines = re.findall(r'(?:[^"\n]|"[^"]*")+', text)
    return [header, *(re.sub(r'(?:,(?:"")?){2}$', "", line) for line in lines)]


def read_decisions(path: Path | str, manifest: pd.DataFrame) -> pd.DataFrame:
    """Read an edited CSV and check it against the photographs.

    Args:
        path: The CSV that `write_decisions` wrote; a spreadsheet may have saved it with semicolons.
        manifest: The photographs it is about.

    Returns:
        A table of the rows that decide something, indexed by the photograph's path, with `decision`
        (`keep`, `drop` or missing), `new_label` (a class or missing) and `row`, the CSV's line.

    Raises:
        UserError: A column lacks, or a row names a photograph that is not in the manifest, twice the
            same, another decision than keep or drop, or a class that no photograph has; the message
            names file, row and column.

    Example:
        >>> read_decisions("audit/audit.csv", read_manifest("data"))
    """
    path = as_path(path, "path")
    table = _read(path)
    labels = manifest.set_index("path")["label"]
    classes = sorted(set(labels.dropna()))
    rows: dict[str, dict] = {}
    for row, values in enumerate(table.to_dict("records"), 2):
        decision, new_label = (_filled(values[c]) for c in ("decision", "new_label"))
        if decision is None and new_label is None:
            continue
        photograph = _absolute(path, values["path"])
        where = f"{path}, row {row}"
        if photograph not in labels.index:
            raise UserError(
                f"{where}, column 'path': {values['path']} is not among the photographs; give the --data "
                "that was audited, or remove the row."
            )
        decision = decision.lower() if decision else None
        if decision not in (None, *DECISIONS):
            raise UserError(
                f"{where}, column 'decision': {unknown('decision', str(decision), DECISIONS)}"
            )
        if new_label is not None and new_label not in classes:
            raise UserError(f"{where}, column 'new_label': {unknown('class', new_label, classes)}")
        if decision == "drop" and new_label is not None:
            raise UserError(
                f"{where}, column 'new_label': a photograph that is dropped needs no new label; empty "
                "one of the two."
            )
        if photograph in rows:
            raise UserError(
                f"{where}, column 'path': {values['path']} is decided on in row "
                f"{rows[photograph]['row']} already; keep one of the rows."
            )
        rows[photograph] = {"decision": decision, "new_label": new_label, "row": row}
    _check_labels(path, table, labels)
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(_none_decided()))


def apply_decisions(manifest: pd.DataFrame, path: Path | str) -> pd.DataFrame:
    """Apply the decisions of a CSV to a manifest; the photographs themselves stay as they are.

    Args:
        manifest: The photographs, audited or not.
        path: The CSV that `write_decisions` wrote, edited.

    Returns:
        A copy without the rows to drop, with the new labels, and with the column `decision`, which is
        `keep` for photographs that `drop_flagged` is to leave. `changes` lists what was done.

    Raises:
        UserError: As in `read_decisions`.

    Example:
        >>> manifest = apply_decisions(audit(read_manifest("data")), "audit/audit.csv")
    """
    path, manifest = as_path(path, "path"), validated(manifest, existing=False)
    decided = read_decisions(path, manifest)
    decision = manifest["path"].map(decided["decision"]).astype("object")
    label = manifest["path"].map(decided["new_label"]).astype("object")
    line = manifest["path"].map(decided["row"])
    relabelled = label.notna() & (label != manifest["label"])
    changed = []
    for rows, change in ((decision == "drop", "dropped"), (relabelled, "relabelled")):
        part = manifest[rows].assign(change=change, new_label=label[rows], row=line[rows])
        changed.append(part.assign(why=f"decided in {path.name}"))
    # To give a label is to want the photograph.
    keep = (decision == "keep") | (label.notna() & (decision != "drop"))
    after = manifest.copy()
    after["label"] = after["label"].where(~relabelled, label)
    before = after.get("decision", pd.Series(None, after.index, dtype="object"))
    after["decision"] = before.astype("object").mask(keep, "keep")
    return noted(after[decision != "drop"], changed)


def agreed(earlier: pd.DataFrame, decided: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Put the decisions of two CSVs together, or refuse where they differ; `path` is the first.

    Args:
        earlier: The decisions of the first CSV, as `read_decisions` returns them.
        decided: Those of the second.
        path: The first CSV, which the error names.

    Returns:
        All decisions.

    Raises:
        UserError: The two decide differently on a photograph.
    """
    both = earlier.join(decided, how="inner", rsuffix="_other")
    for column in ("decision", "new_label"):
        one, other = (both[name].fillna("") for name in (column, f"{column}_other"))
        if (one != other).any():
            row = int(both["row"][(one != other).to_numpy()].iloc[0])
            raise UserError(
                f"{path}, row {row}, column '{column}': decides otherwise than the CSV handed back; put "
                "that in its place, make them agree, or choose another folder to write to."
            )
    return pd.concat([earlier, decided[~decided.index.isin(earlier.index)]])


def _read(path: Path) -> pd.DataFrame:
    table = read_table(path)
    lacking = [c for c in ("path", "decision", "new_label") if c not in table]
    if lacking:
        raise UserError(
            f"{path} has no column '{lacking[0]}'; it has: {', '.join(table.columns)}. Give the "
            "audit.csv that `cervix-tf audit` wrote."
        )
    if table["path"].isna().any():
        row = int(table["path"].isna().argmax()) + 2
        raise UserError(f"{path}, row {row}: the column 'path' is empty.")
    return table


def _check_labels(path: Path, table: pd.DataFrame, labels: pd.Series) -> None:
    """Refuse a label changed in the wrong column: it would be passed over."""
    if "label" not in table:
        return
    for row, values in enumerate(table.to_dict("records"), 2):
        old, new = _filled(values["label"]), _filled(values["new_label"])
        now = _filled(labels.get(_absolute(path, values["path"]), values["label"]))
        if now not in (old, new):
            raise UserError(
                f"{path}, row {row}, column 'label': {old} is not the photograph's label, {now}; leave "
                "this column as it is and write a new one into 'new_label'."
            )


def _absolute(path: Path, photograph: str) -> str:
    """A path in the CSV at `path`, which is relative to it unless it is absolute."""
    return os.path.abspath(path.parent / photograph)


def _filled(value: object) -> str | None:
    return normal(value) or None if isinstance(value, str) else None


def _none_decided() -> pd.DataFrame:
    return pd.DataFrame({c: pd.Series(dtype="object") for c in ("decision", "new_label", "row")})
