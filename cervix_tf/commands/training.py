"""Verbs that train and measure."""

from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.options import (
    Additional,
    Cache,
    Data,
    Devices,
    Drop,
    DryRun,
    Model,
    Precision,
    RecipeFile,
    Settings,
    Strict,
    Track,
    Weights,
    folder_out,
)
from cervix_tf.commands.printing import (
    import_tensorflow,
    print_estimate,
    print_metrics,
    print_table,
)


def fit(
    model: Model = None,
    recipe: RecipeFile = None,
    data: Data = None,
    weights: Weights = None,
    run: Annotated[
        Path | None, typer.Option(callback=folder_out, help="The run folder to write.")
    ] = None,
    precision: Precision = None,
    devices: Devices = None,
    settings: Settings = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run folder.")] = None,
    drop: Drop = None,
    cache: Cache = None,
    additional: Additional = False,
    strict: Strict = False,
    track: Track = None,
    dry_run: DryRun = False,
) -> None:
    """Train a model and write a run folder.

    Example: cervix-tf fit --model inception --data data --run runs/first
    """
    from cervix_tf.errors import UserError

    if resume is not None:
        given = {
            "--model": model, "--recipe": recipe, "--data": data, "--weights": weights, "--run": run,
            "--set": settings, "--additional": additional, "--drop": drop, "--precision": precision,
            "--strict": strict, "--track": track,
            "--dry-run": dry_run,
        }  # fmt: skip
        if clash := [name for name, value in given.items() if value]:
            raise UserError(
                f"--resume takes everything from the run; leave out {', '.join(clash)}."
            )
        import_tensorflow()
        from cervix_tf.training import resume as go_on

        _print_run(go_on(resume, cache=cache, devices=devices), devices)
        return
    loaded = read_recipe(model, recipe, weights, settings, precision)
    manifest = _without(photographs(data, additional, strict=strict), drop)
    import_tensorflow()
    if dry_run:
        print_estimate(estimated(manifest, loaded, run, cache, track, devices=devices))
        return
    from cervix_tf.training import fit

    _print_run(fit(manifest, loaded, run=run, cache=cache, devices=devices, track=track), devices)


def crossfit(
    out: Annotated[
        Path,
        typer.Option(
            callback=folder_out, help="The ensemble's folder; the same call goes on with it."
        ),
    ],
    model: Model = None,
    recipe: RecipeFile = None,
    data: Data = None,
    weights: Weights = None,
    folds: Annotated[int, typer.Option(help="How many patient folds.")] = 5,
    repeats: Annotated[int, typer.Option(help="How often all are divided anew.")] = 1,
    precision: Precision = None,
    devices: Devices = None,
    settings: Settings = None,
    drop: Drop = None,
    cache: Cache = None,
    additional: Additional = False,
    strict: Strict = False,
    track: Track = None,
    dry_run: DryRun = False,
) -> None:
    """Train a run a patient fold; their mean, calibrated out of fold, is an ensemble.

    The same call in several shells shares the folds out, and goes on after a kill.

    Example: cervix-tf crossfit --model inception --data data --out ensembles/first
    """
    loaded = read_recipe(model, recipe, weights, settings, precision)
    manifest = _without(photographs(data, additional, strict=strict), drop)
    import_tensorflow()
    if dry_run:
        from cervix_tf.data import folds as divided

        held_out = 1 / len(divided(manifest, folds, loaded.seed))  # too few groups end here
        fits = {"fits": folds * repeats, "held_out": held_out, "devices": devices}
        print_estimate(estimated(manifest, loaded, None, cache, track, **fits))
        return
    from cervix_tf.training import crossfit

    ensemble = crossfit(manifest, loaded, out, folds, repeats, cache, devices=devices, track=track)
    print_metrics(ensemble.metrics)
    print(f"Ensemble folder: {out}")


def probe(
    model: Model = None,
    recipe: RecipeFile = None,
    data: Data = None,
    weights: Weights = None,
    run: Annotated[
        Path | None, typer.Option(callback=folder_out, help="The run folder to write.")
    ] = None,
    views: Annotated[int, typer.Option(min=1, max=8, help="Views a training photograph.")] = 1,
    settings: Settings = None,
    drop: Drop = None,
    cache: Cache = None,
    additional: Additional = False,
    strict: Strict = False,
) -> None:
    """Fit a logistic regression on a frozen network's features; it is a run like any other.

    Example: cervix-tf probe --model inception --data data --run runs/probe
    """
    loaded = read_recipe(model, recipe, weights, settings)
    manifest = _without(photographs(data, additional, strict=strict), drop)
    import_tensorflow()
    from cervix_tf.training import probe

    _print_run(probe(manifest, loaded, run, views, cache), None)


