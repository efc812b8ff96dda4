"""YOLO's text: a file a picture, a line a box or polygon, in fractions of width and height."""

import re
from pathlib import Path
from typing import Any

import yaml

from cervix_tf.data.tables import read_lines
from cervix_tf.errors import UserError
from cervix_tf.segmentation.annotations.shapes import Picture, box, polygon

NAMES = ("classes.txt", "obj.names", "data.yaml", "dataset.yaml")
_BEGUN = re.compile(r"\s*-?\d+\s+-?[\d.]+(\s|$)")
_MOST = 2**20  # bytes of a file of names


def is_yolo(lines: list[str]) -> bool:
    """Tell whether lines are of whole numbers, each with fractions behind, or there are none."""
    return all(_numbers(line) is not None for line in lines if line.strip())


def broken_line(lines: list[str], alone: bool = False) -> int | None:
    """Give the number, from 1, of the first line that is none of YOLO's among others that are.

    `alone` takes lines that all begin with two numbers, as no path does, for meant to be YOLO's.
    """
    right = [_numbers(line) is not None for line in lines]
    wrong = [n for n, line in enumerate(lines, 1) if line.strip() and not right[n - 1]]
    meant = any(right) or (alone and all(_BEGUN.match(lines[n - 1]) for n in wrong))
    return wrong[0] if meant and wrong else None


def picture(name: str, lines: list[str], names: dict[int, str], where: str) -> Picture:
    """Read the lines of one picture, `class x y w h`, or `class x y x y x y ...` of a polygon."""
    found = Picture(name, fractions=True, bare=True)
    for number, line in enumerate(lines, 1):
        if line.strip():
            kind, *values = _numbers(line) or []
            at = f"{where}, line {number}"
            if len(values) > 5:
                shape: Any = polygon(values, at)
            else:  # a fifth number is the confidence of a network
                x, y, w, h = values[:4]
                shape = box((x - w / 2, y - h / 2, w, h), at)
            if names and int(kind) not in names:
                raise UserError(
                    f"{at}: there is no class {int(kind)} in the list of classes "
                    f"({', '.join(NAMES)}): mend the list or the line."
                )
            found.shapes.append((names.get(int(kind), str(int(kind))), shape))
    return found


def class_list(folder: Path) -> dict[int, str]:
    """Read the names of the classes that lie in a folder beside the labels; empty where none do."""
    for file in (folder / name for name in NAMES):
        if not file.is_file() or file.stat().st_size > _MOST:
            continue
        if file.suffix != ".yaml":
            return {k: line.strip() for k, line in enumerate(read_lines(file)) if line.strip()}
        lines = read_lines(file)
        try:
            # As text alone: no tag that may not fit, and no merged keys, which can multiply without end.
            content = yaml.load("\n".join(lines), yaml.BaseLoader)
            names = content.get("names") if isinstance(content, dict) else None
            pairs = enumerate(names) if isinstance(names, list) else dict(names or {}).items()
            return {int(k): name for k, name in pairs if isinstance(name, str)}
        except (yaml.YAMLError, RecursionError, TypeError, ValueError) as error:
            raise UserError(
                f"{file} names no classes as `names: [NAME, ...]` or `names: {{0: NAME}}`: mend it."
            ) from error
    return {}


def _numbers(line: str) -> list[float] | None:
    try:
        kind, *values = map(float, line.split())
    except ValueError:
        return None
    whole = kind.is_integer() and kind >= 0
    right = len(values) in (4, 5) or (len(values) >= 6 and len(values) % 2 == 0)
    return [kind, *values] if whole and right and all(-0.5 <= v <= 1.5 for v in values) else None
