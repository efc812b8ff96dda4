"""What an audit finds of planted near-duplicates, whom it joins wrongly, and what it costs.

    python -m benchmarks.duplicates [--annocerv ../shared/data/annocerv] [--phantoms 300] [--each 100]
                                    [--seed 0] [--cost 64] [--many 8000] [--rounds 5]
                                    [--only cost] [--write docs/appendix/audit.md]

Altered copies of a sample of photographs are audited beside the originals, one kind of change at a
time. Cost is measured on AnnoCerv's photographs and phantoms as they are, and on those of the first set
enlarged to 2448 x 3264, and mixed to a great many.
"""

import argparse
import multiprocessing
import re
import shutil
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

import cervix_tf as cx
from benchmarks.tables import ROOT, Row, machine, markdown, ratio, take_turns, write
from cervix_tf.quality.appearance import measure, shrunk
from cervix_tf.quality.near_duplicates.candidates import candidates
from cervix_tf.quality.near_duplicates.signatures import compute_signatures
from tests.planted.alterations import BEYOND, PROMISED, SQUEEZED, encoded

KINDS = PROMISED | BEYOND | SQUEEZED
PHOTOGRAPHS = ["path", "image", "label", "group", "source", "split"]


def photographs(annocerv: Path, phantoms: int, seed: int, folder: Path) -> dict[str, pd.DataFrame]:
    """AnnoCerv's, where they are, and about so many phantoms, drawn in a folder."""
    sets = {"AnnoCerv": cx.data.read_manifest(annocerv)} if annocerv.is_dir() else {}
    return sets | {"phantoms": cx.data.phantom(folder, per_class=max(3, phantoms) // 3, seed=seed)}


def patients(manifest: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Patient numbers, cases with a file in common being one patient, and these cases' names."""
    audited = cx.quality.audit(manifest, cache="memory")
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
    for k, (kind, make) in enumerate(KINDS.items()):
        random = np.random.default_rng((seed, k))
        rows = np.sort(random.permutation(len(manifest))[:each])
        copies = manifest.iloc[rows][PHOTOGRAPHS].copy()
        paths = [folder / f"{k}-{row}.jpg" for row in rows]
        for path, original in zip(paths, copies["path"], strict=True):
            path.write_bytes(make(cv2.imread(original), random))
        copies["path"] = [str(path) for path in paths]
        copies["image"] = [path.name for path in paths]
        both = pd.concat([manifest[PHOTOGRAPHS], copies], ignore_index=True)
        cluster = cx.quality.audit(both, cache=folder / "cache")["cluster"]
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
        rest[name] = joined(cx.quality.audit(manifest, cache="memory")["cluster"], patient)
        if linked:
            notes.append(
                f"{name}: cases with files in common count as one patient: {', '.join(linked)}."
            )
    lines = [f"| change | {' | '.join(sets)} |", "|---|" + "---|" * len(sets)]
    titles = {"promised": PROMISED, "squeezed to another aspect": SQUEEZED, "beyond": BEYOND}
    for title, kinds in titles.items():
        lines.append(f"| **{title}** |" + " |" * len(sets))
        lines += [f"| {k} | {' | '.join(f'{results[n][k]:.2f}' for n in sets)} |" for k in kinds]
    lines += ["", f"| pairs joined | {' | '.join(sets)} |", "|---|" + "---|" * len(sets)]
    strangers = [f"{rest[n][0]} of {rest[n][1]}" for n in sets]
    relatives = [
        f"{rest[n][2]} of {rest[n][3]} ({rest[n][2] / max(rest[n][3], 1):.0%})" for n in sets
    ]
    lines.append(f"| of different patients, originals alone | {' | '.join(strangers)} |")
    per = [f"{1000 * results[n]['wrong'] / len(KINDS) / rest[n][1]:.3f}" for n in sets]
    lines.append(f"| of different patients, per 1,000, with the copies | {' | '.join(per)} |")
    lines.append(f"| of one patient | {' | '.join(relatives)} |")
    return "\n".join([f"Seed {seed}, {each} copies of each kind.", "", *lines, "", *notes])


def large(manifest: pd.DataFrame, count: int, folder: Path) -> pd.DataFrame:
    """Photographs enlarged to what a phone's camera gives."""
    paths = []
    for k, path in enumerate(manifest["path"].iloc[:count]):
        paths.append(str(folder / f"{k}.jpg"))
        picture = cv2.resize(cv2.imread(path), (2448, 3264), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(paths[-1], picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return manifest.iloc[:count].assign(path=paths)


def mixed(manifest: pd.DataFrame, count: int, folder: Path, seed: int) -> pd.DataFrame:
    """A great many different photographs: parts of two laid over each other, of the first one's size."""
    random = np.random.default_rng(seed)
    pictures = [cv2.imread(path) for path in manifest["path"]]

    def part() -> np.ndarray:
        whole = pictures[random.integers(len(pictures))]
        height, width = (round(side * random.uniform(0.4, 1)) for side in whole.shape[:2])
        top, left = (
            random.integers(full - side + 1)
            for full, side in zip(whole.shape, (height, width), strict=False)
        )
        cut = np.rot90(whole[top : top + height, left : left + width], random.integers(4))
        return cv2.resize(np.ascontiguousarray(cut), pictures[0].shape[1::-1])

    paths = [folder / f"{k}.jpg" for k in range(count)]
    for path in paths:
        path.write_bytes(encoded(cv2.addWeighted(part(), 0.65, part(), 0.35, 0), 90))
    table = pd.DataFrame({"path": [str(path) for path in paths], "image": [p.name for p in paths]})
    return table.assign(label=None, group=table["image"], source="mixed", split="train")


def beside_the_first_pass(own: pd.DataFrame, name: str, rounds: int, kept: bool) -> Row:
    """What an audit takes, and what `prepare` does, taking turns; both with an empty cache."""
    spent: dict[str, list[float]] = {"prepare": [], "audit": []}
    verbs = {"prepare": lambda cache: cx.data.prepare(own, 256, cache=cache)}
    verbs["audit"] = lambda cache: cx.quality.audit(own, cache=cache)

    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "cache"

        def timed(verb: str) -> None:
            began = time.process_time()
            verbs[verb](folder if kept else "memory")
            spent[verb].append(time.process_time() - began)

        works = {verb: (lambda v=verb: timed(v)) for verb in verbs}
        turns = take_turns(works, rounds, lambda: shutil.rmtree(folder, ignore_errors=True))
    wall, processor = (
        [np.median(times[verb]) / len(own) * 1000 for verb in verbs]
        for times in (turns, {verb: times[1:] for verb, times in spent.items()})
    )
    shares = np.divide(spent["audit"][1:], spent["prepare"][1:])
    figure = (
        f"{wall[1]:.2f} and {wall[0]:.2f} ms a photograph; processor time {processor[1]:.2f} and "
        f"{processor[0]:.2f} ms, {np.median(shares):.2f} times"
    )
    title = (
        f"Audit compared with the first pass, {name}, cache in {'a folder' if kept else 'memory'}"
    )
    return title, figure, f"{ratio(turns, 'prepare', 'audit'):.2f}", "1.3"


def comparing(manifest: pd.DataFrame, counts: tuple[int, ...], seed: int) -> list[Row]:
    """What all pairs take, of the small pictures of two photographs laid over each other."""
    random = np.random.default_rng(seed)
    greys = measure([shrunk(cx.data.read_square(path, 256)) for path in manifest["path"]])[0]
    rows = []
    for count in counts:
        one, other = random.integers(0, len(greys), (2, count))
        mix = (0.65 * greys[one] + 0.35 * np.rot90(greys[other], 1, (1, 2))).astype(np.uint8)
        own = compute_signatures(mix)
        began, spent = time.perf_counter(), time.process_time()
        candidates(own, np.arange(count), 50 * count)
        seconds, spent = time.perf_counter() - began, time.process_time() - spent
        title = f"All pairs of {count} photographs' hashes, 14 windows x 8 turns"
        rows.append((title, f"{seconds:.1f} s; processor time {spent:.1f} s", "", "5 s for 8000"))
    return rows


def peak(own: pd.DataFrame) -> float:
    """The most memory in MB of a process that audits some photographs; on Linux alone."""
    cx.quality.audit(own, cache="memory")
    # Not of `resource`, which counts what the process was a copy of before it began.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+)", status)[1]) / 1e3


def memory(many: pd.DataFrame) -> Row:
    """The most memory of new processes that audit an eighth, a half and all."""
    counts = [len(many) // 8, len(many) // 2, len(many)]
    found = []
    for count in counts:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found.append(pool.apply(peak, (many.iloc[:count],)))
    more = (found[-1] - found[0]) / (counts[-1] - counts[0]) * 1000
    figure = f"{', '.join(f'{each:.0f}' for each in found)} MB; {more:.1f} kB more a photograph"
    named = ", ".join(str(count) for count in counts)
    return (
        f"Peak memory of an audit of {named} photographs",
        figure,
        "",
        "flat but for small pictures (4.1 kB), hashes (1.3 kB) and manifest (0.4 kB)",
    )


def cost(sets: dict[str, pd.DataFrame], count: int, many: int, rounds: int, seed: int) -> list[Row]:
    manifest = next(iter(sets.values()))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        own = large(manifest, count, Path(folder))
        name = f"{count} photographs of 2448 x 3264"
        rows += [beside_the_first_pass(own, name, rounds, kept) for kept in (False, True)]
    for name, every in sets.items():
        named = f"{len(every)} of {name} as they are"
        rows += [beside_the_first_pass(every, named, 3 * rounds, kept) for kept in (False, True)]
    with tempfile.TemporaryDirectory() as folder:
        own = mixed(manifest, many, Path(folder), seed)
        rows.append(beside_the_first_pass(own, f"{many} mixed", max(rounds // 2, 1), False))
        rows += comparing(manifest, (many // 4, many), seed)
        rows.append(memory(own))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--annocerv", type=Path, default=ROOT.parent / "shared/data/annocerv")
    parser.add_argument("--phantoms", type=int, default=300)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cost", type=int, default=64, help="large photographs to measure cost on")
    parser.add_argument(
        "--many", type=int, default=8000, help="mixed photographs to measure cost on"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["accuracy", "cost"], help="one of the two tables")
    parser.add_argument("--write", type=Path, help="a page with markers for the tables")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sets = photographs(chosen.annocerv, chosen.phantoms, chosen.seed, Path(folder))
        if chosen.only != "cost":
            found = accuracy(sets, chosen.each, chosen.seed)
            print(found)
            if chosen.write:
                write(chosen.write, "duplicates", found)
        if chosen.only != "accuracy":
            rows = cost(sets, chosen.cost, chosen.many, chosen.rounds, chosen.seed)
            costs = markdown(machine("opencv-python simplejpeg numpy"), rows)
            print(costs)
            if chosen.write:
                write(chosen.write, "cost", costs)


if __name__ == "__main__":
    main()
