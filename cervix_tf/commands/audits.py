"""The verb that looks at the photographs and says what is wrong with them."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.options import Cache, Data, Drop, Strict, apart, folder_out
from cervix_tf.commands.printing import import_tensorflow, print_table
from cervix_tf.commands.training import photographs
from cervix_tf.errors import need_package


def audit(
    data: Data = None,
    out: Annotated[
        Path,
        typer.Option(
            callback=folder_out, help="Folder to write audit.html, audit.csv and manifest.csv into."
        ),
    ] = Path("audit"),
    drop: Drop = None,
    decisions: Annotated[
        Path | None,
        typer.Option(help="The audit.csv that the page saved, or edited: do what it says."),
    ] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option(
            "--run",
            "--runs",
            metavar="RUN",
            help="A run folder, repeatable: look for label errors among its validation photographs, "
            "or an ensemble's: among all (extra 'audit').",
        ),
    ] = None,
    cleanvision: Annotated[
        bool,
        typer.Option(
            "--cleanvision",
            help="Add cleanvision's findings (extra 'audit'). It decodes every photograph "
            "in full for itself, twice, which is slow.",
        ),
    ] = False,
    additional: Annotated[
        bool, typer.Option("--additional", help="Take Kaggle's additional photographs too.")
    ] = False,
    cache: Cache = None,
    strict: Strict = False,
) -> None:
    """Find damaged, repeated, leaking and mislabelled photographs; nothing is changed or deleted.

    Writes a page to look at and to decide on, a CSV of the decisions, and a manifest to train on.

    Example: cervix-tf audit --data data --out audit --drop "zero bytes"
    """
    from cervix_tf.commands.audit_checks import check_out, checked_decisions
    from cervix_tf.data import flag_counts, write_manifest
    from cervix_tf.data.flags import check_flags
    from cervix_tf.data.readers import find_data
    from cervix_tf.progress import bar
    from cervix_tf.quality import (
        apply_decisions,
        changes,
        drop_flagged,
        flag_label_errors,
        flag_with_cleanvision,
        label_errors,
        read_decisions,
        write_audit_report,
        write_decisions,
    )
    from cervix_tf.quality import audit as look
    from cervix_tf.quality.label_quality import not_judged

    # Whatever can be wrong in what was typed ends here, before the photographs are read -------------
    source = find_data(data)
    check_out(out, source)
    manifest = photographs(source, additional, labelled=False, strict=strict)
    apart(out, manifest)
    if cleanvision:
        need_package("cleanvision", "audit")
    check_flags(drop or [], manifest)
    errors = label_errors(runs) if runs else None
    decided = checked_decisions(out / "audit.csv", decisions, manifest)

    # The findings -----------------------------------------------------------------------------------
    with bar("Looking", len(manifest)) as progress:
        audited = look(manifest, cache=cache, progress=progress)
    if errors is not None:
        audited = flag_label_errors(audited, errors)
    if cleanvision:
        audited = flag_with_cleanvision(audited)

    # What was decided, and the files ----------------------------------------------------------------
    left = apply_decisions(audited, decisions) if decisions else audited
    left = drop_flagged(left, drop) if drop else left
    written = write_decisions(audited, out / "audit.csv", decided)
    write_manifest(left, out / "manifest.csv")
    command = ["cervix-tf", "audit", "--data", str(source)]
    command += ["--additional"] * additional + ["--cleanvision"] * cleanvision
    for name, values in (("--run", runs), ("--drop", drop)):
        command += [word for value in values or [] for word in (name, str(value))]
    command += ["--cache", cache] if cache else []
    neighbours = _neighbours(runs or [], audited, cache)
    write_audit_report(
        audited,
        out / "audit.html",
        changes(left),
        shlex.join(command),
        neighbours=neighbours,
        decided=read_decisions(out / "audit.csv", manifest),
    )

    counts = flag_counts(audited)
    rows = [(r["flag"], str(r["photographs"]), r["explanation"]) for r in counts.to_dict("records")]
    print_table(("flag", "photographs", "what it means"), rows)
    if errors is not None:
        labelled = int(manifest["label"].notna().sum())
        spoken = int(audited["label_quality"].notna().sum())
        print(
            f"Label errors were looked for among the {spoken} of {labelled} labelled photographs that "
            f"{', '.join(map(str, runs or []))} can judge."
        )
        for reason, count in not_judged(manifest, errors).items():
            print(f"{count} not judged: {reason}")
    for (change, why), count in changes(left).groupby(["change", "why"], sort=False).size().items():
        print(f"{count} {change}: {why}")
    print(f"{len(left)} of {len(audited)} photographs are in {out / 'manifest.csv'}")
    print(f"The report: {out / 'audit.html'}")
    print(f"To decide on flagged photographs: {out / 'audit.csv'}{_carried(written, decided, out)}")


def _neighbours(runs: list[Path], audited, cache: str | None):
    """The nearest photographs of each class to those with doubted labels; None of runs without."""
    from cervix_tf.data.flags import LABEL_ERROR, has_flag
    from cervix_tf.runs import load

    opened = [load(run) for run in runs]
    if not opened or not has_flag(audited, LABEL_ERROR).any():
        return None
    import_tensorflow()
    from cervix_tf.inference import nearest_of_each_class
    from cervix_tf.inference.familiarity import has_references

    if not all(map(has_references, opened)):
        return None
    return nearest_of_each_class(opened, audited, cache=cache)


def _carried(written: int, decided, out: Path) -> str:
    """Say what decisions the CSV holds, and how to have those done that are not."""
    if not written:
        return ""
    waiting = written - len(decided)
    how = (
        f", {waiting} of them not done yet: add --decisions {out / 'audit.csv'}" if waiting else ""
    )
    return f" ({written} decided{how})"
