"""Exported models run by their own runtimes, Keras and the package's layers being no part of it."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnxruntime


def saved_model(path: Path, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Run a SavedModel in TensorFlow: uint8 batches to probabilities."""
    import tensorflow as tf

    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    for images in batches:
        yield serve(image=tf.constant(images))["probabilities"].numpy()


def onnx_session(path: Path) -> "onnxruntime.InferenceSession":
    """Open an ONNX model on the processor; ONNX Runtime is to report nothing to its makers."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def checksum(content: bytes, held: str) -> str:
    """Compute the SHA-256 of an ONNX file that holds it itself.

    Args:
        content: The file's content.
        held: What it holds as its checksum, in place of which 64 zeros are read.

    Returns:
        64 hexadecimal digits.

    Example:
        >>> checksum(path.read_bytes(), session.get_modelmeta().custom_metadata_map["sha256"])
    """
    return hashlib.sha256(content.replace(held.encode(), b"0" * 64, 1)).hexdigest()


def onnx(path: Path, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Run an ONNX model in ONNX Runtime, on the processor."""
    session = onnx_session(path)
    for images in batches:
        yield session.run(["probabilities"], {"image": images})[0]


def litert(path: Path, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Run a LiteRT model in LiteRT's interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    serve = Interpreter(model_path=str(path)).get_signature_runner("serving_default")
    for images in batches:
        yield serve(image=images)["probabilities"].copy()


RUNTIMES = {"savedmodel": saved_model, "onnx": onnx, "litert": litert}