def bench(
    model: Annotated[str, typer.Option(help="A model of `cervix-tf models`.")] = "cervixnet2",
    data: Data = None,
    settings: Settings = None,
    cache: Cache = None,
    seconds: Annotated[float, typer.Option(help="How long each part is measured.")] = 5.0,
    strict: Strict = False,
) -> None:
    """Measure images a second of decoding, cache, augmentation, training step and fit.

    Example: cervix-tf bench --data data --model cervixnet2
    """
    from cervix_tf.data import read_manifest
    from cervix_tf.data.readers import find_data
    from cervix_tf.models import spec
    from cervix_tf.progress import bar
    from cervix_tf.recipes import for_model, load_recipe

    spec(model)
    recipe = load_recipe(for_model(model), [f"model.name={model}", *(settings or [])])
    manifest = read_manifest(find_data(data), labelled=False, strict=strict)
    import_tensorflow()
    from cervix_tf.training import bench

    batch = recipe.batch_size
    print(f"Measuring 7 parts in turns, none shorter than a batch of {batch} takes", flush=True)
    with bar("Decoding", len(manifest)) as progress:
        measured = bench(manifest, recipe, cache=cache, seconds=seconds, progress=progress)
    print(
        f"{measured['model']} at {measured['image_size']} x {measured['image_size']}, batches of "
        f"{measured['batch_size']}, {measured['photographs']} photographs, {recipe.precision}, "
        f"jit {str(recipe.jit).lower()}, on {measured['device']}"
    )
    parts = {
        "first_pass": "first pass: read, decode, square, resize",
        "cached_pass": "cached pass: read, batch, hand over, centre crop",
        "augmentation": "augmentation alone",
        "step": "training step on constant data",
        "viewed": "training step on constant data, with views",
        "fit": "fit from the cache, with views",
    }
    rows = [(text, f"{measured[key]:.0f}") for key, text in parts.items()]
    print_table(("", "images/s"), rows)
    print(
        f"In fit the device waits for photographs {100 * measured['waiting']:.0f} % of the time. A step "
        f"costs {measured['overhead']:.2f} ms beside the network."
    )
    print(f"The bottleneck of this recipe is the {parts[measured['bottleneck']].split(':')[0]}.")


def read_recipe(
    model: str | None,
    recipe: str | None,
    weights: str | None,
    settings: list | None,
    precision: str | None = None,
):
    """Read the recipe that a verb's options ask for; mistakes end here, before any work."""
    from cervix_tf.errors import UserError
    from cervix_tf.recipes import for_model, load_recipe

    if (model is None) == (recipe is None):
        raise UserError("Give either --model NAME or --recipe NAME_OR_FILE.")
    overrides = [f"model.name={model}"] if model else []
    overrides += [f"model.weights={weights}"] if weights else []
    overrides += [f"precision={precision}"] if precision else []
    if model:
        from cervix_tf.models import spec

        spec(model)  # an unknown name ends here, with the nearest one
        recipe = for_model(model)
    return load_recipe(recipe or "", [*overrides, *(settings or [])])


def photographs(data: Path | None, additional: bool, labelled: bool = True, strict: bool = False):
    """Read the manifest that `--data` and `--additional` ask for."""
    from cervix_tf.data import read_kaggle, read_manifest
    from cervix_tf.data.readers import find_data
    from cervix_tf.errors import UserError

    source = find_data(data)
    if additional and source.is_file():
        raise UserError(
            f"--additional reads Kaggle's download, and {source} is a file: leave it out."
        )
    if additional:
        return read_kaggle(source, additional=True, strict=strict)
    return read_manifest(source, labelled, strict)


def estimated(manifest, recipe, run: Path | None, cache: str | None, track: str | None, **fits):
    """Estimate what fits would take; a tracker that is not there ends it, too."""
    from cervix_tf.tracking.sending import check_tracker
    from cervix_tf.training import estimate

    check_tracker(track)
    return estimate(manifest, recipe, run, cache, **fits)


def _without(manifest, drop: list[str] | None):
    """Leave out the photographs with these flags, and say how many they are."""
    from cervix_tf.quality import changes, drop_flagged

    left = drop_flagged(manifest, drop or []) if drop else manifest
    for why, count in changes(left)["why"].value_counts(sort=False).items():
        print(f"{count} photographs left out: {why}", flush=True)
    return left


def _print_run(run, devices: str | None) -> None:
    from cervix_tf.training.hosts import hosts_of

    if not hosts_of(devices).chief:
        return
    print_metrics(run.metrics)
    print(f"Run folder: {run.folder}")
