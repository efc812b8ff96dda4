"""COCO's JSON: read, and written of masks so that they can be corrected in a tool and read back."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cervix_tf.errors import UserError
from cervix_tf.files import printable, replacing
from cervix_tf.segmentation.annotations.shapes import (
    AGAIN,
    Picture,
    Polygon,
    Shape,
    box,
    drawn,
    entry,
    picture_size,
    polygon,
    runs,
    word,
)

CERVIX = "cervix"
# In pixels of the mask; the way between two centres, one within and one without, passes each at 0.35.
_SMOOTH = 0.3


def pictures(content: dict[str, Any], where: str) -> list[Picture]:
    """Read COCO's images, each with its annotations."""
    names: dict[object, str] = {}
    found: dict[object, Picture] = {}
    for at, one in _entries(content, "categories", where):
        with entry(at):
            names[_new(names, one, at)] = word(one, "name", at)
    for at, one in _entries(content, "images", where):
        with entry(at):
            size = picture_size(one.get("height"), one.get("width"), at)
            found[_new(found, one, at)] = Picture(word(one, "file_name", at), size)
    drawings: dict[object, None] = {}
    for at, one in _entries(content, "annotations", where):
        with entry(at):
            if one.get("id") is not None:  # which some tools leave out, and nothing needs
                drawings[_new(drawings, one, at)] = None
            number = _number(one, "image_id", at)
            if number not in found:
                raise UserError(f"{at}: there is no image of its image_id {number!r}: {AGAIN}.")
            kind = one.get("category_id")
            kind = None if kind is None else _number(one, "category_id", at)
            shapes = _shapes(one, found[number], f"{at}, of {found[number].name}")
            if names and kind not in names:
                raise UserError(f"{at}: there is no category of its category_id {kind!r}: {AGAIN}.")
            found[number].shapes.extend((names.get(kind, str(kind)), shape) for shape in shapes)
    return list(found.values())


