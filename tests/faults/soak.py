"""Draw verbs and faults for an hour: `python -m tests.faults.soak --minutes 60 --seed 1`.

It prints each finding as it comes, and a table of verbs, faults, runs and findings at the end, whose exit
code is 1 where there is a finding.
"""

import argparse
import collections
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.world import ERRORS, PLACES, SIGNALS, STREAMS, VERBS, World, until


def kind(fault: str) -> str:
    """The column of the table in which a fault counts."""
    kinds = {"disk and files": ERRORS, "signals": SIGNALS, "streams": STREAMS, "places": PLACES}
    return next((name for name, some in kinds.items() if fault in some), "cache")


def main() -> None:
    """Draw until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--verb", action="append", choices=list(VERBS), help="of these alone")
    asked = parser.parse_args()
    runs, found = collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory(prefix="cervix-faults-") as folder:
        world = World(Path(folder))
        for verb, fault, draw in until(asked.minutes, asked.seed, asked.verb):
            said, broken = world.try_one(verb, fault, draw)
            runs[verb, kind(fault)] += 1
            found[verb, kind(fault)] += bool(broken)
            print(f"{sum(runs.values())} {verb}: {said}", *broken, sep="\n    ", flush=True)
        world.close()
    columns = ("disk and files", "signals", "streams", "places", "cache")
    print(f"\nSeed {asked.seed}, {asked.minutes:g} minutes: {sum(runs.values())} runs, ", end="")
    print(f"{sum(found.values())} with a finding\n")
    print("| verb | " + " | ".join(columns) + " | runs | findings |")
    print("|---|" + "---|" * (len(columns) + 2))
    for verb in sorted({verb for verb, _ in runs}):
        cells = [runs[verb, column] for column in columns]
        findings = sum(found[verb, column] for column in columns)
        print(f"| {verb} | {' | '.join(map(str, cells))} | {sum(cells)} | {findings} |")
    sys.exit(bool(sum(found.values())))


if __name__ == "__main__":
    main()
