"""Near-duplicates among a million: what the index finds of altered copies, its time and memory.

    python -m benchmarks.many_duplicates [--annocerv ../shared/data/annocerv] [--distractors 1000000]
                                         [--asked 20000] [--each 100] [--seed 0]
                                         [--only squeezed] [--write docs/appendix/audit.md]

Altered copies of AnnoCerv's photographs, of the kinds promised, lie among distractors: 65 % of a part of
one of its photographs and 35 % of another's, turned. Blends of pictures are blends of their DCT
coefficients, so only the parts are drawn. A copy counts as found when its pair with its own original
is a candidate whose alignment says that it is the same; that others link the two does not count. The
exact search is that of originals and copies alone, which more photographs could only make harder.
Copies squeezed to another aspect are sought likewise, among frames of four aspects, all of which ask.
All photographs are in the index; time is that of looking up some of them, drawn by lot, and of making
the index. `--asked 0` looks up all.
"""

import argparse
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

import cervix_tf as cx
from benchmarks.tables import ROOT, Row, machine, markdown, write
from cervix_tf.data.decoding import dimensions
from cervix_tf.data.photographs import cores, square
from cervix_tf.quality.appearance import measure, shrunk
from cervix_tf.quality.near_duplicates import candidates as comparing
from cervix_tf.quality.near_duplicates import frames, neighbours
from cervix_tf.quality.near_duplicates.alignment import same
from cervix_tf.quality.near_duplicates.signatures import (
    SIDE,
    Signatures,
    blank,
    compute_signatures,
    dct_coefficients,
    directions,
    hashes,
    turned_coefficients,
)
from tests.planted.alterations import PROMISED, SQUEEZED

PARTS = 20_000
BLOCK = 2000


def grey(path: Path, data: bytes | None = None) -> np.ndarray:
    return measure([shrunk(square(path, 256, data=data))])[0][0]


