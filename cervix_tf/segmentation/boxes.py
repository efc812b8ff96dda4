"""Box files as they were shared among the competition's teams: one line a photograph."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data.columns import BOX, check_numbers
from cervix_tf.data.flags import NOT_LOCATED, flags_of, with_flags
from cervix_tf.data.manifests import validated
from cervix_tf.data.names import normal
from cervix_tf.data.tables import read_lines
from cervix_tf.errors import UserError, listed
from cervix_tf.given import as_path


def read_boxes(file: Path | str) -> pd.DataFrame:
    r"""Read a file of boxes: `path count x y w h ...`, one line a photograph.

    Args:
        file: The file, in UTF-8 or UTF-16; words are parted by blanks, tabs, commas or semicolons,
            folders in the paths by `/` or `\`. After the path come the number of boxes and for each its
            left, top, width and height in pixels of the upright photograph.

    Returns:
        A table, one row a line: `path` with `/` between its parts, and `box_x`, `box_y`, `box_w`,
        `box_h`: the box, of several the least one that holds them all; missing where the count is 0.

    Raises:
        UserError: The file does not exist, a line has another form, or a path stands in it twice; the
            message names the line.

    Example:
        >>> read_boxes("Type_1_bbox.tsv")  # a line is: Type_1\10.jpg 1 402 812 1630 1588
    """
    file = as_path(file, "file")
    if not file.is_file():
        raise UserError(f"The file of boxes {file} does not exist.")
    rows: dict[str, tuple] = {}
    for number, line in enumerate(read_lines(file), 1):
        if not line.strip():
            continue
        parsed = _parsed(line.strip())
        if parsed is None:
            raise UserError(
                f"{file}, line {number}: write `path count x y w h ...`, as many fours of numbers as "
                f"the count says, widths and heights above 0; received {line.strip()!r}."
            )
        path, box = parsed
        if path in rows:
            raise UserError(f"{file}, line {number}: {path} stands there twice; keep one line.")
        rows[path] = box
    if not rows:
        raise UserError(f"{file} holds no box.")
    table = pd.DataFrame(list(rows.values()), columns=list(BOX), dtype="float64")
    table.insert(0, "path", list(rows))
    return table


def add_boxes(manifest: pd.DataFrame, boxes: pd.DataFrame) -> pd.DataFrame:
    """Put the boxes of a file into a manifest.

    Paths are compared from their end: the photograph of a line is the one whose path ends in the
    line's whole path, whatever the case of the letters.

    Args:
        manifest: A manifest.
        boxes: What `read_boxes` returns; several tables may be joined by `pandas.concat`.

    Returns:
        The manifest with `box_x`, `box_y`, `box_w` and `box_h`; photographs that no line names keep
        the box they had, or none, and those whose count is 0 are flagged "cervix not located".

    Raises:
        UserError: No line names a photograph of the manifest, or one names several, as a name
            alone does that is in train and in additional: the line's path must tell them apart.

    Example:
        >>> add_boxes(read_manifest("data"), read_boxes("Type_1_bbox.tsv"))
    """
    manifest = validated(manifest, existing=False)
    check_numbers(manifest, BOX, "the manifest")
    if boxes.empty:
        raise UserError("There are no boxes: none was found in the file they were read from.")
    lines = {path_words(path): line for line, path in enumerate(boxes["path"])}
    rows_of: dict[int, list[int]] = {}
    for row, path in enumerate(manifest["path"]):
        words = path_words(path)
        ends = (words[k:] for k in range(len(words)))  # the longest first
        line = next((lines[end] for end in ends if end in lines), None)
        if line is not None:
            rows_of.setdefault(line, []).append(row)
    if not rows_of:
        raise UserError(
            f"None of the boxes' paths, such as {boxes['path'].iloc[0]}, is the end of a path of the "
            f"manifest, such as {manifest['path'].iloc[0]}."
        )
    values = manifest.reindex(columns=list(BOX)).to_numpy("float64", copy=True)
    flags = flags_of(manifest)
    for line, rows in rows_of.items():
        if len(rows) > 1:
            raise UserError(
                f"The box of {boxes['path'].iloc[line]} is that of several photographs "
                f"({listed(manifest['path'].iloc[rows], 3)}): give a manifest of one source, such as "
                "train alone."
            )
        row = rows[0]
        values[row] = boxes[list(BOX)].iloc[line].to_numpy("float64")
        lost = [NOT_LOCATED] if np.isnan(values[row]).any() else []
        flags[row] = [word for word in flags[row] if word != NOT_LOCATED] + lost
    return with_flags(manifest.assign(**dict(zip(BOX, values.T, strict=True))), flags)


def holds_box(line: str) -> bool:
    """Tell whether a line is a path with at least a box, as `read_boxes` takes it."""
    parsed = _parsed(line.strip())
    return parsed is not None and parsed[1][0] is not None


def _parsed(line: str) -> tuple[str, tuple] | None:
    """Path and box of a line; the path may hold what parts words."""
    for count in re.finditer(r"[\s,;]+([0-9]+)(?=[\s,;]|$)", line):
        words = [word for word in re.split(r"[\s,;]+", line[count.end() :]) if word]
        if len(words) != 4 * int(count[1]):
            continue
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            continue
        path = "/".join(
            part for part in re.split(r"[\\/]+", line[: count.start()].strip('"')) if part
        )
        if not path:
            return None
        if not numbers:
            return path, (None,) * 4
        lefts, tops, widths, heights = (numbers[k::4] for k in range(4))
        # A comparison with NaN is false.
        if min(widths + heights) <= 0 or not all(abs(number) < 1e9 for number in numbers):
            return None
        left, top = min(lefts), min(tops)
        right = max(x + w for x, w in zip(lefts, widths, strict=True))
        bottom = max(y + h for y, h in zip(tops, heights, strict=True))
        return path, (left, top, right - left, bottom - top)
    return None


def path_words(path: str) -> tuple[str, ...]:
    """Part a path into its names, in small letters, accents as one character; without `.` and `..`."""
    words = re.split(r"[\\/]+", normal(str(path)).lower())
    return tuple(word for word in words if word not in ("", ".", ".."))
