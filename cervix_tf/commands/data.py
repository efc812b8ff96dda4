"""Verbs that get, draw and decode photographs."""

import re
from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.options import Cache, Data, Ray, Strict, folder_out


def phantom(
    folder: Annotated[Path, typer.Argument(callback=folder_out, help="Where to draw.")],
    per_class: Annotated[int, typer.Option(min=1, help="Training photographs of each type.")] = 60,
    test: Annotated[int, typer.Option(min=0, help="Test photographs.")] = 24,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    size: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HEIGHTxWIDTH", help="Photograph size, such as 2448x3264; repeatable."
        ),
    ] = None,
) -> None:
    """Draw photographs in Kaggle's folders, for trying things out without real ones.

    Example: cervix-tf phantom data --per-class 60
    """
    from cervix_tf.data import phantom, summary
    from cervix_tf.data.manifests import photographs_or_phantoms
    from cervix_tf.progress import bar

    sizes = list(dict.fromkeys(map(_size, size))) if size else None
    with bar("Drawing", 3 * per_class + test) as progress:
        table = phantom(
            folder, per_class=per_class, test=test, seed=seed, sizes=sizes, progress=progress
        )
    print(summary(table).to_string())
    print(f"{len(table)} {photographs_or_phantoms(table)} in {folder}")


def fetch(
    folder: Annotated[
        Path | None,
        typer.Option(callback=folder_out, help="An empty folder; by default kagglehub's cache."),
    ] = None,
) -> None:
    """Download Kaggle's photographs; needs an account, accepted rules and a token.

    Example: cervix-tf fetch
    """
    from cervix_tf.data import fetch

    print(f"Kaggle's photographs are in {fetch(folder)}")


def prepare(
    data: Data = None,
    size: Annotated[int, typer.Option(min=1, help="Side of the network's input in pixels.")] = 224,
    cache: Cache = None,
    crop: Annotated[
        str, typer.Option(help="square, or box or mask with a manifest that has them.")
    ] = "square",
    ray: Ray = None,
    strict: Strict = False,
) -> None:
    """Decode every photograph once, so that training starts at once.

    Example: cervix-tf prepare --data data --size 224
    """
    from cervix_tf.data import prepare, read_manifest, square_size
    from cervix_tf.data.clusters import check_cluster
    from cervix_tf.data.readers import find_data
    from cervix_tf.progress import bar

    if ray is not None:
        check_cluster(ray)
    manifest = read_manifest(find_data(data), labelled=False, strict=strict)
    with bar("Decoding", len(manifest)) as progress:
        squares = prepare(manifest, square_size(size), cache, progress, crop=crop, ray=ray)
    print(squares)


def _size(text: str) -> tuple[int, int]:
    from cervix_tf.errors import UserError

    found = re.fullmatch("([0-9]{1,9})x([0-9]{1,9})", text.lower())
    if not found:
        raise UserError(f"--size {text!r}: write HEIGHTxWIDTH, such as 2448x3264.")
    return int(found[1]), int(found[2])
