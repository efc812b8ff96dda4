"""COCO's JSON: read, and written of masks so that they can be corrected in a tool and read back."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cervix_tf.files import printable, replacing
from cervix_tf.segmentation.annotations.shapes import (
    Picture,
    Polygon,
    Shape,
    box,
    drawn,
    polygon,
    runs,
)

CERVIX = "cervix"
# In pixels of the mask; the way between two centres, one within and one without, passes each at 0.35.
_SMOOTH = 0.3


def pictures(content: dict[str, Any], where: str) -> list[Picture]:
    """Read COCO's images, each with its annotations."""
    names = {one["id"]: str(one["name"]) for one in content.get("categories", [])}
    found = {}
    for image in content["images"]:
        size = (int(image["height"]), int(image["width"])) if image.get("height") else None
        found[image["id"]] = Picture(str(image["file_name"]), size)
    for one in content["annotations"]:
        picture = found[one["image_id"]]
        category = names.get(one.get("category_id"), str(one.get("category_id")))
        shapes = _shapes(one, picture, f"{where}, {picture.name}")
        picture.shapes.extend((category, shape) for shape in shapes)
    return list(found.values())


def _shapes(one: dict[str, Any], picture: Picture, where: str) -> list[Shape]:
    drawing = one.get("segmentation")
    if isinstance(drawing, dict):
        counts, (height, width) = drawing["counts"], drawing["size"]
        if picture.size not in (None, (height, width)):
            raise ValueError(f"a mask of {width} x {height} pixels in {picture.name}")
        lengths = unpacked(counts) if isinstance(counts, str) else counts
        return [runs(lengths, (0, 0, width, height), where)]
    if drawing:
        rings = drawing if isinstance(drawing[0], list) else [drawing]
        return [polygon(ring, where) for ring in rings]
    return [box(one["bbox"], where)]


def unpacked(text: str) -> list[int]:
    """Read the lengths of runs out of COCO's compressed text.

    Each letter holds five bits of a number, the lowest first, and whether more follow; from the fourth on
    a number is the difference from the one two before it.
    """
    lengths: list[int] = []
    number = shift = 0
    for letter in text.encode("ascii"):
        bits = letter - 48
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
