"""Annotated pictures and photographs are brought together by their names; none of these is opened."""

import logging
import re
from collections.abc import Sequence
from pathlib import PurePath

from cervix_tf.data.names import normal
from cervix_tf.errors import UserError, listed
from cervix_tf.segmentation.annotations.reading import Annotations
from cervix_tf.segmentation.annotations.shapes import Picture
from cervix_tf.segmentation.boxes import path_words

log = logging.getLogger(__name__)

_UPLOADED = re.compile("[0-9a-f]{8}-")  # Label Studio puts it before the names of uploaded files
_OF_ONE = (".txt", ".json", ".xml")  # of which tools write a file a photograph


def matched(annotations: Annotations, paths: Sequence[str]) -> list[Picture | None]:
    """Find the annotated picture of each photograph.

    A picture is of the photograph whose path has the most words in common with its name, from the end and
    whatever their case: the whole path, or at least the name of the file.

    Args:
        annotations: What was drawn.
        paths: Photographs.

    Returns:
        A picture for each photograph, or None where there is none. A line on the logger names and counts
        the pictures that are of no photograph.

    Raises:
        UserError: A picture may be of several photographs, a photograph has several pictures, no
            picture is of any, or a photograph has none but a file of its name that is no annotation.
    """
    rows: dict[str, list[int]] = {}
    words_of = [path_words(path) for path in paths]
    for row, words in enumerate(words_of):
        for key in {words[-1], "bare " + PurePath(words[-1]).stem}:
            rows.setdefault(key, []).append(row)
    claims: dict[int, list[tuple[int, Picture]]] = {}
    lost = []
    for picture in annotations.pictures:
        words = path_words(picture.name) or ("",)
        last = "bare " * picture.bare + words[-1]
        if last not in rows and _UPLOADED.match(words[-1]):
            last = words[-1][9:]
        common = {row: _common(words[:-1], words_of[row][:-1]) for row in rows.get(last, [])}
        most = max(common.values(), default=0)
        best = [row for row, count in common.items() if count == most]
        if len(best) > 1:
            several = listed((paths[k] for k in best), 3)
            raise UserError(
                f"{annotations.path}: {picture.name} may be any of {several}: "
                "its name has to tell them apart, or give a manifest of one source."
            )
        if best:
            claims.setdefault(best[0], []).append((common[best[0]], picture))
        else:
            lost.append(picture.name)
    found: list[Picture | None] = [None] * len(paths)
    for row, pairs in claims.items():
        most = max(count for count, _ in pairs)
        first, *more = [picture for count, picture in pairs if count == most]
        if more:
            raise UserError(
                f"{annotations.path}: {first.name} and {more[0].name} are both of {paths[row]}: keep one."
            )
        found[row] = first
        lost += [picture.name for count, picture in pairs if count < most]
    for file, why in annotations.others.items():
        bare = rows.get("bare " + normal(file.stem).lower(), [])
        of = next((paths[row] for row in bare if found[row] is None), None)
        if of is not None and file.suffix.lower() in _OF_ONE:
            raise UserError(
                f"{why} It is called as {of} is: mend it, or take it out of the folder."
            )
    if paths and not claims:
        raise UserError(
            f"{annotations.path}: none of its pictures, such as {annotations.pictures[0].name}, is "
            f"called as a photograph is, such as {paths[0]}."
        )
    if lost:
        log.warning(
            f"{annotations.path}: {len(lost)} of {len(annotations.pictures)} annotated pictures are of "
            f"no photograph here: {listed(lost, 3)}."
        )
    return found


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many words are the same, from the end."""
    pairs = enumerate(zip(reversed(one), reversed(other), strict=False))
    return next((k for k, (a, b) in pairs if a != b), min(len(one), len(other)))
