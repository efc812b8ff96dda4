"""Where the audit's limits lie: what copies, strangers, and altered and strange photographs come to.

    python -m benchmarks.limits [--annocerv ../shared/data/annocerv] [--phantoms 300] [--seed 77]
                                [--write docs/appendix/audit.md]

Every photograph is altered once in each way that is promised to be found as a near-duplicate, and
compared with its copy step by step; and altered in each way that is to be flagged.
"""

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

import cervix_tf as cx
from benchmarks.duplicates import patients, photographs
from benchmarks.tables import ROOT, write
from cervix_tf.data.decoding import dimensions
from cervix_tf.data.photographs import square
from cervix_tf.quality import appearance as flags
from cervix_tf.quality.near_duplicates import alignment as aligning
from cervix_tf.quality.near_duplicates import candidates as steps
from cervix_tf.quality.near_duplicates import frames, neighbours
from cervix_tf.quality.near_duplicates import signatures as hashing
from tests.planted.alterations import PROMISED, SQUEEZED, encoded
from tests.planted.pictures import ALTERED, HARDER, PICTURES

TURNS = np.arange(len(hashing.TURNS))


def small(squares: list[np.ndarray]) -> np.ndarray:
    return flags.measure([flags.shrunk(each) for each in squares])[0]


def correlation(one: np.ndarray, other: np.ndarray, way: int) -> float:
    """Of the detail of two pictures, as their window lies or aligned, whichever is more."""
    window, turn = divmod(int(way), len(TURNS))
    transposed, upside_down, mirrored = hashing.TURNS[turn]
    source, target = aligning._detail(np.stack([one, other]))
    target = target.T if transposed else target
    target = np.ascontiguousarray(target[:: -1 if upside_down else 1, :: -1 if mirrored else 1])
    shown = aligning._DOWN[window] @ source @ aligning._ACROSS[window].T
    lies = aligning._correlations(shown[None], target[None])[0]
    return max(lies, aligning._aligned(source, target, aligning._MAPS[window]))


def low(directions: np.ndarray) -> np.ndarray:
    """Low frequencies of the windows that pictures are compared by first."""
    return hashing.low_frequencies(directions[:, : hashing.CENTRAL])


