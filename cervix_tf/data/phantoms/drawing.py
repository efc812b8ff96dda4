"""Phantoms: drawn photographs in Kaggle's folders, with the truth beside them.

A phantom shows that the machinery works where no real photograph may be had. No figure measured on
phantoms says anything about patients, and each is to be called a phantom figure.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from cervix_tf.data.manifests import FILES, PHANTOM_SETTINGS, read_csv, write_manifest
from cervix_tf.data.phantoms.anatomy import draw_cervix
from cervix_tf.data.phantoms.scenes import photograph
from cervix_tf.errors import UserError
from cervix_tf.files import is_temporary, write_csv, write_text
from cervix_tf.given import as_path

CLASSES = ("Type_1", "Type_2", "Type_3")
LARGEST = (3096, 4128)
SIZES = ((480, 640), (640, 480), (600, 800), (800, 600), (540, 960), (720, 960), (960, 720))
_VERSION = 1  # raised whenever the same settings would draw other bytes
_TABLE = "phantom.csv"


def phantom(
    folder: str | os.PathLike,
    per_class: int | Sequence[int] | Mapping[str, int] = 60,
    *,
    seed: int = 0,
    test: int = 0,
    sizes: Sequence[tuple[int, int]] | None = None,
    per_patient: int = 3,
    off_centre: float = 0.08,
    distance: tuple[float, float] = (0.85, 1.4),
    quality: int = 90,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Draw a set of phantoms into a folder laid out as Kaggle's of 2017.

    `folder/train/Type_k/N.jpg` and `folder/test/N.jpg` are the photographs, `folder/masks` holds the
    masks, `folder/phantom.csv` the manifest with paths relative to the folder, `folder/solution.csv`
    the types of the test photographs in Kaggle's one-hot form. The types differ in where the red
    columnar epithelium and the squamocolumnar junction lie: all round the os (Type 1), along part
    of it (Type 2), or nowhere outside it (Type 3). They do not differ in how much red there is: the
    rest is spent on inflamed patches away from the os. Colour, light, blood, size and framing are
    drawn alike for all. Every file is a function of the settings alone, whatever the number of
    workers, and appears whole or not at all; an interrupted call is completed by the same call.

    Args:
        folder: Where to draw; made if missing. A finished set with the same settings is returned
            as it is.
        per_class: Training photographs of each type, from 0: one number for all, three in order,
            or a mapping such as `{"Type_1": 250, "Type_2": 781, "Type_3": 450}`.
        seed: Seed of everything drawn, from 0.
        test: Number of test photographs, from 0, their types in the proportions of `per_class`.
            No patient is in both.
        sizes: Sizes (height, width) in pixels, each from (64, 64) to (3096, 4128) or
            (4128, 3096), one of them drawn for each photograph; by default several from 480 x 640
            to 960 x 720.
        per_patient: Largest number of photographs of one patient, from 1; patients have from one
            up to this many, and these share a `group`.
        off_centre: Largest distance of the cervix from the middle of the photograph, as a share
            of each side, in [0, 0.5].
        distance: Range (nearest, farthest), in [0.5, 6]: at 1 the cervix is as wide as the
            photograph's shorter side, at 2 half as wide. `off_centre=0.3, distance=(2, 3)` makes a
            set framed off-centre and from afar.
        quality: JPEG quality, 1 to 100.
        workers: Threads that draw; by default one for each core, at most 16.
        progress: Called as `progress(done, all)` after each photograph.

    Returns:
        The manifest, one row a photograph: `image` (file name), `path`, `label` ("Type_1" ...;
        missing for test photographs), `group` (patient), `source` ("train" or "test"), `mask` and
        `tz_mask` (paths of PNGs of 0 and 255, as large as the photograph: the visible cervix, and
        the visible part of its transformation zone), `os_x` and `os_y` (pixels, the external os),
        and `phantom`, true throughout, by which figures know what they were measured on.

    Raises:
        UserError: If a setting is out of range, or the folder holds anything but this same set.

    Example:
        >>> import tempfile
        >>> import cervix_tf as cx
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     manifest = cx.data.phantom(folder, per_class=2, sizes=[(96, 128)])
        ...     manifest["label"].value_counts().sort_index().to_dict()
        {'Type_1': 2, 'Type_2': 2, 'Type_3': 2}
    """
    folder = as_path(folder, "folder").absolute()
    settings: dict[str, Any] = {
        "version": _VERSION,
        "per_class": _counts(per_class),
        "seed": _whole("seed", seed, 0),
        "test": _whole("test", test, 0),
        "sizes": _sizes(sizes),
        "per_patient": _whole("per_patient", per_patient, 1),
        "off_centre": _within("off_centre", off_centre, 0, 0.5),
        "distance": _range(distance),
        "quality": _whole("quality", quality, 1, 100),
    }
    if sum(settings["per_class"]) == 0:
        raise UserError(
            f"per_class={per_class!r} asks for no photograph: give at least one type some."
        )
    workers = min(os.cpu_count() or 1, 16) if workers is None else _whole("workers", workers, 1)

    finished = _open(folder, settings)
    if finished is not None:
        return finished
    patients = _plan(settings)
    everything = sum(len(patient["photographs"]) for patient in patients)
    rows: list[dict[str, Any]] = []
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(_draw_patient, folder, patient, settings) for patient in patients]
        try:
            for job in as_completed(jobs):
                for row in job.result():
                    rows.append(row)
                    if progress is not None:
                        progress(len(rows), everything)
        finally:
            pool.shutdown(cancel_futures=True)

    # The table is written last: it says that every file it names is there and whole.
    order = {"train": 0, "test": 1}
    rows.sort(key=lambda row: (order[row["source"]], row["number"]))
    table = pd.DataFrame(rows)
    tested = table[table["source"] == "test"]
    if len(tested):
        truth = {"image_name": tested["image"]}
        truth |= {name: (tested["type"] == name).astype(int) for name in CLASSES}
        write_csv(pd.DataFrame(truth), folder / "solution.csv")
    table = table.drop(columns=["number", "type"]).assign(phantom=True)
    table[list(FILES)] = table[list(FILES)].map(lambda path: str(folder / path))
    write_manifest(table, folder / _TABLE, movable=True)
    return read_csv(folder / _TABLE)


