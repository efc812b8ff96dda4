"""Verbs that take a run's model elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.options import Run, Strict, apart, file_out, folder_out
from cervix_tf.commands.printing import import_tensorflow


def export(
    run: Run,
    format: Annotated[str, typer.Option(help="savedmodel, onnx or litert.")] = "savedmodel",
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file to write, a folder for savedmodel; by default export/ in the run."
        ),
    ] = None,
    quantize: Annotated[
        str | None, typer.Option(help="float16 or int8 (dynamic range); for litert alone.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Photographs to compare on; by default the run's validation photographs."
        ),
    ] = None,
    strict: Strict = False,
) -> None:
    """Write the model for TensorFlow, ONNX Runtime or LiteRT, compared with Keras on photographs.

    Example: cervix-tf export runs/first --format onnx --out first.onnx
    """
    if out is not None:
        (folder_out if format == "savedmodel" else file_out)(out)
    from cervix_tf.data import read_manifest
    from cervix_tf.progress import bar
    from cervix_tf.runs import load

    opened = load(run)
    if opened.photographs:
        apart(out, opened.manifest, "folder" if format == "savedmodel" else "file")
    manifest = read_manifest(data, labelled=False, strict=strict) if data else None
    import_tensorflow()
    from cervix_tf.inference import export

    with bar("Decoding", 1) as progress:
        done = export(opened, out, format, manifest, quantize, progress)
    print(f"Largest difference from Keras on {done.photographs} photographs: {done.difference:.1e}")
    if done.accuracy is not None:
        print(f"Accuracy {100 * done.accuracy:.1f} % (Keras: {100 * done.keras_accuracy:.1f} %)")
    print(f"{format}{f', {quantize}' if quantize else ''}: {done.path}, {done.size / 1e6:.1f} MB")


def card(
    run: Run,
    out: Annotated[
        Path | None,
        typer.Option(callback=folder_out, help="The folder to write; by default card/ in the run."),
    ] = None,
) -> None:
    """Write a folder to give on: the model, what predicting needs, and a model card; no photographs.

    Example: cervix-tf card runs/first --out hub/first
    """
    from cervix_tf.evaluation.report import card

    print(f"Model card: {card(run, out)}")
    print("Fill in its licence before you give the folder on. Nothing was uploaded.")
