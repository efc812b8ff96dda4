"""What turns prepared squares into probabilities: a run in Keras, or an exported file in ONNX Runtime.

The latter needs neither TensorFlow nor Keras, and nothing here imports them before it asks for a model.
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from cervix_tf.data.crops import Crop
from cervix_tf.data.square_rows import SquareArray
from cervix_tf.errors import UserError, need_package, unknown
from cervix_tf.inference.predictions import check_classes, mean_of_views, run_probabilities
from cervix_tf.inference.runtimes import checksum, onnx_session
from cervix_tf.runs import Run, load
from cervix_tf.runs.ensembles import check_each_once
from cervix_tf.runs.file_shapes import check_card, damaged, reading

ENGINES = ("keras", "onnx")
Runs: TypeAlias = Run | Path | str | Sequence[Run | Path | str]


@dataclass(frozen=True)
class Engine:
    """One of the models whose probabilities are averaged.

    Attributes:
        name: The run's folder, or the file.
        class_names: The classes, in the order of the probabilities.
        square_size: Side of the squares that it takes.
        crop: What of a photograph they show.
        probabilities: Squares (N, P, P, 3), views and batch size in, float64 (N, classes) out.
        files: What it was read from: another content is another engine.
        run: The run; None for a file.
    """

    name: str
    class_names: list[str]
    square_size: int
    crop: Crop
    probabilities: Callable[[SquareArray, int, int], np.ndarray]
    files: tuple[Path, ...]
    run: Run | None = None

    def fingerprint(self) -> str:
        """32 hexadecimal digits from the content of its files."""
        digest = hashlib.blake2b(digest_size=16)
        for path in self.files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "blake2b").digest())
        return digest.hexdigest()


def engines(runs: Runs, engine: str = "keras", raw: bool = False) -> list[Engine]:
    """Open what predicts.

    Args:
        runs: Runs or their folders; with `onnx` files that `export` wrote.
        engine: `keras` or `onnx`.
        raw: Whether to leave the networks' probabilities as they are; not of an exported file.

    Returns:
        An engine each.

    Raises:
        UserError: One cannot be opened or is given twice, or they know different classes.
    """
    if engine not in ENGINES:
        raise unknown("engine", str(engine), ENGINES)
    given: list = list(runs) if isinstance(runs, list | tuple) else [runs]
    check_each_once(given)
    opened = [_onnx(one, raw) if engine == "onnx" else _keras(one, raw) for one in given]
    check_classes({one.name: one.class_names for one in opened})
    return opened


def _keras(given: Any, raw: bool) -> Engine:
    if isinstance(given, str | Path) and Path(given).suffix == ".onnx":
        raise UserError(
            f"{given} is an exported file: predict with --engine onnx, or give its run."
        )
    run = load(given)
    files = [member.file("model.keras") for member in run.members]  # damage ends here
    if run.calibration:
        files.append(run.file("calibration.json"))

    def predict(squares: SquareArray, tta: int, batch_size: int) -> np.ndarray:
        return run_probabilities(run, squares, tta, batch_size)[1 if raw else 0]

    files += [m.file("references.npz") for m in run.members if m.has("references.npz")]
    name = str(run.folder)
    return Engine(name, run.class_names, run.square_size, run.crop, predict, tuple(files), run)


def _onnx(given: Any, raw: bool) -> Engine:
    need_package("onnxruntime", "export")
    if not isinstance(given, str | Path) or not Path(given).is_file():
        name = given.folder if isinstance(given, Run) else f"{given}"[:200]
        raise UserError(
            f"{name} is no file: --engine onnx takes what cervix-tf export --format onnx wrote."
        )
    if raw:
        raise UserError("An exported file calibrates inside: leave out --raw, or give its run.")
    path = Path(given)
    try:
        session = onnx_session(path)
        stored = session.get_modelmeta().custom_metadata_map
        card = {
            "class_names": json.loads(stored["class_names"]),
            "image_size": int(stored["image_size"]),
            "square_size": int(stored["square_size"]),
            "crop": stored["crop"],
        }
    except Exception as error:  # ONNX Runtime's errors have no class in common
        raise UserError(f"{path} is no ONNX file that cervix-tf export wrote.") from error
    check_card(path, card)
    if "sha256" not in stored:
        warnings.warn(
            f"{path} holds no checksum, as earlier versions exported it: damage to it may not be seen. "
            "Export again to have one.",
            stacklevel=3,
        )
    elif stored["sha256"] != checksum(path.read_bytes(), stored["sha256"]):
        raise damaged(path, "its checksum is another one")
    classes, size = card["class_names"], card["image_size"]

    def batch(images: np.ndarray) -> np.ndarray:
        found = session.run(["probabilities"], {"image": images})[0]
        if not (found >= 0).all() or not np.allclose(found.sum(axis=-1), 1, atol=1e-3):  # NaN too
            raise damaged(path, "what it gives are no probabilities")
        return found

    if (taken := session.get_inputs()[0].shape[1:]) != [size, size, 3]:
        raise damaged(path, f"its 'image_size' is {size}, and the network takes {taken}")
    with reading(path):
        shape = batch(np.full((1, size, size, 3), 128, "uint8")).shape
    if shape != (1, len(classes)):
        raise damaged(path, f"it names {len(classes)} classes and gives the shape {shape}")

    def predict(squares: SquareArray, tta: int, batch_size: int) -> np.ndarray:
        return mean_of_views(batch, size, len(classes), squares, tta, batch_size)

    return Engine(str(path), classes, card["square_size"], card["crop"], predict, (path,))