def _entries(content: dict[str, Any], key: str, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries of a list of the file, each with what an error calls it."""
    entries = content.get(key, [])
    if not isinstance(entries, list):
        raise UserError(f"{where}: its {key} are no list: {AGAIN}.")
    for number, one in enumerate(entries, 1):
        at = f"{where}: number {number} of its {key}"
        if not isinstance(one, dict):
            raise UserError(f"{at} has no keys: {AGAIN}.")
        yield at, one


def _number(one: dict[str, Any], key: str, at: str) -> float | str:
    if isinstance(one[key], bool) or not isinstance(one[key], int | float | str):
        raise UserError(f"{at}: its {key} is {repr(one[key])[:99]}, not a number: {AGAIN}.")
    return one[key]


def _new(known: dict[object, Any], one: dict[str, Any], at: str) -> float | str:
    """The id of an entry, which no earlier one has."""
    number = _number(one, "id", at)
    if number in known:
        raise UserError(f"{at}: an earlier one has its id {number!r} already: {AGAIN}.")
    return number


def _side(one: dict[str, Any], key: str, at: str) -> int:
    try:
        side = int(one[key])
    except (TypeError, ValueError, OverflowError):
        side = 0
    if side < 1:
        raise UserError(f"{at}: its {key} is {repr(one[key])[:99]}, not in pixels: {AGAIN}.")
    return side


def _shapes(one: dict[str, Any], picture: Picture, where: str) -> list[Shape]:
    drawing = one.get("segmentation")
    if isinstance(drawing, dict):
        sides = drawing["size"]
        if not isinstance(sides, list) or len(sides) != 2:
            raise UserError(f"{where}: the size of its mask is no height and width: {AGAIN}.")
        named = {"height": sides[0], "width": sides[1]}
        height, width = (_side(named, key, f"{where}, its mask") for key in named)
        if picture.size not in (None, (height, width)):
            raise UserError(
                f"{where}: its mask is of {width} x {height} pixels, its image of "
                f"{picture.size[1]} x {picture.size[0]}: {AGAIN}."
            )
        counts = drawing["counts"]
        try:
            lengths = unpacked(counts) if isinstance(counts, str) else counts
        except ValueError as error:
            raise UserError(f"{where}: it has {error}: {AGAIN}.") from error
        return [runs(lengths, (0, 0, width, height), where)]
    if drawing:
        if not isinstance(drawing, list):
            raise UserError(f"{where}: its segmentation is neither polygons nor runs: {AGAIN}.")
        rings = drawing if isinstance(drawing[0], list) else [drawing]
        return [polygon(ring, where) for ring in rings]
    if one.get("bbox") is None:
        raise UserError(f"{where}: it has neither a segmentation nor a bbox: {AGAIN}.")
    return [box(one["bbox"], where)]


def unpacked(text: str) -> list[int]:
    """Read the lengths of runs out of COCO's compressed text.

    Each letter holds five bits of a number, the lowest first, and whether more follow; from the fourth on
    a number is the difference from the one two before it.
    """
    lengths: list[int] = []
    number = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 50:
            raise ValueError("letters in a mask that COCO does not write")
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        lengths.append(number + (lengths[-2] if len(lengths) > 2 else 0))
        number = shift = 0
    if shift:
        raise ValueError("a mask that ends within a number")
    return lengths


def write_coco(path: Path, photographs: Iterable[tuple]) -> None:
    """Write masks as COCO, one photograph after another, whole or not at all.

    Args:
        path: The file.
        photographs: Of each its name, its height and width, and what `annotation` gives of it.
    """
    images = []
    with replacing(path) as part, part.open("w", encoding="utf-8") as file:
        head = {"info": {"description": "Masks of the cervix"}, "licenses": []}
        category = [{"id": 1, "name": CERVIX, "supercategory": ""}]
        file.write(json.dumps({**head, "categories": category})[:-1] + ', "annotations": [')
        between = "\n"
        for number, (name, (height, width), drawing) in enumerate(photographs, 1):
            image = {"id": number, "file_name": printable(name), "width": width, "height": height}
            images.append(json.dumps(image))
            if drawing:
                ids = {"id": number, "image_id": number, "category_id": 1}
                file.write(between + json.dumps({**ids, **drawing}))
                between = ",\n"
        file.write('\n], "images": [\n' + ",\n".join(images) + "\n]}\n")


def annotation(
    mask: np.ndarray | None, size: tuple[int, int], sides: tuple | None = None
) -> dict[str, Any]:
    """Describe a mask as COCO does, in pixels of the photograph; empty where nothing is masked.

    It is of polygons where these give the same mask back, or, as of a mask with holes, of runs.
    """
    if mask is None and sides is not None:
        bare = {"segmentation": [], "area": round(sides[2] * sides[3], 2)}
        return {**bare, "bbox": list(sides), "iscrowd": 0}
    if mask is None or not mask.any():
        return {}
    scale = np.array([size[1] / mask.shape[1], size[0] / mask.shape[0]])
    rings = [np.round(ring * scale, 2) for ring in _rings(mask)]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    corner = np.array([columns[0], rows[0]]) * scale
    edges = np.array([columns[-1] + 1, rows[-1] + 1]) * scale - corner
    same = np.array_equal(drawn(map(Polygon, rings), size, mask.shape), mask)
    return {
        "segmentation": [ring.ravel().tolist() for ring in rings] if same else _runs(mask, size),
        "area": round(float(mask.sum() * scale.prod()), 2),
        "bbox": np.round([*corner, *edges], 2).tolist(),
        "iscrowd": int(not same),  # as COCO marks runs
    }


def _rings(mask: np.ndarray) -> list[np.ndarray]:
    """Find the outlines of a mask, x and y in its pixels, which pass between the centres of these."""
    from skimage.measure import find_contours

    outlines = find_contours(np.pad(mask, 1).astype("float64"), 0.5)
    corners = [ring[:-1, None, ::-1].astype("float32") for ring in outlines]
    return [cv2.approxPolyDP(ring, _SMOOTH, True)[:, 0].astype("float64") - 0.5 for ring in corners]


def _runs(mask: np.ndarray, size: tuple[int, int]) -> dict[str, Any]:
    """Describe a mask by runs of the photograph's pixels, each as the mask is at its centre."""
    rows, columns = (
        ((np.arange(side) + 0.5) * small / side).astype(int)
        for side, small in zip(size, mask.shape, strict=True)
    )
    flat = mask.T[columns[:, None], rows].ravel()
    ends = np.flatnonzero(np.diff(flat, prepend=False, append=not flat[-1]))
    return {"counts": np.diff(ends, prepend=0).tolist(), "size": list(size)}
