"""Verbs that predict."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cervix_tf.commands.options import Cache, Per, Raw, Ray, Strict, Views, named
from cervix_tf.commands.printing import import_tensorflow, print_data


def predict(
    run: Annotated[list[Path], typer.Argument(help="Run folder(s), then the photographs.")],
    out: Annotated[
        Path | None,
        typer.Option(
            callback=named(".csv", ".parquet"),
            help="A .csv or .parquet to write; by default to the screen.",
        ),
    ] = None,
    tta: Views = 1,
    cache: Cache = "none",
    raw: Raw = False,
    per: Per = "photograph",
    sets: Annotated[
        bool,
        typer.Option("--sets", help="Add the classes that may be the true one; of an ensemble."),
    ] = False,
    level: Annotated[
        float | None,
        typer.Option(help="Share of sets that shall hold the true class, 0.9 by default."),
    ] = None,
    flags: Annotated[
        bool,
        typer.Option("--flags", help="Flag photographs that are blurred, dark ... or unfamiliar."),
    ] = False,
    engine: Annotated[
        str, typer.Option(help="keras; or onnx, for files that `export` wrote, without TensorFlow.")
    ] = "keras",
    on_error: Annotated[
        str,
        typer.Option(
            help="stop at photographs that cannot be read, or record them beside the file."
        ),
    ] = "stop",
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Only the I-th of N shares of the photographs, from 1/N."),
    ] = None,
    ray: Ray = None,
    strict: Strict = False,
) -> None:
    """Predict photographs: a folder, a CSV or single files; several runs are averaged.

    Interrupted, the same command goes on where it stopped.

    Example: cervix-tf predict runs/first photographs --out predictions.csv

    Exported: cervix-tf predict first.onnx photographs --engine onnx --out predictions.csv
    """
    from cervix_tf.errors import UserError

    *runs, photographs = run
    if not runs:
        raise UserError("Give a run folder and then a folder or CSV of photographs.")
    from cervix_tf.runs.conformal import SET_LEVEL

    share = level if level is not None else SET_LEVEL if sets else None
    more: dict[str, Any] = {"per": per, "sets": share, "flags": flags, "engine": engine}
    more |= {"on_error": on_error, "shard": shard, "ray": ray}
    done = _predicted(runs, photographs, tta, cache, raw, strict, out=out, **more)
    if out is None:
        from cervix_tf.cells import written_table

        print_data(written_table(done).to_csv(index=False, float_format="%.6f"))
        return
    print(f"{done.rows} {per}s in {out}")
    if done.errors:
        print(f"{done.unreadable} photographs that cannot be read in {done.errors}")


def submit(
    run: Annotated[list[Path], typer.Argument(help="Run folder; several are averaged.")],
    test: Annotated[Path, typer.Option(help="Folder or CSV of the test photographs.")],
    out: Annotated[Path, typer.Option(callback=named(".csv"), help="The CSV to write.")] = Path(
        "kaggle_submission/submission.csv"
    ),
    sample: Annotated[
        Path | None, typer.Option(help="Kaggle's sample_submission.csv: its names in its order.")
    ] = None,
    floor: Annotated[float, typer.Option(help="Least probability.")] = 1e-15,
    tta: Views = 1,
    cache: Cache = "none",
    raw: Raw = False,
    strict: Strict = False,
) -> None:
    """Write a Kaggle CSV of class probabilities.

    Example: cervix-tf submit runs/first --test data/test --out kaggle_submission/first.csv
    """
    from cervix_tf.inference.submission import check_submission, write_submission

    table = _predicted(
        run, test, tta, cache, raw, strict,
        check=lambda classes, images: check_submission(classes, images, sample, floor),
    )  # fmt: skip
    write_submission(table, out, sample=sample, floor=floor)
    print(f"{len(table)} rows in {out}")


def _predicted(
    runs: list[Path],
    photographs: Path,
    tta: int,
    cache: str | None,
    raw: bool,
    strict: bool,
    out: Path | None = None,
    check: Callable[[list[str], list[str]], object] | None = None,
    **more: Any,
):
    from cervix_tf.data import read_manifest
    from cervix_tf.data.clusters import check_cluster
    from cervix_tf.inference.engines import engines
    from cervix_tf.progress import bar

    engine, ray = more.get("engine", "keras"), more.get("ray")
    if ray is not None:
        check_cluster(ray)
    opened = engines(runs, raw=raw) if engine == "keras" else []
    manifest = read_manifest(photographs, labelled=False, strict=strict)
    if check:  # what cannot be done ends here, before the work
        check(opened[0].class_names, manifest["image"].tolist())
    if engine == "keras" and ray is None:
        import_tensorflow()
    from cervix_tf.inference import predict, write_predictions

    more |= {"tta": tta, "cache": cache, "raw": raw}
    with bar("Predicting", len(manifest)) as progress:
        if out is None:
            return predict(runs, manifest, progress=progress, **more)
        return write_predictions(runs, manifest, out, progress=progress, **more)
