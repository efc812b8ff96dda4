"""A file or folder of annotations, its format told by its content."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from cervix_tf.data.crops import BOX
from cervix_tf.data.names import natural, normal
from cervix_tf.data.picture_formats import UnreadableError
from cervix_tf.data.tables import encoding_of
from cervix_tf.errors import UserError, listed, unknown
from cervix_tf.given import as_path
from cervix_tf.segmentation.annotations import coco, label_tools, yolo
from cervix_tf.segmentation.annotations.shapes import Picture, box
from cervix_tf.segmentation.boxes import holds_box, read_boxes

log = logging.getLogger(__name__)

MAX_BYTES = 2**28  # of a file
FORMATS = (
    "COCO, LabelMe or Label Studio JSON, CVAT's XML, YOLO's `class x y w h` (a point for decimals) or "
    "`path count x y w h ...`"
)
_ENDINGS = (".json", ".xml", ".txt", ".tsv", ".csv")
_ODD = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError,
        ZeroDivisionError)  # fmt: skip


class _OtherFile(UserError):
    """A file is none of the formats."""


@dataclass(frozen=True)
class Annotations:
    """What people drew, of one category.

    Attributes:
        path: The file or folder.
        pictures: What was drawn in each picture; nothing in some.
        digest: 16 hexadecimal digits of the files' content and the category.
        others: What in the folder is none of the formats, each with an error's words.
    """

    path: Path
    pictures: list[Picture]
    digest: str
    others: dict[Path, str] = field(default_factory=dict)


def read_annotations(path: Path | str, category: str | None = None) -> Annotations:
    """Read outlines and boxes that were drawn in another tool; the content tells the format.

    Args:
        path: One of

            - COCO's JSON: polygons, runs of pixels (RLE, compressed or not), or boxes alone;
            - LabelMe's JSON, or a folder of such: polygon, rectangle, circle;
            - Label Studio's export "JSON": rectangle, polygon, ellipse, brush; of each task the last
              annotation that was not cancelled;
            - CVAT's XML "for images 1.1": polygon, box, ellipse, mask;
            - a folder of YOLO's text, boxes or polygons, with the names of the classes in
              `classes.txt`, `obj.names` or `data.yaml` if they have any;
            - a file of boxes, as `read_boxes` takes it;
            - a folder of any of these. Hidden files and links in it are passed over.
        category: What to take of several categories, by its name.

    Returns:
        The pictures, in the files' order.

    Raises:
        UserError: A file is none of these, larger than 256 MiB, or damaged; a shape has no area, or is
            of a kind that is not read; there are several categories and none is chosen.

    Example:
        >>> read_annotations("Type_1_bbox.tsv").pictures[0].shapes
        [('cervix', Box(sides=(402.0, 812.0, 1630.0, 1588.0)))]
    """
    path = as_path(path, "path")
    if not os.path.exists(path):
        raise UserError(f"{path} does not exist: give a file or folder of annotations.")
    single = not path.is_dir()
    content = hashlib.blake2b(json.dumps(category).encode(), digest_size=8)
    pictures: list[Picture] = []
    others: dict[Path, str] = {}
    for file in [path] if single else _files(path):
        data = _content(file)
        try:
            found = _pictures(file, path, data)
        except _OtherFile as error:
            others[file] = str(error)
            continue
        pictures += found
        drawn = [name for one in found for name, _ in one.shapes]
        content.update(json.dumps([len(data), drawn]).encode() + data)
    if others and not pictures:
        first = next(iter(others.values()))
        raise UserError(first if single else f"{path} holds no annotated picture: {first}")
    if not pictures:
        raise UserError(f"{path} holds no annotated picture: give {FORMATS}.")
    if others:
        names = listed((file.name for file in others), 3)
        log.warning(f"{path}: {len(others)} files are no annotations: {names}.")
    return Annotations(path, _chosen(pictures, category, path), content.hexdigest(), others)


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural)
        for name in sorted(names, key=natural):
            file = Path(place, name)
            kind = file.suffix.lower() in _ENDINGS and name not in yolo.NAMES
            if kind and not name.startswith(".") and file.is_file() and not file.is_symlink():
                yield file


def _content(file: Path) -> bytes:
    if not file.is_file():
        raise UserError(f"{file} is no file: give a file or folder of annotations.")
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise UserError(
                f"{file} has {size} bytes, over the limit of {MAX_BYTES} of annotations: part it."
            )
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error


def _pictures(file: Path, place: Path, data: bytes) -> list[Picture]:
    """Read one file; `_OtherFile` if it is none of the formats."""
    try:
        encoding = encoding_of(file)
        head = data[:4096].decode(encoding, "ignore").lstrip("\ufeff \t\r\n")
        if head.startswith("<"):
            return label_tools.cvat(data, str(file))
        text = data.decode(encoding)
        if head.startswith(("{", "[")):
            return _of_json(json.loads(text), str(file))
        lines = text.splitlines()
        if number := yolo.broken_line(lines):
            raise _not_yolo(file, number)
        if yolo.is_yolo(lines) and (lines or file.suffix.lower() == ".txt"):
            name = file.relative_to(place) if place.is_dir() else Path(file.name)
            names = yolo.class_list(file.parent)
            names = names or (yolo.class_list(place) if place.is_dir() else {})
            return [yolo.picture(name.with_suffix("").as_posix(), lines, names, str(file))]
    except UserError:
        raise
    except json.JSONDecodeError as error:
        raise UserError(
            f"{file}, line {error.lineno}: the JSON is broken or cut off there: export it again."
        ) from error
    except ExpatError as error:
        raise UserError(
            f"{file}, line {error.lineno}: the XML is broken or cut off there: export it again."
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is no text in UTF-8 or UTF-16: save it as UTF-8.") from error
    except UnreadableError as error:
        raise UserError(f"{file} cannot be read: {error}.") from error
    except _ODD as error:
        raise UserError(f"{file} is not as its format has it: export it again.") from error
    try:
        table = read_boxes(file)
    except UserError as error:
        if number := yolo.broken_line(lines, alone=file.suffix.lower() == ".txt"):
            raise _not_yolo(file, number) from error
        if any(map(holds_box, lines)):  # the others are damaged
            raise
        numbered = ((n, line.strip()) for n, line in enumerate(lines, 1) if line.strip())
        at = next((f", line {n}: {line[:60]!r}" for n, line in numbered), "")
        raise _OtherFile(f"{file}{at} is none of {FORMATS}.") from error
    found = []
    for name, *sides in table[["path", *BOX]].itertuples(index=False):
        found.append(Picture(name))
        if sides[0] == sides[0]:  # it is a number
            found[-1].shapes.append((coco.CERVIX, box(sides, str(file))))
    return found


def _not_yolo(file: Path, number: int) -> UserError:
    return UserError(
        f"{file}, line {number}: it is not `class x y width height` or a polygon, in shares of the "
        "sides, as YOLO has it: mend it."
    )


def _of_json(content: Any, where: str) -> list[Picture]:
    if isinstance(content, dict):
        if {"images", "annotations"} <= set(content):
            return coco.pictures(content, where)
        if {"shapes", "imagePath"} <= set(content):
            return label_tools.labelme(content, where)
        content = [content]
    if content and all(isinstance(one, dict) and "data" in one for one in content):
        return label_tools.label_studio(content, where)
    raise _OtherFile(f"{where} is none of {FORMATS}.")


def _chosen(pictures: list[Picture], category: str | None, path: Path) -> list[Picture]:
    """The pictures with the shapes of one category."""
    names = sorted({normal(name) for one in pictures for name, _ in one.shapes}, key=natural)
    if category is None and len(names) > 1:
        raise UserError(
            f"{path} has several categories ({listed(names)}): choose one, with --category."
        )
    if category is None:
        return pictures
    wanted = normal(category)
    if wanted not in names:
        raise unknown("category", category, names)
    return [
        Picture(
            one.name,
            one.size,
            [(name, shape) for name, shape in one.shapes if normal(name) == wanted],
            one.fractions,
            one.bare,
        )
        for one in pictures
    ]