def whole_or_centre(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The greatest product of a whole and a whole or centre, by turn, as the first step takes it."""
    products = np.vecdot(one[..., None, None, :], other[..., None, :, :, :])
    return np.maximum(products[..., 0, :, :].max(axis=-2), products[..., 1, 0, :])


def of_copies(originals: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """What each copy comes to beside its original at each step; NaN where a step lets it go."""
    one, other = hashing.compute_signatures(originals), hashing.compute_signatures(copies)
    long = whole_or_centre(low(one.directions), low(hashing.every_turn(other.directions)))
    back = other.windows[:, :, None] ^ one.turns[:, None, hashing.BACK]
    bits = np.bitwise_count(np.stack([one.windows[:, :, None] ^ other.turns[:, None], back], 1))
    bits = bits.min(axis=1)  # by photograph, window and turn
    every, turn = np.arange(len(originals)), bits.min(axis=1).argmin(axis=1)
    bits = bits[every, :, turn]
    found = np.full((len(originals), 4), np.nan)
    found[:, 0], found[:, 1] = long[every, turn], bits.min(axis=1)
    for row, pair in enumerate(zip(originals, copies, strict=True)):
        both = np.stack(pair)
        for each in steps.candidates(hashing.compute_signatures(both), np.arange(2), max_pairs=1):
            ways = both[each["a"]], both[each["b"]], each["way"]
            found[row, 2:] = each["alike"], correlation(*ways)
    return found


def of_squeezed(paths: list[str], seed: int) -> np.ndarray:
    """What each squeezed copy comes to beside its original: middles of frames, then detail."""
    pictures, found = [cv2.imread(path) for path in paths], []
    count = len(pictures)
    for k, make in enumerate(SQUEEZED.values()):
        random = np.random.default_rng((seed, k))
        files = [encoded(picture, 95) for picture in pictures]
        files += [make(picture, random) for picture in pictures]
        height, width = np.array([dimensions(data) for data in files]).T
        aspects, every = width / height, np.arange(2 * count)
        greys = small([square(Path("copy.jpg"), 256, data=data) for data in files])
        middles = steps._unit(frames.frame_directions(greys, aspects, every))
        one, other = middles[:count], hashing.turned_directions(middles[count:, None], TURNS[None])
        low = np.vecdot(hashing.low_frequencies(other), hashing.low_frequencies(one)[:, None])
        turn = low.argmax(axis=1)
        parts = frames.shared(greys[:count], greys[count:], aspects.reshape(2, count).T, turn)
        detail = [correlation(*pair) for pair in zip(*parts, turn, strict=True)]
        alike = np.vecdot(one, other[every[:count], turn])
        found.append(np.stack([low.max(axis=1), alike, detail], axis=1))
    return np.concatenate(found)


def of_strangers(greys: np.ndarray, patient: np.ndarray) -> list[float]:
    """The correlations of those of different patients that pass the steps before."""
    pairs = steps.candidates(
        hashing.compute_signatures(greys), np.arange(len(greys)), max_pairs=10**9
    )
    pairs = pairs[patient[pairs["a"]] != patient[pairs["b"]]]
    return [correlation(greys[p["a"]], greys[p["b"]], p["way"]) for p in pairs]


def passing(greys: np.ndarray) -> float:
    """The share of pairs that the first step, of the low frequencies, does not let go."""
    directions = hashing.compute_signatures(greys).directions
    own, turned = low(directions), low(hashing.every_turn(directions))
    one, other = np.triu_indices(len(greys), 1)
    alike = [
        whole_or_centre(own[one[part]], turned[other[part]]).max(axis=-1)
        for part in np.array_split(np.arange(len(one)), 64)
    ]
    return float(np.mean(np.concatenate(alike) >= steps.ALIKE_AT_ALL))


def near_duplicates(sets: dict[str, pd.DataFrame], seed: int) -> str:
    found, squeezed, rest = {}, {}, []
    for name, manifest in sets.items():
        paths = manifest["path"].tolist()
        originals = small([cx.data.read_square(path, 256) for path in paths])
        found[name] = []
        for k, make in enumerate(PROMISED.values()):
            random = np.random.default_rng((seed, k))
            copies = [
                square(Path("copy.jpg"), 256, data=make(cv2.imread(path), random)) for path in paths
            ]
            found[name].append(of_copies(originals, small(copies)))
        found[name] = np.concatenate(found[name])
        squeezed[name] = of_squeezed(paths, seed)
        far = of_strangers(originals, patients(manifest)[0])
        highest = f", highest correlation {max(far):.2f}" if far else ""
        lost = int(np.isnan(found[name][:, -1]).sum())
        rest.append(
            f"{name}: {passing(originals):.1%} of all pairs pass the first step; {lost} of "
            f"{len(found[name])} copies are lost before alignment; {len(far)} pairs of different "
            f"patients reach alignment{highest}."
        )
    least = (
        (
            "low frequencies of whole or centre, correlation",
            np.nanmin,
            f"at least {steps.ALIKE_AT_ALL}",
        ),
        ("pHash distance in bits, nearest window", np.nanmax, f"at most {steps.DISTANCE}"),
        (
            "72 DCT coefficients of the nearest window, correlation",
            np.nanmin,
            f"at least {steps.ALIKE_AT_BEST}",
        ),
        ("detail after alignment, correlation", np.nanmin, f"at least {aligning.SAME}"),
    )
    lines = [f"| step | limit | {' | '.join(sets)} |", "|---|---|" + "---|" * len(sets)]
    for k, (step, extreme, limit) in enumerate(least):
        figures = " | ".join(f"{extreme(found[name][:, k]):.3g}" for name in sets)
        lines.append(f"| {step} | {limit} | {figures} |")
    least = (
        ("squeezed: low frequencies of the middle of the frame, correlation", neighbours.NEAR),
        ("squeezed: 72 DCT coefficients of that, correlation", steps.ALIKE),
        ("squeezed: detail after alignment, correlation", aligning.SAME),
    )
    for k, (step, limit) in enumerate(least):
        figures = " | ".join(f"{squeezed[name][:, k].min():.3g}" for name in sets)
        lines.append(f"| {step} | at least {limit} | {figures} |")
    head = (
        f"Every photograph, altered once in each of {len(PROMISED)} ways and squeezed in "
        f"{len(SQUEEZED)}, seed {seed}: the copy that is hardest to find."
    )
    return "\n".join([head, "", *lines, "", *rest])


def looks(sets: dict[str, pd.DataFrame]) -> str:
    limits = {
        "green": ("green", np.max, f"above {flags.GREEN}"),
        "iodine": ("brown", np.max, f"above {flags.BROWN}"),
        "blurred": ("sharpness", np.min, f"below {flags.BLURRED}"),
        "dark": ("light", np.min, f"below {flags.DARK}"),
        "over-exposed": ("clipped", np.max, f"above {flags.CLIPPED}"),
        "text": ("paper", np.max, f"above {flags.PAPER}"),
    }
    squares = {
        name: [cx.data.read_square(path, 256) for path in manifest["path"]]
        for name, manifest in sets.items()
    }
    measured = {name: flags.measure([*map(flags.shrunk, own)]) for name, own in squares.items()}

    def flagged(flag: str, alter) -> str:
        shares = []
        for own in squares.values():
            measures = flags.measure([flags.shrunk(alter(each)) for each in own])[1]
            shares.append(f"{flags.appearance_flags(measures)[flag].mean():.2f}")
        return ", ".join(shares)

    named = ", ".join(sets)
    lines = [
        f"| flag | limit | {named}: nearest to the limit | altered: proportion flagged "
        "| altered less: proportion flagged |",
        "|---" * 5 + "|",
    ]
    for flag, (measure, extreme, limit) in limits.items():
        place = flags.MEASURES.index(measure)
        farthest = ", ".join(f"{extreme(each[1][:, place]):.2f}" for each in measured.values())
        shares = [
            flagged(flag, every[flag]) if flag in every else "" for every in (ALTERED, HARDER)
        ]
        lines.append(f"| `{flag}` | {limit} | {farthest} | {' | '.join(shares)} |")
    farthest = [flags.distances(each[2]).max() for each in measured.values()]
    strange = []
    for name, picture in PICTURES.items():
        own = flags.measure([flags.shrunk(picture)])[2]
        far = [flags.distances(np.concatenate([e[2], own]))[-1] for e in measured.values()]
        strange.append(f"{name} {', '.join(f'{each:.1f}' for each in far)}")
    shown = ", ".join(f"{each:.2f}" for each in farthest)
    lines.append(f"| `outlier` | above {flags.FAR} | {shown} | {'; '.join(strange)} | |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--annocerv", type=Path, default=ROOT.parent / "shared/data/annocerv")
    parser.add_argument("--phantoms", type=int, default=300)
    parser.add_argument("--seed", type=int, default=77, help="of the changes")
    parser.add_argument("--write", type=Path, help="a page with markers for the tables")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sets = photographs(chosen.annocerv, chosen.phantoms, 0, Path(folder))
        for mark, table in (("steps", near_duplicates(sets, chosen.seed)), ("looks", looks(sets))):
            print(table, flush=True)
            if chosen.write:
                write(chosen.write, mark, table)


if __name__ == "__main__":
    main()
