"""The command line: one verb a command; each parses, calls one public function and prints."""

import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Transformation-zone type of the cervix from photographs: train, predict, submit.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Data = Annotated[
    Path | None,
    typer.Option(
        help="A CSV, a folder with one subfolder for each class, or Kaggle's download. By default "
        "$CERVIX_DATA, else ./data, else Kaggle's download in kagglehub's cache."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe; may be repeated."),
]
Cache = Annotated[
    str | None,
    typer.Option(
        help="Where prepared squares are kept: a folder, 'memory' or 'none'; by default the user's "
        "cache folder."
    ),
]


@app.command()
def phantom(
    folder: Annotated[Path, typer.Argument(help="Where to draw.")],
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
    from cervix_tf.progress import bar

    sizes = [_size(text) for text in size] if size else None
    with bar("Drawing", 3 * per_class + test) as progress:
        table = phantom(
            folder, per_class=per_class, test=test, seed=seed, sizes=sizes, progress=progress
        )
    print(summary(table).to_string())
    print(f"{len(table)} phantoms (drawn photographs) in {folder}")


@app.command()
def fetch(
    folder: Annotated[
        Path | None, typer.Option(help="An empty folder; by default kagglehub's cache.")
    ] = None,
) -> None:
    """Download Kaggle's photographs; needs an account, accepted rules and a token.

    Example: cervix-tf fetch
    """
    from cervix_tf.data import fetch

    print(f"Kaggle's photographs are in {fetch(folder)}")


@app.command()
def fit(
    model: Annotated[
        str | None,
        typer.Option(help="A model of `cervix-tf models`; takes the recipe called after it."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A recipe of `cervix-tf recipes`, or a YAML file.")
    ] = None,
    data: Data = None,
    weights: Annotated[
        str | None, typer.Option(help="none, imagenet, or a checkpoint, SavedModel or Keras file.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="The run folder to write.")] = None,
    settings: Settings = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run folder.")] = None,
    cache: Cache = None,
) -> None:
    """Train a model and write a run folder.

    Example: cervix-tf fit --model inception --data data --run runs/first
    """
    from cervix_tf.errors import UserError

    if resume is not None:
        given = [("--model", model), ("--recipe", recipe), ("--data", data), ("--weights", weights)]
        clash = [name for name, value in [*given, ("--run", run), ("--set", settings)] if value]
        if clash:
            raise UserError(
                f"--resume takes everything from the run; leave out {', '.join(clash)}."
            )
        _import_tensorflow()
        from cervix_tf.training import resume as go_on

        _print_run(go_on(resume, cache=cache, say=_say))
        return
    if (model is None) == (recipe is None):
        raise UserError("Give either --model NAME or --recipe NAME_OR_FILE.")
    from cervix_tf.recipes import for_model, load_recipe

    overrides = [f"model.name={model}"] if model else []
    overrides += [f"model.weights={weights}"] if weights else []
    if model:
        from cervix_tf.models import spec

        spec(model)  # an unknown name ends here, with the nearest one
        recipe = for_model(model)
    chosen = load_recipe(recipe or "", [*overrides, *(settings or [])])
    from cervix_tf.data import read_manifest
    from cervix_tf.data.places import find_data

    manifest = read_manifest(find_data(data))
    _import_tensorflow()
    from cervix_tf.training import fit

    _print_run(fit(manifest, chosen, run=run, cache=cache, say=_say))


@app.command()
def predict(
    run: Annotated[list[Path], typer.Argument(help="Run folder(s), then the photographs.")],
    out: Annotated[
        Path | None, typer.Option(help="A CSV to write; by default to the screen.")
    ] = None,
    tta: Annotated[int, typer.Option(min=1, max=8, help="Views a photograph.")] = 1,
    cache: Cache = "memory",
) -> None:
    """Predict photographs: a folder, a CSV or single files; several runs are averaged.

    Example: cervix-tf predict runs/first photographs --out predictions.csv
    """
    from cervix_tf.errors import UserError

    *runs, photographs = run
    if not runs:
        raise UserError("Give a run folder and then a folder or CSV of photographs.")
    table = _predicted(runs, photographs, tta, cache)
    if out is None:
        print(table.to_csv(index=False, float_format="%.6f"), end="")
        return
    from cervix_tf.files import replacing

    with replacing(out) as part:
        table.to_csv(part, index=False)
    print(f"{len(table)} photographs in {out}")


@app.command()
def submit(
    run: Annotated[list[Path], typer.Argument(help="Run folder; several are averaged.")],
    test: Annotated[Path, typer.Option(help="Folder or CSV of the test photographs.")],
    out: Annotated[Path, typer.Option(help="The CSV to write.")] = Path(
        "kaggle_submission/submission.csv"
    ),
    sample: Annotated[
        Path | None, typer.Option(help="Kaggle's sample_submission.csv: its names in its order.")
    ] = None,
    floor: Annotated[float, typer.Option(help="Least probability.")] = 1e-15,
    tta: Annotated[int, typer.Option(min=1, max=8, help="Views a photograph.")] = 1,
    cache: Cache = "memory",
) -> None:
    """Write a Kaggle CSV of class probabilities.

    Example: cervix-tf submit runs/first --test data/test --out kaggle_submission/first.csv
    """
    from cervix_tf.inference import write_submission

    table = _predicted(run, test, tta, cache)
    write_submission(table, out, sample=sample, floor=floor)
    print(f"{len(table)} rows in {out}")


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Labelled photographs; by default the run's validation ones."),
    ] = None,
    tta: Annotated[int, typer.Option(min=1, max=8, help="Views a photograph.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON.")] = False,
) -> None:
    """Print a run's log loss and accuracy beside those of the class prior.

    Example: cervix-tf evaluate runs/first
    """
    from json import dumps

    from cervix_tf.data import read_manifest

    _import_tensorflow()
    from cervix_tf.evaluation import evaluate

    figures = evaluate(run, read_manifest(data) if data else None, tta=tta)
    if json:
        print(dumps(figures, indent=2))
    else:
        _print_figures(figures)
        print(f"Run folder: {run}")


@app.command()
def prepare(
    data: Data = None,
    size: Annotated[int, typer.Option(min=1, help="Side of the network's input in pixels.")] = 224,
    cache: Cache = None,
) -> None:
    """Decode every photograph once, so that training starts at once.

    Example: cervix-tf prepare --data data --size 224
    """
    from cervix_tf.data import prepare, read_manifest, square_size
    from cervix_tf.data.places import find_data
    from cervix_tf.progress import bar

    manifest = read_manifest(find_data(data), labelled=False)
    with bar("Decoding", len(manifest)) as progress:
        squares = prepare(manifest, square_size(size), cache=cache, progress=progress)
    print(squares)


@app.command()
def bench(
    model: Annotated[str, typer.Option(help="A model of `cervix-tf models`.")] = "cervixnet2",
    data: Data = None,
    settings: Settings = None,
    cache: Cache = None,
    seconds: Annotated[float, typer.Option(help="How long each part is measured.")] = 5.0,
) -> None:
    """Measure images a second of decoding, cache, augmentation, training step and fit.

    Example: cervix-tf bench --data data --model cervixnet2
    """
    from cervix_tf.data import read_manifest
    from cervix_tf.data.places import find_data
    from cervix_tf.models import spec
    from cervix_tf.progress import bar
    from cervix_tf.recipes import for_model, load_recipe

    spec(model)
    recipe = load_recipe(for_model(model), [f"model.name={model}", *(settings or [])])
    manifest = read_manifest(find_data(data), labelled=False)
    _import_tensorflow()
    from cervix_tf.training import throughput

    with bar("Decoding", len(manifest)) as progress:
        found = throughput(manifest, recipe, cache=cache, seconds=seconds, progress=progress)
    print(
        f"{found['model']} at {found['image_size']} x {found['image_size']}, batches of "
        f"{found['batch_size']}, {found['photographs']} photographs, on {found['device']}"
    )
    parts = {
        "first_pass": "first pass: read, decode, square, resize",
        "cached_pass": "cached pass: read, batch, hand over, centre crop",
        "augmentation": "augmentation alone",
        "step": "training step on constant data",
        "fit": "fit from the cache, with views",
    }
    rows = [(text, f"{found[key]:.0f}") for key, text in parts.items()]
    _print_table(("", "images/s"), rows)
    print(f"The bottleneck of this recipe is the {parts[found['bottleneck']].split(':')[0]}.")


@app.command()
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
    _print_table(("name", "parameters", "size", "value range", "weights"), rows)


@app.command()
def recipes(
    name: Annotated[str | None, typer.Argument(help="Print this recipe.")] = None,
) -> None:
    """List the recipes that come with the package, or print one.

    Example: cervix-tf recipes inception
    """
    from cervix_tf.recipes import load_recipe, recipe_names, summary_line
    from cervix_tf.recipes.reading import HERE

    if name:
        load_recipe(name)  # an unknown name ends here, with the nearest one
        print((HERE / f"{name}.yaml").read_text(encoding="utf-8"), end="")
        return
    width = max(map(len, recipe_names()))
    for each in recipe_names():
        print(f"{each:<{width}}  {summary_line(each)}")


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and exit code 2."""
    from cervix_tf.errors import UserError

    warnings.showwarning = _warn
    try:
        app()
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # such as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _import_tensorflow() -> None:
    """Import TensorFlow without its start-up lines, written before its own log level is in force.

    What they say of devices, `fit` says itself.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            importlib.import_module("tensorflow")
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _check_checkpoint(checkpoint: str, picture: Path | None) -> None:
    """Print how a checkpoint's names match, and what it sees in a picture."""
    from cervix_tf.errors import UserError

    _import_tensorflow()
    from cervix_tf.models import likeliest_classes, match_names

    found = match_names(checkpoint)
    shown = found[["status", "name", "variable", "shape"]].astype(str)
    _print_table(("status", "name", "variable", "shape"), list(map(tuple, shown.to_numpy())))
    counts = found["status"].value_counts()
    print(", ".join(f"{count} {status}" for status, count in counts.items()))
    if picture is not None:
        for row in likeliest_classes(checkpoint, picture).to_dict("records"):
            print(f"{row['probability']:.4f}  class {row['class']:>4}  {row['label']}".rstrip())
    if counts.reindex(["missing", "other shape", "left over"]).sum() > 0:
        raise UserError(f"{checkpoint} does not fit: see the rows that are not 'matched'.")


def _predicted(runs: list[Path], photographs: Path, tta: int, cache: str | None):
    from cervix_tf.data import read_manifest
    from cervix_tf.progress import bar
    from cervix_tf.runs import load

    for run in runs:
        load(run)  # a folder that is no run is named before any photograph is read
    manifest = read_manifest(photographs, labelled=False)
    _import_tensorflow()
    from cervix_tf.inference import predict

    with bar("Decoding", len(manifest)) as progress:
        return predict(runs, manifest, tta=tta, cache=cache, progress=progress)


def _size(text: str) -> tuple[int, int]:
    from cervix_tf.errors import UserError

    height, _, width = text.lower().partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise UserError(f"--size {text!r}: write HEIGHTxWIDTH, such as 2448x3264.")
    return int(height), int(width)


def _warn(message, category, filename, lineno, file=None, line=None) -> None:
    """Print a warning as one line, without the place in the code that it comes from."""
    print(f"Warning: {message}", file=sys.stderr)


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print columns as wide as their longest entry, plain, so that `grep` and `cut` work on them."""
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    for row in (head, *rows):
        print(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _say(line: str) -> None:
    print(line, flush=True)


def _print_run(run) -> None:
    _print_figures(run.metrics)
    print(f"Run folder: {run.folder}")


def _print_figures(figures: dict) -> None:
    print(
        f"{figures['model']} on {figures['data']}: {figures['photographs']} photographs of "
        f"{figures['groups']} groups, {figures['split']}, seed {figures['seed']}"
    )
    print(f"{'':<14}{'log loss':>10}{'accuracy':>10}")
    for name, part in (("model", figures), ("class prior", figures["prior"])):
        print(f"{name:<14}{part['log_loss']:>10.4f}{100 * part['accuracy']:>8.1f} %")


if __name__ == "__main__":
    main()
