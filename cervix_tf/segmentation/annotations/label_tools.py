"""LabelMe's and Label Studio's JSON, and CVAT's XML "for images 1.1"."""

from pathlib import PurePath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.parsers import expat

import numpy as np

from cervix_tf.data.folder_walk import PHOTOGRAPHS
from cervix_tf.data.limits import check_pixels
from cervix_tf.errors import UserError
from cervix_tf.segmentation.annotations.shapes import (
    AGAIN,
    Picture,
    Runs,
    Shape,
    box,
    ellipse,
    entry,
    picture_size,
    polygon,
    runs,
    word,
)

NO_AREA = ("point", "points", "line", "linestrip", "polyline", "skeleton", "tag", "keypointlabels",
           "choices", "textarea", "rating")  # fmt: skip


# Label Studio's: with labels of their own, or in another result of the same `id`.
AREAS = {
    kind + end for kind in ("rectangle", "ellipse", "polygon", "brush") for end in ("", "labels")
}


def labelme(content: dict[str, Any], where: str) -> list[Picture]:
    """Read LabelMe's file of one picture."""
    size = picture_size(content.get("imageHeight"), content.get("imageWidth"), where)
    picture = Picture(word(content, "imagePath", where), size)
    if not isinstance(content["shapes"], list):
        raise UserError(f"{where}: its shapes are no list: {AGAIN}.")
    for number, one in enumerate(content["shapes"], 1):
        with entry(at := f"{where}: number {number} of its shapes"):
            at += f", of {picture.name}"
            points, kind = one["points"], one.get("shape_type") or "polygon"
            if kind == "polygon":
                shape: Shape = polygon(points, at)
            elif kind == "rectangle":
                low, high = np.min(points, axis=0), np.max(points, axis=0)
                shape = box([*low, *(high - low)], at)
            elif kind == "circle":
                radius = float(np.hypot(*np.subtract(*points)))
                shape = ellipse([*points[0], radius, radius], at)
            elif kind in NO_AREA:
                continue
            else:
                raise _unread(kind, at)
            picture.shapes.append((word(one, "label", at), shape))
    return [picture]


def label_studio(content: list[dict[str, Any]], where: str) -> list[Picture]:
    """Read Label Studio's export: of each task the last annotation that was not cancelled."""
    found = []
    for number, task in enumerate(content, 1):
        with entry(f"{where}: number {number} of its tasks"):
            done = [one for one in task.get("annotations", []) if not one.get("was_cancelled")]
            name = _source(task)
            if not done or name is None:
                continue
            results, at = done[-1]["result"], f"{where}, {name}"
            sizes = {
                picture_size(one.get("original_height"), one.get("original_width"), at)
                for one in results
            } - {None}
            if len(sizes) > 1 or any(one.get("image_rotation") for one in results):
                raise UserError(
                    f"{where}, {name}: it was turned in the tool; turn it back, annotate anew."
                )
            size = sizes.pop() if sizes else None
            picture = Picture(name, size)
            for which, one in enumerate(results, 1):
                if labels := _labels(one):
                    shape = _of_label_studio(
                        one["value"], size, f"{at}, number {which} of its results"
                    )
                    picture.shapes.extend((str(label), shape) for label in labels)
            labelled = {one.get("id") for one in results if _labels(one)}
            if any(one["type"] in AREAS and one.get("id") not in labelled for one in results):
                raise UserError(f"{at}: a shape has no label: give it one, and {AGAIN}.")
            found.append(picture)
    return found


def _labels(one: dict[str, Any]) -> list:
    """The labels of a result that has an area; none of other results."""
    kind, value = one["type"], one.get("value", {})
    if kind in NO_AREA:
        return []
    labels = value.get(kind) or value.get("labels") or []
    return [labels] if isinstance(labels, str) else labels


def _source(task: dict[str, Any]) -> str | None:
    """The name of a task's picture: the first of its data that ends as a photograph's does."""
    for value in task["data"].values():
        parts = urlsplit(value if isinstance(value, str) else "")
        local = parse_qs(parts.query).get("d")  # of files that are served from a folder
        name = local[0] if local else unquote(parts.path)
        if PurePath(name).suffix.lower() in PHOTOGRAPHS:
            return name
    return None


