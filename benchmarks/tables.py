"""What the benchmarks share: taking turns, naming the machine, and writing a table into a page."""

import os
import platform
import re
import time
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
Row = tuple[str, str, str, str]
COLUMNS = ("measured", "figure", "ratio", "target")


def take_turns(
    works: dict[str, Callable[[], object]],
    rounds: int,
    between: Callable[[], object] = lambda: None,
) -> dict[str, np.ndarray]:
    """Run each work once a round, so that a machine busy for a while slows all alike.

    Args:
        works: What to run, by name.
        rounds: How often.
        between: Called after each work; its time does not count.

    Returns:
        The seconds of each work in each round. A round that is not counted comes first.
    """
    seconds = {name: [] for name in works}
    for k in range(rounds + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            spent = time.perf_counter() - began
            between()
            if k:
                seconds[name].append(spent)
    return {name: np.array(turns) for name, turns in seconds.items()}


def ratio(seconds: dict[str, np.ndarray], one: str, other: str) -> float:
    """How many times as fast `one` is as `other`: the median over the rounds, each with itself."""
    return float(np.median(seconds[other] / seconds[one]))


def machine(packages: str) -> str:
    """One line with processor, cores, versions and date."""
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        name = found[1] if found else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{p} {version(p)}" for p in packages.split())
    return f"{name}, {cores} cores{load}; Python {platform.python_version()}, {versions}; {date.today()}."


def markdown(head: str, rows: Sequence[tuple[str, ...]], columns: tuple[str, ...] = COLUMNS) -> str:
    """A table, by default of what was measured, its figure, the ratio and the target, under a text."""
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "", *lines])


def write(page: Path, mark: str, text: str) -> None:
    """Put a text between the markers `<!-- mark -->` and `<!-- end of mark -->` of a page."""
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    whole = page.read_text(encoding="utf-8")
    before, found, rest = whole.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{page} has no markers {begin} and {end}.")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