def _plan(settings: dict) -> list[dict]:
    """Say which patients there are and which photographs each has, before anything is drawn."""
    rng = np.random.default_rng([settings["seed"], 0])
    counts = np.array(settings["per_class"])
    expected = settings["test"] * counts / counts.sum()
    tests = np.floor(expected).astype(int)
    tests[np.argsort(-(expected - tests), kind="stable")[: settings["test"] - tests.sum()]] += 1
    patients: list[dict] = []
    for source, wanted in (("train", counts), ("test", tests)):
        numbers = rng.permutation(int(wanted.sum())).tolist()  # names tell nothing of the type
        for kind, count in enumerate(wanted, start=1):
            while count > 0:
                some = min(int(rng.integers(1, settings["per_patient"] + 1)), int(count))
                photographs = [numbers.pop() for _ in range(some)]
                patients.append({"kind": kind, "source": source, "photographs": photographs})
                count -= some
    names = rng.permutation(len(patients))
    for patient, name in zip(patients, names, strict=True):
        patient["name"] = int(name)
    return patients


def _draw_patient(folder: Path, patient: dict, settings: dict) -> list[dict]:
    """Draw one patient and every photograph of hers, each from a seed of its own."""
    seed, name = settings["seed"], patient["name"]
    cervix = draw_cervix(patient["kind"], np.random.default_rng([seed, 1, name]))
    label = CLASSES[patient["kind"] - 1]
    within = f"train/{label}" if patient["source"] == "train" else "test"
    rows = []
    for number in patient["photographs"]:
        rng = np.random.default_rng([seed, 2, name, number])
        size = settings["sizes"][rng.integers(len(settings["sizes"]))]
        shot = photograph(cervix, rng, size, settings["off_centre"], settings["distance"])
        paths = {
            "path": f"{within}/{number}.jpg",
            "mask": f"masks/{within}/{number}.png",
            "tz_mask": f"masks/{within}/{number}_tz.png",
        }
        fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
        _save(folder / paths["mask"], shot.cervix.astype(np.uint8) * 255, fast)
        _save(folder / paths["tz_mask"], shot.zone.astype(np.uint8) * 255, fast)
        picture = cv2.cvtColor(shot.picture, cv2.COLOR_RGB2BGR)
        options = [cv2.IMWRITE_JPEG_QUALITY, settings["quality"]]
        _save(folder / paths["path"], picture, options)
        rows.append(
            {
                "image": f"{number}.jpg",
                "path": paths["path"],
                "label": label if patient["source"] == "train" else None,
                "group": f"patient_{name:04d}",
                "source": patient["source"],
                "mask": paths["mask"],
                "tz_mask": paths["tz_mask"],
                "os_x": round(shot.os[0], 2),
                "os_y": round(shot.os[1], 2),
                "number": number,
                "type": label,
            }
        )
    return rows


