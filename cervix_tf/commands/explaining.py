"""The verb that shows what a network looks at."""

from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.options import Cache, Run, Strict, file_out, outside
from cervix_tf.commands.printing import import_tensorflow, print_table


def explain(
    run: Run,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Photographs to choose from; by default the run's validation photographs."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=file_out, help="The PNG to write; by default plots/saliency.png in the run."
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="gradient, smoothgrad, integrated or gradcam; repeatable. By default all four."
        ),
    ] = None,
    photographs: Annotated[int, typer.Option(min=1, max=24, help="How many to show.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Which are shown, and SmoothGrad's noise.")] = 0,
    cache: Cache = None,
    strict: Strict = False,
) -> None:
    """Draw saliency maps over photographs that the run got right and others it got wrong.

    Example: cervix-tf explain runs/first --photographs 6
    """
    from cervix_tf.data import read_manifest
    from cervix_tf.progress import bar
    from cervix_tf.runs import load

    outside(out, data)
    opened = load(run)
    manifest = read_manifest(data, labelled=False, strict=strict) if data else None
    import_tensorflow()
    from cervix_tf.explanation import explain
    from cervix_tf.explanation.attribution import METHODS

    methods = tuple(dict.fromkeys(method or METHODS))
    with bar("Explaining", len(methods)) as progress:
        explained = explain(
            opened, manifest, out, methods, photographs, seed, cache,
            progress=lambda done, total: progress(done, total, note=methods[done - 1]),
        )  # fmt: skip
    rows = [
        (str(row["image"]), row["label"], row["predicted"], f"{row[row['predicted']]:.3f}")
        for row in explained.table.astype(object).fillna({"label": ""}).to_dict("records")
    ]
    print_table(("photograph", "true", "predicted", "probability"), rows)
    print(f"Maps ({', '.join(methods)}): {explained.path}")
