"""Verbs that look after this machine."""

import sys
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.printing import print_table


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say what this machine has: versions, devices, memory, folders, caches, extras, fonts.

    Ends with exit code 2 and a line that names what is broken where the package cannot work here.

    Example: cervix-tf doctor
    """
    from json import dumps

    from cervix_tf.errors import UserError
    from cervix_tf.machine import doctor

    findings = doctor()
    if json:
        print(dumps([finding._asdict() for finding in findings], indent=2))
    else:
        width = max(len(finding.name) for finding in findings)
        for part, found in groupby(findings, lambda finding: finding.part):
            print(part)
            for finding in found:
                says = f"{finding.says}: {finding.mend}" if finding.mend else finding.says
                print(f"  {finding.name:<{width}}  {says}")
    if broken := [finding for finding in findings if finding.broken]:
        said = "; ".join(f"{one.name} {one.says}: {one.mend}".rstrip(": ") for one in broken)
        raise UserError(f"The package cannot work here: {' '.join(said.split())}.")
    if not json:
        print("The package can work here.")


def cache(
    folder: Annotated[
        Path | None, typer.Option("--cache", help="The folder; by default the user's cache folder.")
    ] = None,
    prune: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Remove sets not used for so many days."),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            help="Remove sets that have no photograph of this CSV or folder, and with --prune are old.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
) -> None:
    """List the prepared squares that are kept, and remove what is old or of other photographs.

    Asks before it removes; where nobody can answer, it says what would be removed. Sets in use stay.

    Example: cervix-tf cache --prune 30
    """
    from cervix_tf.data import read_manifest
    from cervix_tf.errors import UserError
    from cervix_tf.machine import cache
    from cervix_tf.machine.places import caches
    from cervix_tf.machine.square_sets import IN_USE, PRUNED, REMOVED

    if yes and prune is None and keep is None:
        raise UserError("--yes removes, and nothing says what: give --prune DAYS or --keep DATA.")
    if folder is not None and not folder.is_dir():
        raise UserError(f"--cache {folder} is no folder: name the one that squares are kept in.")
    manifest = read_manifest(keep, labelled=False) if keep else None
    table = cache(folder, prune, manifest)
    rows = [
        (
            row.name, str(row.size), f"{row.photographs} of {row.of}", f"{row.bytes / 1e6:.1f}",
            f"{row.used:%Y-%m-%d}", row.state, row.origin or "not known",
        )
        for row in table.itertuples(index=False)
    ]  # fmt: skip
    print_table(("set", "side", "photographs", "MB", "last used", "", "photographs in"), rows)
    print(_counted(table))
    if folder is None:
        for finding in caches()[1:]:
            print(f"{finding.name}, which is not pruned: {finding.says}")
    if prune is None and keep is None:
        return
    if (busy := (table["state"] == IN_USE).sum()) > 0:
        print(f"In use, and not removed: {busy}.")
    chosen = table[table["state"] == PRUNED]
    what = _counted(chosen)
    if chosen.empty:
        print("Nothing to remove.")
    elif not yes and not sys.stdin.isatty():
        print(f"Would remove {what}: add --yes.")
    elif yes or typer.confirm(f"Remove {what}?"):
        done = cache(folder, prune, manifest, remove=True)
        print(f"Removed {_counted(done[done['state'] == REMOVED])}.")


def _counted(sets) -> str:
    return f"{len(sets)} set{'s' * (len(sets) != 1)}, {sets['bytes'].sum() / 1e6:.1f} MB"
