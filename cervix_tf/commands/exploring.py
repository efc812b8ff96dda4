"""The verb that looks at a set of photographs before any training."""

from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.options import Cache, Data, Strict, folder_out, outside
from cervix_tf.commands.printing import import_tensorflow


def explore(
    data: Data = None,
    out: Annotated[Path, typer.Option(callback=folder_out, help="The folder to write.")] = Path(
        "explore"
    ),
    components: Annotated[
        int, typer.Option(min=2, help="Principal components that t-SNE gets.")
    ] = 4,
    backbone: Annotated[
        str | None, typer.Option(help="Also with the features of this model of `cervix-tf models`.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="The backbone's: imagenet (the default), none, or a file.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="An option of the backbone, such as alpha=0.25.",
        ),
    ] = None,
    size: Annotated[int, typer.Option(min=8, help="Side of the raw squares in pixels.")] = 64,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    cache: Cache = None,
    strict: Strict = False,
) -> None:
    """Draw classes, sizes, samples, mean images, PCA and t-SNE, and one HTML page of them.

    Example: cervix-tf explore --data data --out explore
    """
    from cervix_tf.data import read_manifest, summary
    from cervix_tf.data.readers import find_data
    from cervix_tf.progress import bar
    from cervix_tf.recipes.recipe_files import keys_once, parse_setting

    options = dict(parse_setting(setting, "alpha=0.25") for setting in keys_once(settings or []))
    source = find_data(data)
    outside(out, source)
    manifest = read_manifest(source, labelled=False, strict=strict)
    if backbone:
        from cervix_tf.models import spec

        spec(backbone)  # an unknown name ends here, before TensorFlow is imported
        import_tensorflow()
    from cervix_tf.exploration import explore

    folder = source.resolve() if source.is_dir() else source.resolve().parent
    with bar("Exploring", len(manifest)) as progress:
        explored = explore(
            manifest, out, components=components, backbone=backbone, weights=weights, size=size,
            seed=seed, cache=cache, progress=progress, options=options, name=folder.name,
        )  # fmt: skip
    print(summary(manifest).to_string())
    for embedding in explored["embeddings"].values():
        if near := embedding["neighbour"]:
            low, high = (100 * accuracy for accuracy in near["interval"])
            print(
                f"Nearest neighbour on {embedding['components']} components of {embedding['of']}: right "
                f"{100 * near['accuracy']:.1f} % ({low:.1f} to {high:.1f}), class prior "
                f"{100 * near['prior']:.1f} %; {near['photographs']} {explored['data']}, "
                f"{near['groups']} groups, {near['folds']} folds by group"
            )
    for note in explored["notes"]:
        print(f"Note: {note}")
    print(f"Page: {explored['files']['explore.html']}")