def _open(folder: Path, settings: dict) -> pd.DataFrame | None:
    """Claim the folder for these settings; give the manifest if the set in it is finished."""
    note = folder / PHANTOM_SETTINGS
    text = json.dumps(settings, indent=1) + "\n"
    if folder.is_file():
        raise UserError(f"{folder} is a file: give a folder to draw phantoms in.")
    if note.is_file():
        if note.read_text(encoding="utf-8", errors="replace") != text:
            raise UserError(
                f"{folder} holds phantoms drawn with other settings ({PHANTOM_SETTINGS}): "
                "give another folder, or delete this one."
            )
        if (folder / _TABLE).is_file():
            table = read_csv(folder / _TABLE, existing=False)
            if all(Path(path).is_file() for name in FILES for path in table[name]):
                return table
        return None
    if folder.is_dir() and not all(map(is_temporary, folder.iterdir())):
        raise UserError(f"{folder} is not empty: give a new or empty folder to draw phantoms in.")
    write_text(note, text)
    return None


def _save(path: Path, array: np.ndarray, options: list[int]) -> None:
    """Write a picture so that a kill leaves it whole or absent.

    The temporary name is always the same, and no photograph's, so that a killed call leaves no
    litter once it is completed. Unlike a run's files, pictures are not forced to disk one by one.
    """
    _, data = cv2.imencode(path.suffix, array, options)
    part = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.write_bytes(data.tobytes())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _counts(per_class: Any) -> list[int]:
    if isinstance(per_class, Mapping):
        if set(per_class) != set(CLASSES):
            raise UserError(f"per_class must name {', '.join(CLASSES)}; received {per_class!r}.")
        per_class = [per_class[name] for name in CLASSES]
    elif not isinstance(per_class, Sequence):
        per_class = [per_class] * 3
    if len(per_class) != 3:
        raise UserError(f"per_class must be one number or three; received {per_class!r}.")
    return [_whole("per_class", count, 0) for count in per_class]


def _whole(name: str, value: Any, low: int, high: int | None = None) -> int:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        span = f"from {low} up" if high is None else f"from {low} to {high}"
        raise UserError(f"{name} must be a whole number {span}; received {value!r}.")
    return int(value)


def _within(name: str, value: Any, low: float, high: float) -> float:
    if not isinstance(value, int | float | np.number) or not low <= value <= high:
        raise UserError(f"{name} must be a number from {low} to {high}; received {value!r}.")
    return float(value)


def _range(distance: Any) -> list[float]:
    if not isinstance(distance, Sequence) or len(distance) != 2 or distance[0] > distance[1]:
        raise UserError(f"distance must be two numbers, nearest first; received {distance!r}.")
    return [_within("distance", value, 0.5, 6) for value in distance]


def _sizes(sizes: Any) -> list[list[int]]:
    checked = []
    for size in SIZES if sizes is None else sizes:
        if len(size) != 2 or not (
            min(size) >= 64 and min(size) <= min(LARGEST) and max(size) <= max(LARGEST)
        ):
            raise UserError(
                f"sizes must be (height, width) from 64 x 64 to {LARGEST[0]} x {LARGEST[1]}; "
                f"received {size!r}."
            )
        checked.append([_whole("sizes", side, 64) for side in size])
    if not checked:
        raise UserError("sizes is empty: give at least one (height, width), or leave it out.")
    return checked
