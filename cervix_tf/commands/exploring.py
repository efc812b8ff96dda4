"""The verb that looks at a set of photographs before any training."""

from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.options import Cache, Data
from cervix_tf.commands.printing import import_tensorflow


def explore(
    data: Data = None,
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("explore"),
    components: Annotated[
        int, typer.Option(min=2, help="Principal components that t-SNE gets.")
    ] = 4,
    backbone: Annotated[
        str | None, typer.Option(help="Also with the features of this model of `cervix-tf models`.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="The backbone's: imagenet (the default), none, or a file."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="An option of the backbone, such as alpha=0.25."
        ),
    ] = None,
    size: Annotated[int, typer.Option(min=8, help="Side of the raw squares in pixels.")] = 64,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    cache: Cache = None,
) -> None:
    """Draw classes, sizes, samples, mean images, PCA and t-SNE, and one HTML page of them.

    Example: cervix-tf explore --data data --out explore
    """
    from cervix_tf.data import read_manifest, summary
    from cervix_tf.data.readers import find_data
    from cervix_tf.progress import bar

    options = _options(settings or [])
    place = find_data(data)
    manifest = read_manifest(place, labelled=False)
    if backbone:
        from cervix_tf.models import spec

        spec(backbone)  # an unknown name ends here, before TensorFlow is imported
        import_tensorflow()
    from cervix_tf.exploration import explore

    folder = place.resolve() if place.is_dir() else place.resolve().parent
    with bar("Exploring", len(manifest)) as progress:
        found = explore(
            manifest, out, components=components, backbone=backbone, weights=weights, size=size,
            seed=seed, cache=cache, progress=progress, options=options, name=folder.name,
        )  # fmt: skip
    print(summary(manifest).to_string())
    for each in found["embeddings"].values():
        if near := each["neighbour"]:
            low, high = (100 * share for share in near["interval"])
            print(
                f"Nearest neighbour on {each['components']} components of {each['of']}: right "
                f"{100 * near['accuracy']:.1f} % ({low:.1f} to {high:.1f}), class prior "
                f"{100 * near['prior']:.1f} %; {near['photographs']} {found['data']}, "
                f"{near['groups']} groups, {near['folds']} folds by group"
            )
    for note in found["notes"]:
        print(f"Note: {note}")
    print(f"Page: {found['files']['explore.html']}")


def _options(settings: list[str]) -> dict:
    import yaml

    from cervix_tf.errors import UserError

    found = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (key and equals):
            raise UserError(f"--set {setting!r}: write KEY=VALUE, such as alpha=0.25.")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UserError(f"--set {setting!r}: the value is not valid YAML.") from None
    return found
