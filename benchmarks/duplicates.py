"""What an audit finds of planted near-duplicates, whom it joins wrongly, and what it costs.

    python benchmarks/duplicates.py [--annocerv ../shared/data/annocerv] [--phantoms 300] [--each 100]
                                    [--seed 0] [--cost 64] [--rounds 5] [--write docs/audit.md]

Altered copies of a sample of photographs are audited beside the originals, one kind of change at a
time. Cost is measured on AnnoCerv's photographs enlarged to 2448 x 3264, or phantoms of that size.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from alterations import BEYOND, PROMISED
from tables import ROOT, Row, machine, markdown, ratio, take_turns, write

import cervix_tf as cx
from cervix_tf.data.duplicates import DISTANCE, close_pairs

PHOTOGRAPHS = ["path", "image", "label", "group", "source", "split"]


def patients(manifest: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Patient numbers, cases with a file in common being one patient, and these cases' names."""
    audited = cx.data.audit(manifest, cache="memory")
    exact = audited["flags"].fillna("").str.contains("exact duplicate")
    name = {group: group for group in manifest["group"]}
    for _, own in audited[exact].groupby("sha256"):
        groups = sorted(set(manifest.loc[own.index, "group"]))
        for group in groups:
            name[group] = min(name[groups[0]], name[group])
    linked = [f"{a} = {b}" for a, b in name.items() if a != b]
    return manifest["group"].map(name).to_numpy(), linked


def joined(cluster: pd.Series, patient: np.ndarray) -> tuple[int, int, int, int]:
    """Joined and all pairs of different patients, then of one patient."""
    number = np.where(cluster.isna(), -1 - np.arange(len(cluster)), pd.factorize(cluster)[0])
    one, other = np.triu_indices(len(number), 1)
    together, same = number[one] == number[other], patient[one] == patient[other]
    return (
        int(together[~same].sum()),
        int((~same).sum()),
        int(together[same].sum()),
        int(same.sum()),
    )


def recalls(
    manifest: pd.DataFrame, patient: np.ndarray, each: int, seed: int, folder: Path
) -> dict:
    """The share found of each kind of change, and the pairs of strangers joined meanwhile."""
    found, wrong = {}, 0
    for k, (kind, make) in enumerate((PROMISED | BEYOND).items()):
        random = np.random.default_rng((seed, k))
        rows = np.sort(random.permutation(len(manifest))[:each])
        copies = manifest.iloc[rows][PHOTOGRAPHS].copy()
        paths = [folder / f"{k}-{row}.jpg" for row in rows]
        for path, original in zip(paths, copies["path"], strict=True):
            path.write_bytes(make(cv2.imread(original), random))
        copies["path"] = [str(path) for path in paths]
        copies["image"] = [path.name for path in paths]
        both = pd.concat([manifest[PHOTOGRAPHS], copies], ignore_index=True)
        cluster = cx.data.audit(both, cache=folder / "cache")["cluster"]
        originals = cluster[: len(manifest)]
        copied = cluster[len(manifest) :].to_numpy()
        # A photograph without a duplicate has no cluster: two of these are no find.
        hits = (originals.iloc[rows].to_numpy() == copied) & pd.notna(copied)
        found[kind] = float(hits.mean())
        wrong += joined(originals, patient)[0]
        print(f"{kind:45s} {found[kind]:.3f}", flush=True)
    return found | {"wrong": wrong}


