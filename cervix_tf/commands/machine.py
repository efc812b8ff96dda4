"""Verbs that look after this machine."""

from itertools import groupby
from typing import Annotated

import typer


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
