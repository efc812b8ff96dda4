"""The photographs of a manifest become boxes and centres, and in a folder masks, with sheets of all."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cervix_tf.data import read_manifest, write_manifest
from cervix_tf.data.crops import BOX
from cervix_tf.data.decoding import UnreadableError, decode, dimensions
from cervix_tf.data.flags import GIVEN_BY, NOT_FOUND, reflag
from cervix_tf.data.manifests import validated
from cervix_tf.data.photographs import Progress, cores, read_bytes, scaled_down
from cervix_tf.errors import UserError, listed
from cervix_tf.files import is_temporary, write_text
from cervix_tf.given import as_path
from cervix_tf.segmentation import mask_files
from cervix_tf.segmentation.annotations.coco import annotation, write_coco
from cervix_tf.segmentation.annotations.reading import Annotations
from cervix_tf.segmentation.contact_sheet import COLUMNS, ROWS, Cell, draw_page
from cervix_tf.segmentation.finders import Find, Photograph, by_annotations, by_method
from cervix_tf.segmentation.methods import Finding, Model

SIDE = 256  # shorter side of the masks in pixels
PAGE = COLUMNS * ROWS
_MEASURES = ("width", "height", *BOX, "centre_x", "centre_y")
_SETTINGS = "segmentation.json"
_COCO = "annotations.coco.json"
_VERSION = 2  # raised whenever the same settings would give other masks


@dataclass(frozen=True)
class _Task:
    """One photograph: where it lies, where its mask goes if anywhere, and what that is to be."""

    number: int
    name: str  # below the photographs' common folder, if it has a mask
    path: Path
    mask: Path | None
    key: str

    def note(self) -> dict[str, Any]:
        """Read what the mask's file says, if it is the one asked for; else it is empty."""
        note = mask_files.read_note(self.mask) if self.mask else {}
        return note if note.get("key") == self.key else {}


