"""Track: a run folder is sent to a tracker, while it is trained or afterwards."""

import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cervix_tf.errors import UserError, unknown
from cervix_tf.runs import Run, load
from cervix_tf.runs.file_shapes import read_object
from cervix_tf.tracking.contents import Contents, contents_of, parameters_of
from cervix_tf.tracking.tracker import Tracker, said

log = logging.getLogger(__name__)

CARD = "tracking.json"
KINDS = {
    "tensorboard": ("cervix_tf.tracking.event_files", "EventFiles", "tensorboard", "TensorBoard"),
    "mlflow": ("cervix_tf.tracking.mlflow_runs", "MlflowRun", "mlflow", "MLflow"),
}


def track(run: Run | Path | str, tracker: str | None = None) -> None:
    """Send a finished run, or ensemble, to a tracker: parameters, curves, figures, plots and report.

    A run that was tracked from its beginning gets what is missing. Plots and report show photographs.

    Args:
        run: The run or its folder.
        tracker: `tensorboard`, event files in `RUN/tensorboard`; or `mlflow`, the store of
            `MLFLOW_TRACKING_URI`, by default MLflow's own in the present folder. None for the one that
            it is tracked by.

    Raises:
        UserError: It is not finished, tracked by another tracker, or by none and none is named; or the
            library is missing, or the store out of reach.

    Example:
        >>> track("runs/first", "tensorboard")
    """
    run = load(run)
    if not run.complete:
        raise UserError(f"{run.folder} has not ended: {run.how_to_go_on}.")
    opened = open_tracker(run, tracker, parameters_of(run.recipe))
    if opened is None:
        raise UserError(f"{run.folder} is tracked by nothing yet: name a tracker.")
    if not opened.finished:
        _finish(opened, run)


def check_tracker(asked: str | None) -> None:
    """Refuse a tracker that is not known or not installed, or whose store is a file that cannot be had.

    Args:
        asked: Its name, or None.

    Raises:
        UserError: It is not there.
    """
    if asked is None:
        return
    _check_library(asked)
    if asked == "mlflow":
        from cervix_tf.tracking.mlflow_runs import check_store

        check_store()


def _check_library(asked: str) -> None:
    if asked not in KINDS:
        raise unknown("tracker", asked, KINDS)
    *_, library, title = KINDS[asked]
    try:
        importlib.import_module(library)
    except ImportError as error:
        raise UserError(
            f"Tracking by {title} needs its library: pip install 'cervix-tf[track]'."
        ) from error


def open_tracker(run: Run, asked: str | None, parameters: dict[str, Any]) -> Tracker | None:
    """Begin a tracked run, or open the one that was begun.

    A run in `X/runs` or `X/trials` is a part of X where X is tracked.

    Args:
        run: The run, or the folder of a study.
        asked: The tracker; None for the one that it is tracked by, if any.
        parameters: Keys and values.

    Returns:
        The tracked run; None where nothing tracks it.

    Raises:
        UserError: It is tracked by another tracker, or this one cannot be had.
    """
    card = _card(run)
    if card and asked not in (None, card["tracker"]):
        raise UserError(
            f"{run.folder} is tracked by {card['tracker']}: leave out --track, or give that."
        )
    kind = card["tracker"] if card else asked
    if kind is None:
        return None
    _check_library(kind)
    module, name, *_ = KINDS[kind]
    made = getattr(importlib.import_module(module), name)
    if card is None:
        above = run.folder.parent
        parent = _card(Run(above.parent)) if above.name in ("runs", "trials") else None
        parent = parent if parent and parent["tracker"] == kind else None
        card = {"tracker": kind, **made.begun(run, parameters, parent)}
        run.write_json(CARD, card)
    return made(run, card)


@contextmanager
def tracked(run: Run) -> Iterator[Tracker | None]:
    """Open a run's tracked run while it is trained, and send the rest when it has ended well.

    Args:
        run: The run.

    Yields:
        The tracked run; None where nothing tracks it.
    """
    tracker = open_tracker(run, None, {})
    if tracker is None:
        yield None
        return
    try:
        yield tracker
    except BaseException as error:
        with suppress(Exception):
            tracker.stop("FAILED" if isinstance(error, UserError) else "KILLED")
        raise
    try:
        _finish(tracker, run)
    except UserError as error:  # the run is whole all the same
        log.warning(str(error))


def _finish(tracker: Tracker, run: Run) -> None:
    if run.path("history.csv").is_file():
        rows: list[dict] = run.history.to_dict("records")
        tracker.send(rows)
    finish(tracker, contents_of(run), f"cervix-tf fit --resume {run.folder}")


def finish(tracker: Tracker, contents: Contents, again: str = "the same command") -> None:
    """Send what a tracked run lacks at its end.

    Args:
        tracker: The tracked run.
        contents: Figures, plots, files.
        again: What sends them if they are not taken now.

    Raises:
        UserError: They are not taken.
    """
    try:
        tracker.finish(contents)
    except Exception as error:  # of networks, databases and disks
        raise UserError(
            f"{tracker.title} has not taken all that was written ({said(error)}): {again} sends the rest."
        ) from error


def _card(run: Run) -> dict[str, Any] | None:
    return read_object(run.file(CARD)) if run.has(CARD) else None
