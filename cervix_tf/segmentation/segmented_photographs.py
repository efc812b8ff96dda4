"""The photographs of a manifest become masks, boxes and centres in a folder, with sheets of all."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from cervix_tf.data import read_manifest, unreadable
from cervix_tf.data.decoding import decode
from cervix_tf.data.flags import reflag
from cervix_tf.data.manifests import listed
from cervix_tf.data.photographs import Progress, cores, read_bytes
from cervix_tf.errors import UserError, unknown
from cervix_tf.files import write_csv, write_text
from cervix_tf.segmentation import mask_files
from cervix_tf.segmentation.contact_sheet import COLUMNS, ROWS, Cell, draw_page
from cervix_tf.segmentation.locators import METHODS, Located, Locator

SIDE = 256  # shorter side of the masks in pixels
PAGE = COLUMNS * ROWS
NOTHING = "no cervix found"
_OWN_FLAGS = (NOTHING, "cervix not located")  # of either method: a new call judges anew
MEASURES = ("width", "height", "box_x", "box_y", "box_w", "box_h", "centre_x", "centre_y")
_SETTINGS = "segmentation.json"
_VERSION = 1  # raised whenever the same settings would give other masks


@dataclass(frozen=True)
class _Work:
    """One photograph: where it lies, where its mask goes, and the key of the mask asked for."""

    path: Path
    mask: Path
    key: str

    @property
    def note(self) -> dict[str, Any]:
        """What the mask's file says, if it is the one asked for."""
        note = mask_files.read_note(self.mask)
        return note if note.get("key") == self.key else {}