def accuracy(sets: dict[str, pd.DataFrame], each: int, seed: int) -> str:
    """Two tables: recall by kind of change, and who is joined."""
    results, rest, notes = {}, {}, []
    for name, manifest in sets.items():
        patient, linked = patients(manifest)
        with tempfile.TemporaryDirectory() as folder:
            results[name] = recalls(manifest, patient, each, seed, Path(folder))
        rest[name] = joined(cx.data.audit(manifest, cache="memory")["cluster"], patient)
        if linked:
            notes.append(
                f"{name}: cases with files in common count as one patient: {', '.join(linked)}."
            )
    lines = [f"| change | {' | '.join(sets)} |", "|---|" + "---|" * len(sets)]
    for kinds, title in ((PROMISED, "promised"), (BEYOND, "beyond")):
        lines.append(f"| **{title}** |" + " |" * len(sets))
        lines += [f"| {k} | {' | '.join(f'{results[n][k]:.2f}' for n in sets)} |" for k in kinds]
    lines += ["", f"| pairs joined | {' | '.join(sets)} |", "|---|" + "---|" * len(sets)]
    strangers = [f"{rest[n][0]} of {rest[n][1]}" for n in sets]
    relatives = [
        f"{rest[n][2]} of {rest[n][3]} ({rest[n][2] / max(rest[n][3], 1):.0%})" for n in sets
    ]
    lines.append(f"| of different patients, originals alone | {' | '.join(strangers)} |")
    per = [f"{1000 * results[n]['wrong'] / len(PROMISED | BEYOND) / rest[n][1]:.3f}" for n in sets]
    lines.append(f"| of different patients, in 1,000, with the copies | {' | '.join(per)} |")
    lines.append(f"| of one patient | {' | '.join(relatives)} |")
    return "\n".join([f"Seed {seed}, {each} copies a kind.", "", *lines, "", *notes])


def large(manifest: pd.DataFrame, count: int, folder: Path) -> pd.DataFrame:
    """Photographs enlarged to what a phone's camera gives."""
    paths = []
    for k, path in enumerate(manifest["path"].iloc[:count]):
        paths.append(str(folder / f"{k}.jpg"))
        picture = cv2.resize(cv2.imread(path), (2448, 3264), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(paths[-1], picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return manifest.iloc[:count].assign(path=paths)


def cost(manifest: pd.DataFrame, count: int, rounds: int) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, own in (
            (f"{count} photographs of 2448 x 3264", large(manifest, count, Path(folder))),
            (f"{len(manifest)} photographs as they are", manifest),
        ):
            spent: dict[str, list[float]] = {"prepare": [], "audit": []}

            def timed(work, verb, spent=spent):
                began = time.process_time()
                work()
                spent[verb].append(time.process_time() - began)

            works = {
                "prepare": lambda own=own: cx.data.prepare(own, 256, cache="memory"),
                "audit": lambda own=own: cx.data.audit(own, cache="memory"),
            }
            turns = take_turns(
                {verb: (lambda w=work, v=verb: timed(w, v)) for verb, work in works.items()}, rounds
            )
            seconds = [
                f"{np.median(turns[work]) / len(own) * 1000:.1f}" for work in ("audit", "prepare")
            ]
            times = ratio(turns, "prepare", "audit")
            cpu = np.median(np.divide(spent["audit"][1:], spent["prepare"][1:]))
            figure = f"{' and '.join(seconds)} ms a photograph; processor time {cpu:.2f} times"
            rows.append((f"Audit beside the first pass, {name}", figure, f"{times:.2f}", "1.3"))
    random = np.random.default_rng(0)
    for photographs in (2000, 8000):
        hashes = [random.integers(0, 2**63, (photographs, k), np.uint64) for k in (14, 8)]
        began = time.perf_counter()
        close_pairs(*hashes, DISTANCE, 50 * photographs)
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        name = f"All pairs of {photographs} photographs' hashes, 14 windows x 8 turns"
        rows.append(
            (name, f"{seconds:.1f} s; peak of the process {peak:.2f} GB", "", "5 s for 8000")
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--annocerv", type=Path, default=ROOT.parent / "shared/data/annocerv")
    parser.add_argument("--phantoms", type=int, default=300)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cost", type=int, default=64, help="large photographs to measure cost on")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="a page with markers for the tables")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sets = {}
        if chosen.annocerv.is_dir():
            sets["AnnoCerv"] = cx.data.read_manifest(chosen.annocerv)
        drawn = max(3, chosen.phantoms) // 3
        sets["phantoms"] = cx.data.phantom(folder, per_class=drawn, seed=chosen.seed)
        found = accuracy(sets, chosen.each, chosen.seed)
        print(found)
        head = machine("opencv-python simplejpeg numpy")
        costs = markdown(head, cost(next(iter(sets.values())), chosen.cost, chosen.rounds))
        print(costs)
    if chosen.write:
        write(chosen.write, "duplicates", found)
        write(chosen.write, "cost", costs)


if __name__ == "__main__":
    main()
