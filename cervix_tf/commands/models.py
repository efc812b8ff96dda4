"""Verbs that show networks and recipes."""

from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.printing import import_tensorflow, print_table


def models(
    check: Annotated[
        str | None,
        typer.Option(help="A TF-Slim checkpoint or SavedModel: match its names to the network's."),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="With --check: the five likeliest ImageNet classes of it.")
    ] = None,
) -> None:
    """List every network with its parameters, image size, value range and weights.

    Example: cervix-tf models --check inception_v2.ckpt --picture cat.jpg
    """
    if check is not None:
        _check_checkpoint(check, picture)
        return
    if picture is not None:
        from cervix_tf.errors import UserError

        raise UserError("--picture needs --check CHECKPOINT, whose classes are to be shown.")
    from cervix_tf.models import table

    rows = [
        (
            row["name"],
            f"{row['parameters']:,}" if row["parameters"] else "",
            str(row["image_size"]),
            row["value_range"],
            ", ".join(row["weights"]),
        )
        for row in table()
    ]
    print_table(("name", "parameters", "size", "value range", "weights"), rows)


def recipes(name: Annotated[str | None, typer.Argument(help="Print this recipe.")] = None) -> None:
    """List the recipes that come with the package, or print one.

    Example: cervix-tf recipes inception
    """
    from cervix_tf.recipes import load_recipe, recipe_names, summary_line
    from cervix_tf.recipes.recipe_files import HERE

    if name:
        load_recipe(name)  # an unknown name ends here, with the nearest one
        print((HERE / f"{name}.yaml").read_text(encoding="utf-8"), end="")
        return
    width = max(map(len, recipe_names()))
    for recipe in recipe_names():
        print(f"{recipe:<{width}}  {summary_line(recipe)}")


def _check_checkpoint(checkpoint: str, picture: Path | None) -> None:
    """Print how a checkpoint's names match, and what it sees in a picture."""
    from cervix_tf.errors import UserError

    import_tensorflow()
    from cervix_tf.models import likeliest_classes, match_names

    matches = match_names(checkpoint)
    shown = matches[["status", "name", "variable", "shape"]].astype(str)
    print_table(("status", "name", "variable", "shape"), list(map(tuple, shown.to_numpy())))
    counts = matches["status"].value_counts()
    print(", ".join(f"{count} {status}" for status, count in counts.items()))
    if picture is not None:
        for row in likeliest_classes(checkpoint, picture).to_dict("records"):
            print(f"{row['probability']:.4f}  class {row['class']:>4}  {row['label']}".rstrip())
    if counts.reindex(["missing", "other shape", "left over"]).sum() > 0:
        raise UserError(f"{checkpoint} does not fit: see the rows that are not 'matched'.")
