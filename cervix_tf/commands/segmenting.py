"""The verb that segments."""

from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.options import Strict, apart, folder_out, outside


def segment(
    data: Annotated[Path, typer.Argument(help="A folder or CSV of photographs, or a single one.")],
    out: Annotated[
        Path, typer.Option(callback=folder_out, help="A folder for masks, sheets and manifest.csv.")
    ],
    method: Annotated[str, typer.Option(help="How: superpixels or localizer.")] = "superpixels",
    model: Annotated[
        Path | None,
        typer.Option(help="For localizer: a file of fit_localizer; else the package's."),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(
            help="What people drew in another tool, in place of a method: a file or folder."
        ),
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="With --annotations: which of several categories.")
    ] = None,
    segments: Annotated[
        int | None, typer.Option(min=1, help="Superpixels: about how many patches [10].")
    ] = None,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Superpixels: patches kept at the most [5].")
    ] = None,
    space: Annotated[
        str | None, typer.Option(help="Superpixels: colours compared in rgb or lab [rgb].")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads; one a core.")] = None,
    strict: Strict = False,
) -> None:
    """Find the cervix: masks, boxes, and sheets to look through; a killed call is taken up again.

    Example: cervix-tf segment photographs --out segmented
    """
    from cervix_tf.commands.printing import import_tensorflow
    from cervix_tf.data import read_manifest
    from cervix_tf.progress import bar
    from cervix_tf.segmentation import segment

    outside(out, data)
    given = {"segments": segments, "keep": keep, "space": space}
    options = {name: value for name, value in given.items() if value is not None}
    manifest = read_manifest(data, labelled=False, strict=strict)
    apart(out, manifest)
    if method == "localizer":
        import_tensorflow()
    with bar("Segmenting", len(manifest)) as progress:
        table = segment(
            manifest,
            out,
            method,
            model=model,
            annotations=annotations,
            category=category,
            workers=workers,
            progress=progress,
            **options,
        )
    unknown = int((table["box_x"].isna() & table["mask"].isna()).sum())
    missing = int(table["box_x"].isna().sum()) - unknown
    print(
        f"{len(table)} photographs in {out / 'manifest.csv'}; sheets to look at: {out / 'sheets'}"
    )
    if unknown:
        print(f"{unknown} that are not in {annotations}: flagged as not located.")
    if missing:
        print(f"{missing} without a cervix: their mask is empty and they are flagged.")
