"""Class probabilities of photographs from one run or several."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cervix_tf.errors import UserError
from cervix_tf.inference.photographs import photographs
from cervix_tf.runs import Run, load

if TYPE_CHECKING:
    import keras

VIEWS = 8  # the square's own symmetries: four quarter turns, each also mirrored


def predict(
    run_or_runs: Run | Path | str | Sequence[Run | Path | str],
    manifest: Any,
    tta: int = 1,
    batch_size: int = 64,
    cache: str | Path | None = "memory",
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Predict the class probabilities of photographs.

    Args:
        run_or_runs: A run or its folder, or several, whose probabilities are averaged.
        manifest: The photographs: a manifest, of which labels are not needed; a folder, a CSV or one
            photograph by its path; an array, uint8 RGB (H, W, 3) or (N, H, W, 3); a PIL image; or paths,
            arrays and PIL images in a list. A run that was trained with `crop: box` or `crop: mask`
            needs a manifest with the boxes or masks of these.
        tta: Views a photograph, 1 to 8: the centre crop alone, or also turned by quarter turns and
            mirrored; their probabilities are averaged (test-time augmentation).
        batch_size: Photographs at a time.
        cache: Where the prepared squares are kept, as `data.prepare` takes it.
        progress: Called with the photographs decoded and their number.

    Returns:
        A table in the photographs' order: `image` (the file's name, or `picture 2` for the second of a
        list that has no name), then one column a class. Rows sum to 1.

    Raises:
        UserError: A photograph cannot be read or lacks its box or mask, an array is no RGB picture, the
            runs have different classes, or `tta` is out of range.

    Example:
        >>> predict("runs/first", "photographs")
        >>> picture = PIL.Image.open("photographs/2.jpg")
        >>> predict(["runs/a", "runs/b"], ["photographs/1.jpg", picture], tta=8)
    """
    several = isinstance(run_or_runs, list | tuple)
    runs = [load(r) for r in (run_or_runs if several else [run_or_runs])]  # type: ignore[union-attr]
    if not runs:
        raise UserError("No run to predict with: give at least one run folder.")
    if not 1 <= tta <= VIEWS:
        raise UserError(f"tta={tta}: give 1 to {VIEWS} views a photograph.")
    given = photographs(manifest)
    classes = runs[0].class_names
    for run in runs[1:]:
        if run.class_names != classes:
            raise UserError(
                f"{run.folder} knows the classes {', '.join(run.class_names)}, {runs[0].folder} "
                f"{', '.join(classes)}: only runs of the same classes can be averaged."
            )
    total = np.zeros((len(given.names), len(classes)))
    squares: dict = {}
    for run in runs:
        kind = run.square_size, run.crop
        if kind not in squares:
            squares[kind] = given.squares(*kind, cache, progress)
        total += probabilities(run.model, squares[kind], tta, batch_size)
    table = pd.DataFrame(total / total.sum(axis=1, keepdims=True), columns=classes)
    table.insert(0, "image", given.names)
    return table


def probabilities(
    model: "keras.Model", squares: np.ndarray, tta: int = 1, batch_size: int = 64
) -> np.ndarray:
    """Predict the centre crops of prepared squares.

    Args:
        model: A built model: RGB (N, S, S, 3) in [0, 255] in, probabilities out.
        squares: uint8 (N, P, P, 3), P at least S.
        tta: Views a square, 1 to 8.
        batch_size: Squares at a time.

    Returns:
        float64 (N, classes), each row summing to 1.

    Example:
        >>> probabilities(build("cervixnet2", image_size=64), np.zeros((2, 74, 74, 3), "uint8")).shape
        (2, 3)
    """
    size = model.input_shape[1]
    margin = (squares.shape[1] - size) // 2
    inside = slice(margin, margin + size)
    total = np.zeros((len(squares), model.output_shape[-1]))
    for first in range(0, len(squares), batch_size):
        crops = np.asarray(squares[first : first + batch_size, inside, inside])
        for view in range(tta):
            turned = np.rot90(crops, view % 4, axes=(1, 2))
            turned = turned[:, :, ::-1] if view >= 4 else turned
            total[first : first + batch_size] += model.predict_on_batch(
                np.ascontiguousarray(turned)
            )
    return total / total.sum(axis=1, keepdims=True)