def segment(
    manifest: pd.DataFrame,
    out: Path | str | None = None,
    method: str = "superpixels",
    *,
    model: Model = None,
    annotations: Annotations | Path | str | None = None,
    category: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Find the cervix in every photograph of a manifest, on every core.

    Without `out` nothing is written: the boxes and centres are in the table returned. With it,
    `out/masks` holds the masks: PNG of 0 and 255 of the whole upright photograph, its aspect
    unchanged, the shorter side at most 256 pixels. `out/sheets` holds pages of 40 photographs with
    outlines and boxes, `out/manifest.csv` the manifest, and `out/annotations.coco.json` the masks as
    COCO, for tools in which people correct them: with `annotations` they come back bit for bit.

    Each photograph is decoded once, when it is segmented. Those that cannot be read are collected on
    the way and named at the end; `out/manifest.csv` is not written then. A mask that was made from
    the same photograph with the same settings is not made again, and files appear whole or not at
    all: a call that was killed, or ended with such an error, is completed by the same call.

    Args:
        manifest: A manifest. Its own columns are kept, but for those named below.
        out: A new or empty folder, or one that this function made; None to write nothing.
        method: A name in `METHODS`: "superpixels" or "localizer".
        model: A localiser or the file that `fit_localizer` wrote, by default the one that comes with
            the package; superpixels take none.
        annotations: What people drew, in place of a method: what `read_annotations` takes or gives. A
            photograph that it does not have is flagged "cervix not located", and has neither mask nor
            box; one with boxes alone has no mask; one in which nothing is drawn has an empty mask.
        category: What to take of several categories of annotations.
        workers: Threads; by default one for each core.
        progress: Called with the number of photographs done and of all.
        options: Options of the method, as `superpixel_mask` takes them.

    Returns:
        The manifest with the columns `mask` (path; only with `out`), `width`, `height` (of the upright
        photograph), `box_x`, `box_y`, `box_w`, `box_h`, `centre_x`, `centre_y` (pixels of the upright
        photograph; of the largest connected part of the mask), with a localiser `confidence` (in
        [0, 1]), and `flags`. Where nothing was found, box and centre are missing and the flag "no
        cervix found" is added; where a localiser is not sure, the flag "cervix not located".

    Raises:
        UserError: Photographs cannot be read (all are named), the method or an option is unknown,
            `out` is not empty or cannot be written, or annotations are damaged or of no photograph here.

    Example:
        >>> segment(read_manifest("data"), "segmented", segments=20, keep=10)["mask"][0]
        '.../segmented/masks/train/Type_1/10.png'
    """
    manifest = validated(manifest, existing=False)
    if annotations is None and category is None:
        find, settings = by_method(method, model, options)
    elif annotations is None or method != "superpixels" or model is not None or options:
        raise UserError(
            "annotations (and their category) stand in place of a method: give one of both."
        )
    else:
        find, settings = by_annotations(annotations, category, manifest)
    settings = {"version": _VERSION, **settings}
    folder = None if out is None else as_path(out, "out").absolute()
    tasks = _tasks(manifest, folder, settings)
    if folder:
        _claim(folder, settings)

    notes: list[dict[str, Any]] = []
    reasons: dict[Path, str] = {}
    pages = [tasks[start : start + PAGE] for start in range(0, len(tasks), PAGE)]
    pool = ThreadPoolExecutor(workers or cores())
    try:
        for number, page in enumerate(pages, 1):
            sheet = folder and folder / f"sheets/page-{number:03d}.png"
            notes += _segment_page(page, sheet, find, pool, reasons)
            if progress:
                progress(len(notes), len(tasks))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl+C ends after the photographs in hand
    if reasons:
        paths = [path for path in dict.fromkeys(task.path for task in tasks) if path in reasons]
        named = listed((f"{path} ({reasons[path]})" for path in paths), most=50)
        raise UserError(
            f"{len(reasons)} photographs cannot be read: {named}. Replace them or take them out of "
            "the manifest, then run again."
        )
    table = _table(manifest, tasks, notes)
    if folder is None:
        return validated(table)
    for old in (folder / "sheets").glob("page-*.png"):  # of a call with more photographs
        if old.stem[5:].isdecimal() and int(old.stem[5:]) > len(pages):
            old.unlink()
    write_coco(folder / _COCO, _described(pages, notes))
    write_manifest(table, folder / "manifest.csv", movable=True)
    return read_manifest(folder / "manifest.csv", labelled=False)


def _described(pages: list[list[_Task]], notes: list[dict]) -> Iterator[tuple]:
    """Photographs as `write_coco` takes them; those of which nothing is known are left out."""
    of_all = iter(notes)
    with ThreadPoolExecutor(cores()) as threads:
        for page in pages:
            yield from filter(None, threads.map(_annotation, page, of_all))


def _annotation(task: _Task, note: dict[str, Any]) -> tuple | None:
    mask = mask_files.read_mask(task.mask) if task.mask else None
    box = tuple(note[name] for name in BOX) if "box_x" in note else None
    size = note["height"], note["width"]
    known = mask is not None or box
    return (task.name, size, annotation(mask, size, box)) if known else None


def _tasks(manifest: pd.DataFrame, folder: Path | None, settings: dict) -> list[_Task]:
    # Without `..`: what lies below the common folder is named by its place there.
    paths = [Path(os.path.abspath(path)) for path in manifest["path"]]
    root = Path(os.path.commonpath([path.parent for path in paths]))
    names = [path.relative_to(root) for path in paths]
    if folder is None:
        return [_Task(k, str(path), path, None, "") for k, path in enumerate(paths)]
    counts = Counter(name.with_suffix("") for name in names)  # a.jpg may lie beside a.png
    tasks = []
    for number, (path, name) in enumerate(zip(paths, names, strict=True)):
        alone = counts[name.with_suffix("")] == 1
        mask = folder / "masks" / (name.with_suffix(".png") if alone else f"{name}.png")
        try:
            key = mask_files.fingerprint(path, settings)
        except OSError:
            key = ""  # it is missing: reading it says so
        tasks.append(_Task(number, name.as_posix(), path, mask, key))
    return tasks


def _claim(folder: Path, settings: dict) -> None:
    """Take the folder, unless it holds anything else than an earlier call's work."""
    if folder.is_file():
        raise UserError(f"{folder} is a file: give a folder for the masks.")
    note = folder / _SETTINGS
    contents = list(folder.iterdir()) if folder.is_dir() and not note.is_file() else []
    if not all(map(is_temporary, contents)):
        raise UserError(f"{folder} is not empty: give a new or empty folder for the masks.")
    write_text(note, json.dumps(settings, indent=1) + "\n")


def _segment_page(
    page: list[_Task],
    sheet: Path | None,
    find: Find,
    threads: ThreadPoolExecutor,
    reasons: dict[Path, str],
) -> list[dict[str, Any]]:
    """Make the masks of a page that are missing, and its sheet, and give the notes of its masks.

    Why a photograph cannot be read goes into `reasons`; its note is empty then, and there is no sheet.
    """
    notes = [task.note() for task in page]
    key = mask_files.fingerprint(None, {"page": [[str(task.mask), task.key] for task in page]})
    if sheet and all(notes) and mask_files.read_note(sheet).get("key") == key:
        return notes
    masks = [
        mask_files.read_mask(task.mask) if task.mask and note else None
        for task, note in zip(page, notes, strict=True)
    ]
    photographs = threads.map(lambda task: _read(task.path, reasons), page)
    readable = {k: photograph for k, photograph in enumerate(photographs) if photograph}
    missing = [k for k in readable if masks[k] is None]
    findings = find([(page[k].number, readable[k]) for k in missing], threads.map)
    saved = threads.map(lambda k, one: _save(page[k], one, readable[k][1]), missing, findings)
    for k, finding, note in zip(missing, findings, saved, strict=True):
        masks[k], notes[k] = finding.mask, note
    if sheet and len(readable) == len(page):
        cells = [_cell(task, *readable[k], masks[k], notes[k]) for k, task in enumerate(page)]
        mask_files.write_png(sheet, draw_page(cells), {"key": key})
    return notes


def _read(path: Path, reasons: dict[Path, str]) -> Photograph | None:
    """The whole photograph with a shorter side of at most `SIDE`, and its full height and width."""
    try:
        data = read_bytes(path)
        picture = decode(data, SIDE)
    except UnreadableError as error:
        reasons[path] = str(error)
        return None
    picture = scaled_down(picture, SIDE / min(picture.shape[:2]))
    return np.ascontiguousarray(picture), dimensions(data)


def _save(task: _Task, finding: Finding, size: tuple[int, int]) -> dict[str, Any]:
    """Measure what was found, and write the mask with these measures as its note."""
    height, width = size
    note: dict[str, Any] = {"key": task.key, "width": width, "height": height}
    flag = finding.flag
    if finding.mask is None:
        if task.mask:
            task.mask.unlink(missing_ok=True)  # of an earlier call
    elif finding.mask.any():
        note |= mask_files.box_and_centre(finding.mask, size)
    else:
        flag = flag or NOT_FOUND
    if finding.box is not None:
        sides = np.round(np.array(finding.box) * [width, height, width, height], 1)
        note |= dict(zip(BOX, sides.tolist(), strict=True))
    if finding.confidence is not None:
        note["confidence"] = finding.confidence
    if flag:
        note["flag"] = flag
    if task.mask and finding.mask is not None:
        mask_files.write_png(task.mask, finding.mask.astype(np.uint8) * 255, note)
    return note


def _cell(
    task: _Task,
    picture: np.ndarray,
    size: tuple[int, int],
    mask: np.ndarray | None,
    note: dict[str, Any],
) -> Cell:
    height, width = size
    box = None
    if "box_x" in note:
        x, y, w, h = (note[name] for name in BOX)
        box = (x / width, y / height, w / width, h / height)
    name = f"{task.path.parent.name}/{task.path.name}"
    return Cell(name, picture, mask, box, note.get("flag"))


def _table(manifest: pd.DataFrame, tasks: list[_Task], notes: list[dict]) -> pd.DataFrame:
    table = manifest.reset_index(drop=True)
    table["path"] = [str(task.path) for task in tasks]
    if tasks[0].mask:
        table["mask"] = [
            str(task.mask) if task.mask and task.mask.is_file() else None for task in tasks
        ]
    sure = any("confidence" in note for note in notes)
    for name in (*_MEASURES, *(["confidence"] if sure else [])):
        kind = "int64" if name in ("width", "height") else "float64"
        table[name] = pd.Series([note.get(name) for note in notes], dtype=kind)
    flags = [[note["flag"]] if note.get("flag") else [] for note in notes]
    return reflag(table, GIVEN_BY["segment"], flags)  # whatever the method: a new call judges anew
