"""Photographs one by one: the probabilities of each, what the network saw of it and where it looked."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cervix_tf.data import unreadable
from cervix_tf.data.crops import Region, regions, square_around
from cervix_tf.data.decoding import dimensions
from cervix_tf.data.decoding_pass import UnreadablePhotographs, decode_all
from cervix_tf.data.photographs import read_bytes
from cervix_tf.errors import UserError
from cervix_tf.explanation.attribution import run_saliency
from cervix_tf.explanation.overlays import overlay
from cervix_tf.inference import Predictions, photograph_flags, run_probabilities
from cervix_tf.inference.familiarity import has_references
from cervix_tf.runs import Run, load
from cervix_tf.segmentation import Localizer, segment


@dataclass(frozen=True)
class Examined:
    """What a run makes of one photograph.

    Attributes:
        path: The photograph.
        probabilities: float64 (classes,), in the order of the run's classes.
        frame: What the network saw of the upright photograph: left, top, width and height as shares of
            its sides.
        seen: uint8 RGB (S, S, 3), what was within the frame, as it went into the network.
        gradcam: uint8 RGB (S, S, 3), the same under the Grad-CAM map of the likeliest class's logit.
        blank: Whether that map is 0 everywhere.
        flags: What is unusual about it, as `photograph_flags` says; None where nothing is, or where the
            run has no `references.npz`.
        located: Whether the cervix was located; always True for a run with `crop: square`, which does
            not ask. Where it was not, the whole centred square was taken.
    """

    path: Path
    probabilities: np.ndarray
    frame: tuple[float, float, float, float]
    seen: np.ndarray
    gradcam: np.ndarray
    blank: bool
    flags: str | None
    located: bool


def examine(
    run: Run | Path | str,
    paths: Sequence[Path | str],
    localizer: Localizer | Path | str | None = None,
) -> tuple[list[Examined], dict[Path, str]]:
    """Look at photographs one by one.

    Args:
        run: A run or its folder.
        paths: Photographs; one named twice is looked at once.
        localizer: For a run that was trained with `crop: box`: what finds the box, a localiser or its
            file; by default the one that comes with the package.

    Returns:
        What the run makes of each photograph that can be read, in their order, and why each of the
        others cannot be read.

    Raises:
        UserError: As of `check_crop`.

    Example:
        >>> examined, reasons = examine("runs/first", ["photographs/1.jpg", "empty.jpg"])
        >>> round(float(examined[0].probabilities.sum()), 3), reasons
        (1.0, {PosixPath('empty.jpg'): 'the file is empty (zero bytes)'})
    """
    run = load(run)
    check_crop(run, localizer)
    every = list(dict.fromkeys(Path(path) for path in paths))
    boxes = _boxes(every, localizer) if run.crop == "box" else {}
    side = run.square_size
    squares, reasons = np.zeros((len(every), side, side, 3), np.uint8), {}
    try:
        wanted: list[tuple[Path, Region]] = [(path, boxes.get(path)) for path in every]
        decode_all(wanted, side, range(len(every)), squares.__setitem__, None)
    except UnreadablePhotographs as error:
        reasons = {every[row]: error.reasons[row] for row in sorted(error.reasons)}
    good = [path for path in every if path not in reasons]
    if not good:
        return [], reasons
    if reasons:
        squares = squares[[path not in reasons for path in every]]
    predictions = Predictions(
        (run,), pd.DataFrame({"path": map(str, good)}), squares, run_probabilities(run, squares)[0]
    )
    images = predictions.images
    maps = run_saliency(run, images, predictions.predicted, "gradcam")
    known = has_references(run)
    flags = photograph_flags(run, squares)[0] if known else [None] * len(good)
    return [
        Examined(
            path=path,
            probabilities=predictions.probabilities[k],
            frame=_frame(path, boxes.get(path), run.image_size / side),
            seen=images[k],
            gradcam=overlay(images[k], maps[k]),
            blank=not maps[k].any(),
            flags=flags[k],
            located=run.crop == "square" or boxes[path] is not None,
        )
        for k, path in enumerate(good)
    ], reasons


def _boxes(paths: list[Path], localizer: Localizer | Path | str | None) -> dict[Path, Region]:
    """The box of the cervix in each photograph that can be read, None where it was not located."""
    bad = unreadable(paths)
    paths = [path for path in paths if path not in bad]
    if not paths:
        return {}
    table = pd.DataFrame({"path": [str(path) for path in paths]})
    table = segment(table, method="localizer", model=localizer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cervices not located: `Examined.located` says which
        return dict(zip(paths, regions(table, "box"), strict=True))


def check_crop(run: Run, localizer: Localizer | Path | str | None = None) -> None:
    """Refuse a run whose crop cannot be made of a photograph alone.

    Args:
        run: The run.
        localizer: As for `examine`.

    Raises:
        UserError: The run was trained with `crop: mask`, or a localiser is given for one that was
            trained on the centred square.
    """
    if run.crop == "mask":
        raise UserError(
            f"{run.folder} was trained with crop: mask, and only the masks' own method makes others like "
            "them: run `cervix-tf segment` as for its training, then `cervix-tf predict`."
        )
    if localizer is not None and run.crop != "box":
        raise UserError(
            f"{run.folder} was trained with crop: {run.crop}, which needs no localiser: leave it out."
        )


def _frame(path: Path, region: Region, part: float) -> tuple[float, float, float, float]:
    """The centre `part` of the square that was cut out, in shares of the photograph's sides."""
    height, width = dimensions(read_bytes(path))
    box = region if isinstance(region, tuple) else None
    # Around all of the photograph, the largest square there is: the centred one.
    left, top, side = square_around(box or (0, 0, width, height), height, width)
    margin = side * (1 - part) / 2
    inside = side * part
    return (left + margin) / width, (top + margin) / height, inside / width, inside / height
