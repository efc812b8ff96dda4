"""Options that several verbs share."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer


def file_out(path: Path | None) -> Path | None:
    """Refuse a file to write that cannot be written, before anything else is done."""
    from cervix_tf.files import check_output

    if path is not None:
        check_output(path)
    return path


def named(*suffixes: str) -> Callable[[Path | None], Path | None]:
    """Make a check of a file to write, the name of which ends so: no photograph is written over."""

    def check(path: Path | None) -> Path | None:
        file_out(path)
        if path is not None and path.suffix.lower() not in suffixes:
            from cervix_tf.errors import UserError

            raise UserError(f"--out {path}: name a file that ends in {' or '.join(suffixes)}.")
        return path

    return check


def not_read(options: dict[str, Any]) -> None:
    """Refuse a file to write that is one of those that the verb reads."""
    out = options.get("out")
    if not isinstance(out, Path) or not out.is_file():
        return
    from cervix_tf.data.outputs import check_not_read

    for name, given in options.items():
        if name != "out":
            check_not_read(out, given if isinstance(given, list | tuple) else [given])


def folder_out(path: Path | None) -> Path | None:
    """Refuse a folder to write into that cannot be written, before anything else is done."""
    from cervix_tf.files import check_output

    if path is not None:
        check_output(path, "folder")
    return path


def outside(out: Path | None, source: Path | None) -> None:
    """Refuse to write into the folder of the photographs, where pictures would be taken for some."""
    from cervix_tf.data.folder_walk import is_run
    from cervix_tf.errors import UserError

    if out is None or source is None or not source.is_dir():
        return
    folder, photographs = out.resolve(), source.resolve()
    above = [place for place in (folder, *folder.parents) if place.is_relative_to(photographs)]
    if above and not any(map(is_run, above)):
        raise UserError(
            f"--out {out} lies in the folder of the photographs, {source}, where nothing is changed: "
            "choose another."
        )


def apart(out: Path | None, photographs: Any, kind: Literal["file", "folder"] = "folder") -> None:
    """Refuse to write beside or into the class folders that the photographs of a manifest lie in."""
    from cervix_tf.data.outputs import check_not_among

    if out is not None:
        check_not_among(out, photographs["path"], photographs["label"], kind)


Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Messages with time and module, TensorFlow's own lines, where errors and warnings arise.",
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Results, warnings and errors alone: no bars.")
]
Run = Annotated[Path, typer.Argument(help="Run folder.")]
Model = Annotated[
    str | None,
    typer.Option(help="A model of `cervix-tf models`; takes the recipe called after it."),
]
RecipeFile = Annotated[
    str | None, typer.Option("--recipe", help="A recipe of `cervix-tf recipes`, or a YAML file.")
]
Weights = Annotated[
    str | None, typer.Option(help="none, imagenet, or a checkpoint, SavedModel or Keras file.")
]
Data = Annotated[
    Path | None,
    typer.Option(
        help="A CSV, a folder with one subfolder for each class, or Kaggle's download. By default "
        "$CERVIX_DATA, else ./data, else Kaggle's download in kagglehub's cache."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the recipe; may be repeated.",
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(help="float32, mixed_bfloat16 or mixed_float16; by default the recipe's."),
]
Devices = Annotated[
    str | None,
    typer.Option(
        help="GPUs that share each batch: all, how many, numbers such as 0,2, or hosts: all of every "
        "host that TF_CONFIG or Slurm names."
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Check everything, time a few steps and decodes, print what it would take, write nothing.",
    ),
]
Track = Annotated[
    str | None,
    typer.Option(
        metavar="TRACKER",
        help="tensorboard or mlflow: where parameters, curves, figures, plots and report go as well. "
        "Going on goes on there.",
    ),
]
Cache = Annotated[
    str | None,
    typer.Option(
        help="Where prepared squares are kept: a folder, 'memory' or 'none'; by default the user's "
        "cache folder."
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        metavar="local|auto|HOST:PORT",
        help="Work on a Ray cluster: one of this machine, the one that runs here, or its address.",
    ),
]
Additional = Annotated[
    bool,
    typer.Option("--additional", help="Take Kaggle's additional photographs as well (full data)."),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Files of the folder that are left out (hidden, of other kinds ...) are an error.",
    ),
]
Views = Annotated[int, typer.Option("--tta", min=1, max=8, help="Views a photograph.")]
Raw = Annotated[
    bool, typer.Option("--raw", help="The networks' own probabilities, without calibration.")
]
Per = Annotated[
    str, typer.Option(help="photograph, or group: the mean over the photographs of a patient.")
]
Drop = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FLAG",
        help="Leave out photographs with this flag of the audit, such as 'blurred'; repeatable. Of "
        "duplicates one stays.",
    ),
]
