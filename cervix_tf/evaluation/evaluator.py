"""A run on labelled photographs: which of them it has not seen, and the figures of these."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from cervix_tf.data.manifests import labels as class_indices
from cervix_tf.data.manifests import validated
from cervix_tf.data.outputs import check_not_among
from cervix_tf.errors import UserError
from cervix_tf.evaluation.estimates import agreement_figures, metrics_of
from cervix_tf.evaluation.operating_points import check_point, operating_figures
from cervix_tf.evaluation.outputs import check_free, write_evaluation
from cervix_tf.evaluation.seen_photographs import least_seen
from cervix_tf.evaluation.strata import check_column, figures_by
from cervix_tf.files import check_output
from cervix_tf.given import as_path
from cervix_tf.inference import Predictions, held_out, predictions_of
from cervix_tf.inference.out_of_fold import by_others
from cervix_tf.inference.patients import check_unit, group_table
from cervix_tf.runs import Ensemble, Run, load
from cervix_tf.runs.conformal import SET_LEVEL
from cervix_tf.runs.provenance import check_recorded


def evaluate(
    run: Run | Path | str | Predictions,
    photographs: pd.DataFrame | None = None,
    tta: int = 1,
    out: Path | str | None = None,
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    raw: bool = False,
    per: str = "photograph",
    by: str | None = None,
    positive: Sequence[str] | str | None = None,
    operating_point: str | None = None,
    level: float = SET_LEVEL,
) -> dict:
    """Evaluate a run on labelled photographs.

    Args:
        run: A run or an ensemble, or its folder; or predictions, whose photographs are evaluated as
            `photographs` are.
        photographs: A manifest, of which those with a label are used; by default the run's own
            validation photographs, of an ensemble all that were in its folds, each as the runs see it
            that did not train on it. Photographs that the run trained on are left out, those that chose
            its weights (validation) too where there are others; a photograph is known by its path or
            by its content. Where no other photographs are given, they are evaluated, and `split` says so.
        tta: Views a photograph, as `inference.predict` takes it.
        out: A folder to write `metrics.json`, `predictions.csv` and `plots/` into; nothing is written by
            default. `RUN/test` is where `report` looks for the figures of test photographs.
        cache: Where the prepared squares are kept, as `data.prepare` takes it.
        progress: Called with the photographs decoded and their number.
        raw: Whether to evaluate the networks' probabilities as they are, not calibrated.
        per: `photograph`, or `group`: each group (patient) once, by the mean over its photographs.
        by: A column of the manifest, such as `source`, `device` or `site`, for each value of which
            figures are given too.
        positive: A class, or several, that are to be told from the rest.
        operating_point: Where: `sensitivity=0.9`, `specificity=0.9`, for which other photographs than
            those judged choose the threshold, or `threshold=0.5`, the default.
        level: The share of an ensemble's prediction sets that shall hold the true class.

    Returns:
        A dict of figures as `metrics_of` returns it, with `views` and `seen`: whether the run trained on
        these photographs or chose its weights by them. Where asked for, `by` as `strata.figures_by`, and
        `operating_point` as `operating_points.operating_figures` returns it.

    Raises:
        UserError: There is no labelled photograph, or one of a class the run does not know, or `out` is
            a run's folder or holds files of other work; the photographs of one group have different
            labels (`per="group"`); there is no such column, class or operating point, or nothing to
            choose the threshold by.

    Warns:
        UserWarning: Photographs were left out, or the run trained on those evaluated or on others of
            groups of the same name.

    Example:
        >>> evaluate("runs/first")["intervals"]["log_loss"]
        >>> evaluate("runs/first", per="group", by="source", positive="Type_3")["operating_point"]
    """
    check_unit(per)
    if out is not None and (as_path(out, "out") / "recipe.yaml").exists():
        raise UserError(f"{out} is a run's folder, with figures of its own: give another folder.")
    if out is not None:
        check_output(out, "folder")
        check_free(Path(out))
    predictions = run if isinstance(run, Predictions) else None
    opened = run.run if isinstance(run, Predictions) else load(run)
    if predictions is not None:
        labelled, others = predictions.photographs, True
    elif photographs is not None:
        labelled, others = validated(photographs), True
    else:
        labelled, others = opened.validation, False
    if out is not None:
        for table in (labelled, opened.manifest) if opened.photographs else (labelled,):
            check_not_among(out, table["path"], table["label"])
    labelled = labelled.dropna(subset="label")
    if labelled.empty:
        raise UserError("There is no labelled photograph to evaluate on.")
    if not others:
        check_recorded(labelled, opened.folder)
    split, seen = "validation", True
    if others:
        together = predictions.runs[1:] if predictions is not None else ()
        labelled, split, seen = least_seen(opened, labelled, together)
    # What cannot be done ends here, before the work.
    _ = opened.recipe
    class_indices(labelled, opened.class_names)
    if per == "group":
        group_table(labelled)
    if by is not None:
        check_column(labelled, by)
    if positive or operating_point:
        check_point(positive, operating_point, opened.class_names)
    if predictions is not None:
        predictions = replace(
            predictions[labelled.index], photographs=labelled.reset_index(drop=True)
        )
        predictions = by_others(predictions) if split == "validation" else predictions
    elif split == "validation":
        predictions = held_out(opened, labelled, tta, cache, progress, raw)
    else:
        predictions = predictions_of(opened, labelled, tta, cache=cache, progress=progress, raw=raw)
    if split == "validation" and isinstance(opened, Ensemble):
        split = "out of fold"
    judged = predictions.per_group() if per == "group" else predictions
    figures = {
        **metrics_of(judged, split, level=level),
        "seen": seen,
        "views": predictions.views,
    }
    if per == "group":
        figures |= agreement_figures(predictions)
    if positive:
        found = operating_figures(judged, split, positive, operating_point, raw)
        figures["operating_point"] = found
    if by is not None:
        figures["by"] = figures_by(predictions, by, per)
    if out is not None:
        write_evaluation(judged, figures, Path(out))
    return figures