def _of_label_studio(value: dict[str, Any], size: tuple[int, int] | None, where: str) -> Shape:
    if size is None:
        raise UserError(f"{where}: a shape does not tell of how large a picture: export it again.")
    scale = np.array(size[::-1]) / 100  # it counts in per cent
    if "points" in value:
        return polygon(np.asarray(value["points"], "float64") * scale, where)
    if "rle" in value:
        return brush(value["rle"], size, where)
    x, y = np.array([value["x"], value["y"]], "float64") * scale
    if "radiusX" in value and not value.get("rotation"):
        return ellipse([x, y, *np.array([value["radiusX"], value["radiusY"]]) * scale], where)
    if "width" in value:
        sides = np.array([value["width"], value["height"]], "float64") * scale
        return box([x, y, *sides], where, value.get("rotation") or 0)
    raise _unread("turned ellipse" if "radiusX" in value else "unknown", where)


def brush(packed: list[int], size: tuple[int, int], where: str) -> Runs:
    """Read Label Studio's brush: runs of red, green, blue and opacity, as thi.ng's `rle-pack` packs them.

    Args:
        packed: Bytes: the number of values in 32 bits, the bits of a value less one in 5, those of four
            lengths in 4 each; then runs, each of a bit that tells whether its values are all the same,
            two that choose a length, the run's length less one, and its value or values.
        size: Height and width of the picture in pixels.
        where: What an error message calls it.

    Returns:
        Where the opacity is above 0.
    """
    check_pixels(*size)
    bits = (np.unpackbits(np.asarray(packed, np.uint8)) + 48).tobytes().decode("ascii")
    at = 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        return int(bits[at - count : at], 2)

    values, width = take(32), take(5) + 1
    if values != 4 * size[0] * size[1]:
        raise UserError(
            f"{where}: its brush holds {values} values, not 4 a pixel: export it again."
        )
    lengths = [take(4) + 1 for _ in range(4)]
    opaque, done = np.zeros(values, bool), 0
    while done < values:
        same = take(1)
        end = min(done + 1 + take(lengths[take(2)]), values)
        if same:
            opaque[done:end] = take(width) > 0
        else:
            opaque[done:end] = [take(width) > 0 for _ in range(end - done)]
        done = end
    inside = opaque[3::4]
    ends = np.flatnonzero(np.diff(inside, prepend=False, append=not inside[-1]))
    return runs(np.diff(ends, prepend=0), (0, 0, size[1], size[0]), where, by_rows=True)


def cvat(data: bytes, where: str) -> list[Picture]:
    """Read CVAT's XML as it streams by; one that declares entities, or anything else, is refused."""
    found: list[Picture] = []
    within: list[str] = []

    def begin(tag: str, given: dict[str, str]) -> None:
        if not within and tag != "annotations":
            raise UserError(f"{where} is XML, but not CVAT's: export it as `CVAT for images 1.1`.")
        if tag == "track":
            raise UserError(f"{where} is of a video: export it as `CVAT for images 1.1`.")
        if within == ["annotations"] and tag == "image":
            with entry(f"{where}: number {len(found) + 1} of its images"):
                size = picture_size(given["height"], given["width"], f"{where}, {given['name']}")
                found.append(Picture(given["name"], size))
        elif within == ["annotations", "image"] and tag not in NO_AREA:
            at = f"{where}, {found[-1].name}"
            with entry(f"{at}: a {tag}"):
                label, number = given["label"], len(found[-1].shapes) + 1
                shape = _of_cvat(tag, given, f"{at}, number {number} of its shapes")
                found[-1].shapes.append((label, shape))
        within.append(tag)

    def refuse(*_: object) -> None:
        raise UserError(f"{where} declares a document type, which CVAT does not: it is not read.")

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda _: within.pop()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(data, True)
    return found


def _of_cvat(tag: str, given: dict[str, str], where: str) -> Shape:
    if tag == "polygon":
        return polygon([pair.split(",") for pair in given["points"].split(";")], where)
    turned = float(given.get("rotation", 0))
    if tag == "box":
        left, top, right, bottom = (float(given[name]) for name in ("xtl", "ytl", "xbr", "ybr"))
        upright = box((left, top, right - left, bottom - top), where)
        if not turned:
            return upright
        # It is turned about its centre.
        again = box((0, 0, right - left, bottom - top), where, turned).sides
        middle = (left + right) / 2 - again[2] / 2, (top + bottom) / 2 - again[3] / 2
        return box([*middle, *again[2:]], where)
    if tag == "ellipse" and not turned:
        return ellipse((float(given[name]) for name in ("cx", "cy", "rx", "ry")), where)
    if tag == "mask":
        counts = [int(count) for count in given["rle"].split(",")]
        window = tuple(int(given[name]) for name in ("left", "top", "width", "height"))
        return runs(counts, window, where, by_rows=True)
    raise _unread(f"turned {tag}" if turned else tag, where)


def _unread(kind: str, where: str) -> UserError:
    return UserError(
        f"{where}: a shape of the kind {kind!r} is not read: draw a polygon, a mask or a box."
    )