def known(
    paths: list[Path], kinds: dict[str, Callable], each: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The small grey pictures of originals, then of copies, their aspects; the original of each copy."""
    files, sources = [path.read_bytes() for path in paths], []
    for k, make in enumerate(kinds.values()):
        random = np.random.default_rng((seed, k))
        for row in np.sort(random.permutation(len(paths))[:each]):
            files.append(make(cv2.imread(str(paths[row])), random))
            sources.append(row)
    height, width = np.array([dimensions(data) for data in files]).T
    greys = [grey(Path("copy.jpg"), data) for data in files]
    return np.stack(greys), width / height, np.array(sources)


def parts(paths: list[Path], random: np.random.Generator) -> np.ndarray:
    """Grey parts of photographs, 40 to 100 % of a side, turned by quarters."""
    wholes = [cv2.resize(cv2.imread(str(path), 0), (128, 128)) for path in paths]
    made = np.empty((PARTS, SIDE, SIDE), np.uint8)
    for k in range(PARTS):
        sides = random.integers(51, 129, 2)
        top, left = random.integers(0, 129 - sides)
        part = wholes[random.integers(len(wholes))][top : top + sides[0], left : left + sides[1]]
        part = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        made[k] = np.rot90(part, random.integers(4))
    return made


def signed(pictures: np.ndarray, paths: list[Path], count: int, seed: int) -> Signatures:
    """The signatures of what is known, then of as many distractors."""
    random, first = np.random.default_rng(seed), len(pictures)
    made, drawn = blank(first + count), parts(paths, random)
    drawn = [dct_coefficients(drawn[k : k + BLOCK]) for k in range(0, PARTS, BLOCK)]
    drawn = np.concatenate(drawn)
    for kept, new in zip(made, compute_signatures(pictures), strict=True):
        kept[:first] = new
    for start in range(first, first + count, BLOCK):
        rows = slice(start, min(start + BLOCK, first + count))
        one, other = random.integers(0, PARTS, (2, rows.stop - start))
        blend = 0.65 * drawn[one] + 0.35 * drawn[other]
        made.windows[rows] = hashes(blend)
        made.turns[rows] = hashes(turned_coefficients(blend[:, 0]))
        made.directions[rows] = np.rint(127 * directions(blend))
        made.plain[rows] = False
    return made


def found(pairs: np.ndarray, greys: np.ndarray, sources: np.ndarray, originals: int) -> np.ndarray:
    """Whether each copy and its original are a candidate, and the same when aligned."""
    one, other = np.sort([pairs["a"], pairs["b"]], axis=0)
    own = (other >= originals) & (other < originals + len(sources)) & (one < originals)
    own[own] = sources[other[own] - originals] == one[own]
    pairs, copy = pairs[own], other[own] - originals
    hits = np.zeros(len(sources), bool)
    hits[copy[same(greys[pairs["a"]], greys[pairs["b"]], pairs["way"])]] = True
    return hits


def measured(
    signatures: Signatures, greys: np.ndarray, sources: np.ndarray, asked: int, seed: int
) -> list[Row]:
    few, originals, total = len(greys), len(greys) - len(sources), len(signatures.plain)
    every = comparing.candidates(signatures, np.arange(few), 10**9)
    exact = found(every, greys, sources, originals)
    began, spent = time.perf_counter(), time.process_time()
    look_up = comparing.LookedUp(signatures, np.arange(total))
    built, built_spent = time.perf_counter() - began, time.process_time() - spent
    starts = np.arange(0, total, look_up.step)
    first = -(-few // look_up.step)
    lot = np.random.default_rng(seed).permutation(starts[first:])
    lot = lot[: asked // look_up.step] if asked else lot
    with ThreadPoolExecutor(cores()) as pool:
        known = np.concatenate([pairs for _, pairs in pool.map(look_up, starts[:first])])
        began, spent = time.perf_counter(), time.process_time()
        pairs = np.concatenate([pairs for _, pairs in pool.map(look_up, lot)])
    scale = total / (len(lot) * look_up.step)
    seconds = (time.perf_counter() - began) * scale + built
    spent = (time.process_time() - spent) * scale + built_spent
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    indexed = found(known, greys, sources, originals) & exact
    size = neighbours.bytes_of(total)
    return [
        (f"Copies found by the exact search, of {len(sources):,}", f"{exact.sum():,}", "", ""),
        (
            f"Of these found by the index among {total:,}",
            f"{indexed.sum():,}",
            f"{indexed.sum() / exact.sum():.3f}",
            "0.98",
        ),
        (
            f"Searching all {total:,}, from {len(lot) * look_up.step:,} of them",
            f"processor time {spent / 60:.1f} min, {spent / 120:.1f} on each of two cores; "
            f"{seconds / 60:.1f} min went by",
            "",
            "15 min on two cores",
        ),
        ("of that, making the index", f"processor time {built_spent / 60:.1f} min", "", ""),
        ("Pairs a photograph to align, at most", f"{len(pairs) * scale / total:.2f}", "", ""),
        ("Memory of the index", f"{size / 1e6:.0f} MB", "", ""),
        ("Most memory of the process", f"{most:.1f} GB", "", "8 GB"),
    ]


def found_squeezed(
    paths: list[Path], distractors: int, asked: int, each: int, seed: int
) -> list[Row]:
    """What is found of copies squeezed to another aspect, by comparing every pair and by the index."""
    greys, aspects, sources = known(paths, SQUEEZED, each, seed)
    few, originals, random = len(greys), len(paths), np.random.default_rng(seed)
    middles = [frames.frame_directions(greys, aspects, np.arange(few))]
    drawn = parts(paths, random)
    aspects = np.append(aspects, random.choice([3 / 4, 1, 4 / 3, 3 / 2], distractors))
    for start in range(few, few + distractors, BLOCK):
        one, other = random.integers(0, PARTS, (2, BLOCK))
        blend = (0.65 * drawn[one] + 0.35 * drawn[other]).astype(np.uint8)
        own = aspects[start : start + BLOCK]
        middles.append(frames.frame_directions(blend, own, np.arange(len(own))))
    middles = np.concatenate(middles)

    def hits(every: Iterable) -> np.ndarray:
        pairs = np.concatenate([frames._alike(middles, aspects, *near) for near in every])
        copy, original = np.maximum(pairs["a"], pairs["b"]), np.minimum(pairs["a"], pairs["b"])
        own = (copy >= originals) & (copy < few)
        own[own] = sources[copy[own] - originals] == original[own]
        a, b, turn = (pairs[own][key] for key in ("a", "b", "way"))
        both = frames.shared(greys[a], greys[b], np.stack([aspects[a], aspects[b]], 1), turn)
        hit = np.zeros(len(sources), bool)
        hit[copy[own][same(*both, turn)] - originals] = True
        return hit

    exact = hits(frames._compare(middles[:few], few))
    total, began = len(middles), time.process_time()
    index = neighbours.Neighbours(middles[:, None], np.arange(total))
    built = time.process_time() - began

    def look_up(first: int, end: int) -> Iterator:
        for start in range(first, end, comparing.LookedUp.step):
            one, other, turn = index(np.arange(start, min(start + comparing.LookedUp.step, end)))
            yield other, one, turn

    indexed = hits(look_up(0, few)) & exact
    asked, began = min(asked or distractors, distractors), time.process_time()
    pairs = sum(len(frames._alike(middles, aspects, *near)) for near in look_up(few, few + asked))
    spent = (time.process_time() - began) * total / asked + built
    return [
        (
            f"Squeezed copies found by the exact search, of {len(sources):,}",
            f"{exact.sum():,}",
            "",
            "",
        ),
        (
            f"Of these found by the index among {total:,}",
            f"{indexed.sum():,}",
            f"{indexed.sum() / exact.sum():.3f}",
            "0.98",
        ),
        (
            f"Searching all {total:,} for them, if every one asks, from {asked:,}",
            f"processor time {spent / 60:.1f} min, of that {built / 60:.1f} making the index",
            "",
            "",
        ),
        ("Pairs a photograph to align then, at most", f"{pairs / asked:.2f}", "", ""),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--annocerv", type=Path, default=ROOT.parent / "shared/data/annocerv")
    parser.add_argument("--distractors", type=int, default=1_000_000)
    parser.add_argument("--asked", type=int, default=20_000, help="distractors looked up; 0 is all")
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["squeezed"], help="a part of the table")
    parser.add_argument("--write", type=Path, help="a page with markers for the table")
    chosen = parser.parse_args()
    paths = [Path(path) for path in cx.data.read_manifest(chosen.annocerv)["path"]]
    rows = []
    if not chosen.only:
        pictures, _, sources = known(paths, PROMISED, chosen.each, chosen.seed)
        signatures = signed(pictures, paths, chosen.distractors, chosen.seed)
        print("drawn", flush=True)
        rows = measured(signatures, pictures, sources, chosen.asked, chosen.seed)
    rows += found_squeezed(paths, chosen.distractors, chosen.asked, chosen.each, chosen.seed)
    kinds = f"{len(PROMISED)} kinds promised and {len(SQUEEZED)} squeezed"
    head = f"AnnoCerv, {chosen.each} copies of each of {kinds}, seed {chosen.seed}."
    text = markdown(f"{head} {machine('faiss-cpu numpy opencv-python')}", rows)
    print(text)
    if chosen.write:
        write(chosen.write, "many", text)


if __name__ == "__main__":
    main()
