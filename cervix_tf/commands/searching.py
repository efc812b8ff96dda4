"""Verbs that train many times: searches and the report's experiments."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.options import (
    Additional,
    Cache,
    Data,
    DryRun,
    Model,
    RecipeFile,
    Settings,
    Strict,
    Track,
    Weights,
    apart,
    folder_out,
    outside,
)
from cervix_tf.commands.printing import import_tensorflow, print_estimate, print_table
from cervix_tf.commands.training import estimated, photographs, read_recipe

# After so many the search goes on in a fresh process: TensorFlow keeps what it compiled for each.
TRIALS_A_PROCESS = 6


def search(
    space: Annotated[
        list[str],
        typer.Option(
            help="6.1, 6.2 or 6.3, the grids of the report's sections; a YAML file; or "
            "KEY=[VALUES], KEY={low: 0.1, high: 1, points: 3}. May be repeated.",
        ),
    ],
    study: Annotated[
        Path,
        typer.Option(callback=folder_out, help="The study's folder; a begun one is gone on with."),
    ],
    model: Model = None,
    recipe: RecipeFile = None,
    data: Data = None,
    additional: Additional = False,
    weights: Weights = None,
    settings: Settings = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials in all; by default the whole grid.")
    ] = None,
    sampler: Annotated[str, typer.Option(help="grid, random or tpe.")] = "grid",
    seed: Annotated[int, typer.Option(min=0, help="Draws the order or the values.")] = 0,
    prune: Annotated[bool, typer.Option(help="End trials that are worse than the median.")] = True,
    cache: Cache = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A database for the trials, such as postgresql://USER@HOST/DATABASE; by default a "
            "journal in the study's folder.",
        ),
    ] = None,
    strict: Strict = False,
    track: Track = None,
    dry_run: DryRun = False,
) -> None:
    """Search a space of settings; run it several times at once to share the trials out.

    The processes may run on several machines that share the study's folder.

    Example: cervix-tf search --recipe resnet-report --space 6.3 --study studies/resnet
    """
    from cervix_tf.recipes import load_space

    loaded = read_recipe(model, recipe, weights, settings)
    ready = load_space(space)
    manifest = photographs(data, additional, strict=strict)
    _quiet_tensorflow()
    if dry_run:
        count = trials or len(ready.grid())
        print_estimate(estimated(manifest, loaded, None, cache, track, fits=count))
        print("Each trial is taken to be like the recipe itself; pruned ones end earlier.")
        return
    from cervix_tf.training import search

    table = search(
        manifest, loaded, ready, trials=trials, sampler=sampler, study=study, seed=seed,
        settings=settings or (), prune=prune, cache=cache, max_trials=TRIALS_A_PROCESS, storage=storage,
        track=track,
    )  # fmt: skip
    wanted = len(table) if sampler == "grid" else trials or 0
    if (table["state"] != "waiting").sum() < wanted or (table["state"] == "running").any():
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-m", "cervix_tf.cli", *sys.argv[1:]])
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


def reproduce(
    data: Data = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="table1, figure5, table2, table3, table4, table5; may be repeated."),
    ] = None,
    steps_scale: Annotated[
        float, typer.Option(help="Share of every recipe's steps, such as 0.05.")
    ] = 1.0,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="What the pretrained networks start from instead of imagenet: none, or "
            "inception=PATH and resnet=PATH."
        ),
    ] = None,
    settings: Settings = None,
    out: Annotated[Path, typer.Option(callback=folder_out, help="The folder to write.")] = Path(
        "reproduction"
    ),
    cache: Cache = None,
    strict: Strict = False,
    dry_run: DryRun = False,
) -> None:
    """Run the report's experiments; its tables and figures beside ours on one page.

    Kaggle's additional photographs are used for the full data of Table 2 where they are.

    Example: cervix-tf reproduce --data data --only table5 --steps-scale 0.05 --weights none
    """
    from cervix_tf.data import read_manifest
    from cervix_tf.data.readers import find_data
    from cervix_tf.errors import UserError

    source = find_data(data)
    outside(out, source)
    given = _weights(weights)
    manifest = read_manifest(source, strict=strict)
    apart(out, manifest)
    full = None
    try:
        full = photographs(source, additional=True)
    except UserError as error:
        print(f"Without full data: {error}", flush=True)
    _quiet_tensorflow()
    if dry_run:
        from cervix_tf.reproduction.experiments import plan, planned

        recipes = plan(only or (), steps_scale, given, settings or ())
        print_estimate(planned(recipes, manifest, full, cache))
        print("Masks, for the recipes that need them, and test photographs are not counted.")
        return
    from cervix_tf.reproduction import reproduce

    page = reproduce(
        manifest, only=only or (), steps_scale=steps_scale, out=out, settings=settings or (),
        weights=given, full=full, cache=cache,
    )  # fmt: skip
    print(f"Page: {page}")


def _quiet_tensorflow() -> None:
    """Import TensorFlow, without its advice on functions traced anew: each model is another one."""
    import logging

    import_tensorflow()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def _weights(given: list[str] | None) -> str | dict[str, str] | None:
    """Read `none`, a path for both networks, or NAME=PATH for each."""
    from cervix_tf.errors import UserError

    pairs = [word.partition("=") for word in given or []]
    if len(pairs) == 1 and not pairs[0][1]:
        return pairs[0][0]
    paths: dict[str, str] = {}
    for name, equals, path in pairs:
        if not equals:
            raise UserError(f"--weights {name}: with several, write inception=PATH, resnet=PATH.")
        if not path:
            raise UserError(f"--weights {name}=: write none, imagenet or a path behind it.")
        if paths.setdefault(name, path) != path:
            raise UserError(f"--weights {name} is given twice, as {paths[name]} and as {path}.")
    return paths or None


def _shown(value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
