"""Verbs that train many times: searches and the report's experiments."""

from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.options import Additional, Cache, Data, Settings
from cervix_tf.commands.printing import import_tensorflow, print_table, say
from cervix_tf.commands.training import chosen_recipe, photographs


def search(
    space: Annotated[
        list[str],
        typer.Option(
            help="6.1, 6.2 or 6.3, the grids of the report's sections; a YAML file; or "
            "KEY=[VALUES], KEY={low: 0.1, high: 1, points: 3}. May be repeated."
        ),
    ],
    study: Annotated[Path, typer.Option(help="The study's folder; a begun one is gone on with.")],
    model: Annotated[
        str | None,
        typer.Option(help="A model of `cervix-tf models`; takes the recipe called after it."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A recipe of `cervix-tf recipes`, or a YAML file.")
    ] = None,
    data: Data = None,
    additional: Additional = False,
    weights: Annotated[
        str | None, typer.Option(help="none, imagenet, or a checkpoint, SavedModel or Keras file.")
    ] = None,
    settings: Settings = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials in all; by default the whole grid.")
    ] = None,
    sampler: Annotated[str, typer.Option(help="grid, random or tpe.")] = "grid",
    seed: Annotated[int, typer.Option(min=0, help="Draws the order or the values.")] = 0,
    prune: Annotated[bool, typer.Option(help="End trials that are worse than the median.")] = True,
    cache: Cache = None,
) -> None:
    """Search a space of settings; run it several times at once to share the trials out.

    Example: cervix-tf search --recipe resnet-report --space 6.3 --study studies/resnet
    """
    from cervix_tf.recipes import load_space

    chosen = chosen_recipe(model, recipe, weights, settings)
    ready = load_space(space)
    manifest = photographs(data, additional)
    import_tensorflow()
    from cervix_tf.training import search

    table = search(
        manifest,
        chosen,
        ready,
        trials=trials,
        sampler=sampler,
        study=study,
        seed=seed,
        settings=settings or (),
        prune=prune,
        cache=cache,
        say=say,
    )
    keys = list(ready.space)
    best = table[table["state"] == "complete"].nsmallest(5, "log_loss")
    rows = [
        (str(row["trial"]), f"{row['log_loss']:.4f}", *(_shown(row[key]) for key in keys))
        for row in best.to_dict("records")
    ]
    print_table(("trial", "log loss", *keys), rows)
    counts = table["state"].value_counts()
    print(", ".join(f"{count} {state}" for state, count in counts.items()))
    print(f"Study folder: {study} (trials.csv, trials.png, best.yaml)")


def _shown(value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