def segment(
    manifest: pd.DataFrame,
    out: Path | str,
    method: str = "superpixels",
    *,
    model: Path | str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Segment every photograph of a manifest, on every core.

    `out/masks` holds the masks: PNG of 0 and 255 of the whole upright photograph, its aspect
    unchanged, the shorter side at most 256 pixels. `out/sheets` holds pages of 40 photographs with
    outlines and boxes, `out/manifest.csv` the manifest. A mask that was made from the same
    photograph with the same settings is not made again, and files appear whole or not at all: a
    call that was killed is completed by the same call.

    Args:
        manifest: A manifest. Its own columns are kept, but for those named below.
        out: A new or empty folder, or one that this function made.
        method: A name in `METHODS`: "superpixels" or "localizer".
        model: A localiser that `fit_localizer` wrote, by default the one that comes with the
            package; superpixels take none.
        workers: Threads; by default one for each core.
        progress: Called with the number of steps done and of all: every photograph that has no
            mask yet is first decoded to see whether it can be read, then segmented.
        options: Options of the method, as `superpixel_mask` takes them.

    Returns:
        The manifest with the columns `mask` (path), `width`, `height` (of the upright photograph),
        `box_x`, `box_y`, `box_w`, `box_h`, `centre_x`, `centre_y` (pixels of the upright photograph;
        of the largest connected part of the mask) and `flags`. Where nothing was found, box and
        centre are missing and the flag "no cervix found" is added.

    Raises:
        UserError: Photographs cannot be read (all are named, and none is segmented), the method or
            an option is unknown, or `out` is not empty or cannot be written.

    Example:
        >>> segment(read_manifest("data"), "segmented", segments=20, keep=10)["mask"][0]
        '.../segmented/masks/train/Type_1/10.png'
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    locate, used = METHODS[method](Path(model) if model else None, options)
    settings = {"version": _VERSION, "method": method, **used}
    out = Path(out).absolute()
    works = _plan(manifest, out, settings)
    _claim(out, settings)

    undone = [work.path for work in works if not work.note]
    steps, done = len(undone) + len(works), 0
    checked = unreadable(undone, progress and (lambda k, _: progress(k, steps)))
    if checked:
        named = listed((f"{path} ({reason})" for path, reason in checked.items()), most=50)
        raise UserError(
            f"{len(checked)} photographs cannot be read: {named}. Replace them or take them out of "
            "the manifest, then run again."
        )
    pages = [works[start : start + PAGE] for start in range(0, len(works), PAGE)]
    pool = ThreadPoolExecutor(workers or cores())
    try:
        for number, page in enumerate(pages, 1):
            _do_page(page, out / f"sheets/page-{number:03d}.png", locate, pool)
            done += len(page)
            if progress:
                progress(len(undone) + done, steps)
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl+C ends after the photographs in hand
    for old in _pages(out):
        if int(old.stem.removeprefix("page-")) > len(pages):
            old.unlink()
    _write_table(manifest, works, out)
    return read_manifest(out / "manifest.csv", labelled=False)


def _plan(manifest: pd.DataFrame, out: Path, settings: dict) -> list[_Work]:
    paths = [Path(path).absolute() for path in manifest["path"]]
    if not paths:
        raise UserError("The manifest has no photographs: there is nothing to segment.")
    root = Path(os.path.commonpath([path.parent for path in paths]))
    names = [path.relative_to(root) for path in paths]
    counts = Counter(name.with_suffix("") for name in names)  # a.jpg may lie beside a.png
    works = []
    for path, name in zip(paths, names, strict=True):
        alone = counts[name.with_suffix("")] == 1
        mask = out / "masks" / (name.with_suffix(".png") if alone else f"{name}.png")
        try:
            key = mask_files.fingerprint(path, settings)
        except OSError:
            key = ""  # it is missing: the check that follows says so
        works.append(_Work(path, mask, key))
    return works


def _claim(out: Path, settings: dict) -> None:
    """Take the folder, unless it holds anything else than an earlier call's work."""
    if out.is_file():
        raise UserError(f"{out} is a file: give a folder for the masks.")
    note = out / _SETTINGS
    there = list(out.iterdir()) if out.is_dir() and not note.is_file() else []
    if any(not path.name.startswith(f".{note.stem}-") for path in there):
        raise UserError(f"{out} is not empty: give a new or empty folder for the masks.")
    write_text(note, json.dumps(settings, indent=1) + "\n")


def _do_page(page: list[_Work], sheet: Path, locate: Locator, threads: Executor) -> None:
    """Make the masks of a page that are missing, and its sheet, unless all is there."""
    notes = [work.note for work in page]
    key = mask_files.fingerprint(None, {"page": [[str(w.mask), w.key] for w in page]})
    if all(notes) and mask_files.read_note(sheet).get("key") == key:
        return
    read = list(threads.map(lambda work: _read(work.path), page))
    masks = [
        mask_files.read_mask(w.mask) if note else None for w, note in zip(page, notes, strict=True)
    ]
    undone = [k for k, mask in enumerate(masks) if mask is None]
    batch = [read[k][0] for k in undone]
    found = dict(zip(undone, locate(batch, threads) if batch else [], strict=True))
    saved = {k: threads.submit(_save, page[k], found[k], read[k][1]) for k in undone}
    cells = []
    for k, work in enumerate(page):
        note = saved[k].result() if k in saved else notes[k]
        mask = masks[k]
        shown = found[k].mask if mask is None else mask
        picture, (height, width) = read[k]
        box = None
        if "box_x" in note:
            x, y, w, h = (note[f"box_{name}"] for name in "xywh")
            box = (x / width, y / height, w / width, h / height)
        name = f"{work.path.parent.name}/{work.path.name}"
        cells.append(Cell(name, picture, shown, box, note.get("flag")))
    mask_files.write_png(sheet, draw_page(cells), {"key": key})


def _read(path: Path) -> tuple[np.ndarray, tuple[int, int]]:
    """The whole photograph with a shorter side of at most `SIDE`, and its full height and width."""
    data = read_bytes(path)
    picture = decode(data, SIDE)
    size = mask_files.full_size(data, picture)
    height, width = picture.shape[:2]
    scale = SIDE / min(height, width)
    if scale < 1:
        smaller = max(round(width * scale), SIDE), max(round(height * scale), SIDE)
        picture = cv2.resize(picture, smaller, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture), size


def _save(work: _Work, found: Located, size: tuple[int, int]) -> dict[str, Any]:
    """Write a mask, and give the note that stands in it."""
    note: dict[str, Any] = {"key": work.key, "width": size[1], "height": size[0]}
    flag = found.flag
    if found.mask.any():
        note |= mask_files.box_and_centre(found.mask, size)
    else:
        flag = flag or NOTHING
    if found.box is not None:
        sides = np.array(found.box) * [size[1], size[0], size[1], size[0]]
        note |= {f"box_{name}": round(float(v), 1) for name, v in zip("xywh", sides, strict=True)}
    if flag:
        note["flag"] = flag
    mask_files.write_png(work.mask, found.mask.astype(np.uint8) * 255, note)
    return note


def _write_table(manifest: pd.DataFrame, works: list[_Work], out: Path) -> None:
    notes = [work.note for work in works]
    table = manifest.reset_index(drop=True)
    table["path"] = [str(work.path) for work in works]
    table["mask"] = [work.mask.relative_to(out).as_posix() for work in works]
    for name in MEASURES:
        table[name] = [note.get(name) for note in notes]
    before = table["flags"] if "flags" in table else [None] * len(table)
    found = [[note["flag"]] if note.get("flag") else [] for note in notes]
    table["flags"] = [reflag(b, _OWN_FLAGS, f) for b, f in zip(before, found, strict=True)]
    if "tz_mask" in table:  # read_manifest takes such paths relative to the CSV
        table["tz_mask"] = [p if pd.isna(p) else os.path.abspath(p) for p in table["tz_mask"]]
    write_csv(table, out / "manifest.csv")


def _pages(out: Path) -> Iterator[Path]:
    return (p for p in (out / "sheets").glob("page-*.png") if p.stem[5:].isdigit())
