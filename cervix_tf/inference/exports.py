"""A run becomes a model for another runtime, checked there on photographs before it is kept."""

import hashlib
import importlib.util
import json
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cervix_tf.errors import UserError, unknown
from cervix_tf.files import check_output, replacing, replacing_folder
from cervix_tf.given import as_path
from cervix_tf.inference.predictions import crops, predictions_of
from cervix_tf.inference.runtimes import RUNTIMES, checksum
from cervix_tf.runs import Run, load
from cervix_tf.runs.provenance import check_recorded

TOLERANCE = 1e-4  # largest difference of a probability from Keras' that is let pass
CARD = "cervix_tf.json"
NAMES = {"savedmodel": "saved_model", "onnx": "model.onnx", "litert": "model.tflite"}
NEEDED = {
    "savedmodel": (),
    "onnx": ("tf2onnx", "onnx", "onnxruntime"),
    "litert": ("ai_edge_litert",),
}
QUANTIZE = ("float16", "int8")


@dataclass(frozen=True)
class Export:
    """What was written, and how it compares with Keras on photographs.

    Attributes:
        path: The file, or the folder of a SavedModel.
        size: Its size in bytes.
        photographs: How many it was compared on.
        difference: Largest absolute difference of a probability from Keras' own.
        accuracy: Its accuracy on the labelled ones among them, None if there are none.
        keras_accuracy: That of the Keras model, on the same photographs.
    """

    path: Path
    size: int
    photographs: int
    difference: float
    accuracy: float | None
    keras_accuracy: float | None


def export(
    run: Run | Path | str,
    path: Path | str | None = None,
    format: str = "savedmodel",
    manifest: pd.DataFrame | None = None,
    quantize: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Export:
    """Write a run's model for another runtime, and compare it there with Keras on photographs.

    The exported model takes `image`, uint8 RGB (N, S, S, 3), the square the network sees, normalises
    it inside and gives `probabilities`, float32 (N, classes). Class names, S and how a photograph
    becomes the square lie with it: as `assets.extra/cervix_tf.json` in a SavedModel, as metadata of an
    ONNX model, as a ZIP archive with `cervix_tf.json` and `labels.txt` appended to a LiteRT model.

    Args:
        run: A run or its folder.
        path: The file to write, named `.onnx` or `.tflite`, or the folder of a SavedModel; by default
            `export/saved_model`, `export/model.onnx` or `export/model.tflite` in the run's folder
            (`model_int8.tflite` where it is quantised).
        format: "savedmodel" (TensorFlow), "onnx" (ONNX Runtime) or "litert" (LiteRT, once TFLite).
        manifest: Photographs to compare on; by default the run's validation photographs, those whose
            files are there.
        quantize: For LiteRT alone: "float16" stores the weights in half precision, "int8" as 8-bit
            integers with the arithmetic chosen at run time (dynamic range). The difference is told,
            not bounded.
        progress: Called with the photographs decoded and their number.

    Returns:
        Where it is and how it compares.

    Raises:
        UserError: An unknown format, a package that is missing, no photograph to compare on, or a
            probability that differs from Keras' by more than 1e-4; nothing is left behind then.

    Example:
        >>> export("runs/first", "first.onnx", format="onnx").difference
    """
    if format not in NAMES:
        raise unknown("format", format, NAMES)
    if quantize is not None and quantize not in QUANTIZE:
        raise unknown("quantize", quantize, QUANTIZE)
    if quantize and format != "litert":
        raise UserError(f"quantize={quantize} is for litert alone: leave it out for {format}.")
    missing = [name for name in NEEDED[format] if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"Exporting to {format} needs {', '.join(missing)}: pip install 'cervix-tf[export]'."
        )
    run = load(run)
    _ = run.recipe, run.calibration, [member.model for member in run.members]  # damage ends here
    name = NAMES[format].replace(".", f"_{quantize}.") if quantize else NAMES[format]
    target = as_path(path, "path") if path else run.path(f"export/{name}")
    _check_target(target, format)
    photographs = _validation_photographs(run) if manifest is None else manifest
    predictions = predictions_of(run, photographs, progress=progress)
    squares, expected = predictions.squares, predictions.probabilities

    with replacing_folder(target) if format == "savedmodel" else replacing(target) as part:
        _write(run, part, format, quantize)
        rows = (slice(first, first + 32) for first in range(0, len(squares), 32))
        batches = (next(crops(squares, run.image_size, 1, some)) for some in rows)
        exported = np.concatenate(list(RUNTIMES[format](part, batches)))
        if exported.shape != expected.shape or not np.isfinite(exported).all():
            raise UserError(f"The {format} export gives no probabilities; nothing was written.")
        difference = float(np.abs(exported - expected).max())
        if quantize is None and difference > TOLERANCE:
            raise UserError(
                f"The {format} export differs from Keras by up to {difference:.1e} on {len(squares)} "
                f"photographs, more than {TOLERANCE:.0e}; nothing was written. Choose another format."
            )
    files = [target] if target.is_file() else [f for f in target.rglob("*") if f.is_file()]
    return Export(
        target,
        sum(file.stat().st_size for file in files),
        len(squares),
        difference,
        _accuracy(exported, predictions.targets),
        _accuracy(expected, predictions.targets),
    )


def _check_target(target: Path, format: str) -> None:
    """Refuse before the work what could not be written after it."""
    check_output(target, "folder" if format == "savedmodel" else "file")
    suffix = Path(NAMES[format]).suffix
    if suffix and target.suffix != suffix:
        raise UserError(f"{target}: name a file that ends in {suffix} for the format {format}.")
    if format == "savedmodel" and target.exists() and not (target / "saved_model.pb").is_file():
        raise UserError(f"{target} exists and is no SavedModel: give another folder.")


def _validation_photographs(run: Run) -> pd.DataFrame:
    """The run's validation photographs whose files are there."""
    photographs = run.validation[[Path(path).is_file() for path in run.validation["path"]]]
    if photographs.empty:
        raise UserError(
            f"None of the validation photographs of {run.folder} is there any more: "
            "give photographs to compare on with --data."
        )
    check_recorded(photographs, run.folder)
    return photographs


def _accuracy(probabilities: np.ndarray, targets: np.ndarray) -> float | None:
    labelled = targets >= 0
    right = probabilities.argmax(axis=1) == targets
    return float(right[labelled].mean()) if labelled.any() else None


# Writing each format ----------------------------------------------------------------------------------

_CROPS = {
    "square": "square of the shorter side from the centre",
    "box": "square around the box of the cervix",
    "mask": "square of the shorter side from the centre, black outside the cervix",
}


def _write(run: Run, part: Path, format: str, quantize: str | None) -> None:
    card = {**run.card, "model": run.recipe.model.name, "input": "image: uint8 RGB (N, S, S, 3)"}
    card |= {
        "output": "probabilities: float32 (N, classes), in the order of class_names",
        "photograph": f"{_CROPS[run.crop]}, resized to square_size, then the centre of image_size; "
        "preprocessing is inside the model",
        "quantize": quantize,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        if format == "savedmodel":
            _saved_model(run, part, card)
        elif format == "onnx":
            _onnx(run, part, card)
        else:
            _litert(run, part, card, quantize)


def _saved_model(run: Run, folder: Path, card: dict[str, Any]) -> None:
    import tensorflow as tf

    from cervix_tf.inference.calibrated_model import calibrated_model

    model, size = calibrated_model(run), run.image_size

    def serve(image):
        return {"probabilities": model(image, training=False)}

    # Keras' own archive lists the variables twice, and writes them twice.
    module = tf.Module()
    module.held = [weight.value for weight in model.weights]
    image = tf.TensorSpec((None, size, size, 3), tf.uint8, "image")
    module.serve = tf.function(serve, input_signature=[image])
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    sums = {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    extra = folder / "assets.extra"
    extra.mkdir()
    for made in (folder, *(inner for inner in folder.iterdir() if inner.is_dir())):
        made.chmod(extra.stat().st_mode)  # as the umask has it, which TensorFlow does not ask
    (extra / CARD).write_text(json.dumps(card | {"sha256": sums}, indent=2), encoding="utf-8")


def _onnx(run: Run, path: Path, card: dict[str, Any]) -> None:
    import keras
    import onnx

    from cervix_tf.inference.calibrated_model import calibrated_model

    size = run.image_size
    signature = [keras.InputSpec(shape=(None, size, size, 3), dtype="uint8", name="image")]
    calibrated_model(run).export(path, format="onnx", input_signature=signature, verbose=False)
    model = onnx.load(path)
    # tf2onnx lists small constants among the inputs, which it has also written where they are used.
    for constant in [entry for entry in model.graph.input if entry.name != "image"]:
        model.graph.input.remove(constant)
    old = model.graph.output[0].name
    for node in model.graph.node:  # only the last one gives it
        node.output[:] = ["probabilities" if name == old else name for name in node.output]
    model.graph.output[0].name = "probabilities"
    for end in (model.graph.input[0], model.graph.output[0]):
        end.type.tensor_type.shape.dim[0].dim_param = "batch"
    empty = "0" * 64  # in place of which the checksum of the whole file comes
    onnx.helper.set_model_props(
        model,
        {
            k: v if isinstance(v, str) else json.dumps(v)
            for k, v in (card | {"sha256": empty}).items()
        },
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
    content = path.read_bytes()
    path.write_bytes(content.replace(empty.encode(), checksum(content, empty).encode(), 1))


def _litert(run: Run, path: Path, card: dict[str, Any], quantize: str | None) -> None:
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as scratch:
        _saved_model(run, Path(scratch) / "model", card)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(Path(scratch) / "model"))
        if quantize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        model = converter.convert()
    path.write_bytes(model)
    card = card | {"sha256": hashlib.sha256(model).hexdigest()}
    # Files that belong to a TFLite model are a ZIP archive behind it, as its metadata format has it.
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(CARD, json.dumps(card, indent=2))
        archive.writestr("labels.txt", "\n".join(run.class_names) + "\n")
