"""MLflow: a run of its store, which `MLFLOW_TRACKING_URI` names or which lies in the present folder."""

import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cervix_tf.errors import UserError
from cervix_tf.runs import Run
from cervix_tf.runs.provenance import without_passwords
from cervix_tf.tracking.contents import Contents
from cervix_tf.tracking.tracker import Tracker, said

if TYPE_CHECKING:
    from mlflow import MlflowClient

AT_ONCE = 900  # MLflow takes 1000 figures a call, and 100 parameters
LONGEST = 500  # letters of a parameter's value that every store takes


class MlflowRun(Tracker):
    """A run of MLflow's tracking: parameters, curves by optimiser step, figures, plots, report."""

    name, library, title = "mlflow", "mlflow", "MLflow"

    @classmethod
    def begun(cls, run: Run, parameters: dict[str, Any], parent: dict | None) -> dict[str, Any]:
        """Make the run, in the experiment `MLFLOW_EXPERIMENT_NAME` or `cervix_tf`."""
        from mlflow.entities import Param

        uri = _uri(None)
        tags = {"mlflow.parentRunId": parent["run"]} if parent else {}
        try:
            client = _client(uri)
            made = client.create_run(_experiment(client), tags=tags, run_name=run.folder.name)
            pairs = [Param(key, str(value)[:LONGEST]) for key, value in parameters.items()]
            for first in range(0, len(pairs), 100):
                client.log_batch(made.info.run_id, params=pairs[first : first + 100])
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"MLflow at {without_passwords(uri)}: {said(error)}") from error
        return {"uri": without_passwords(uri), "run": made.info.run_id}

    def __init__(self, run: Run, card: dict[str, Any]):
        self.run = card["run"]
        uri = _uri(card["uri"])
        try:
            self.client = _client(uri)
            there = self.client.get_run(self.run)
            steps = [point.step for point in self.client.get_metric_history(self.run, "loss")]
            self.finished = there.info.status == "FINISHED"
            if not self.finished:
                self.client.update_run(self.run, status="RUNNING")
        except Exception as error:
            raise UserError(
                f"{run.folder} is run {self.run} of MLflow, which {without_passwords(uri)} does not "
                f"give ({said(error)}): name its store by MLFLOW_TRACKING_URI, or delete "
                f"{run.folder / 'tracking.json'} to go on untracked."
            ) from error
        self.last = max(steps, default=0)

    def points(self, points: list[tuple[int, dict[str, float]]]) -> None:
        """Add points to the curves."""
        self._figures([(name, value, step) for step, at in points for name, value in at.items()])

    def finish(self, contents: Contents) -> None:
        """Add figures, each with the ends of its interval, plots, files, and what the figures are of."""
        self._figures(
            [
                (_allowed(name) + end, value, contents.step)
                for name, values in contents.figures.items()
                for end, value in zip(("", "_low", "_high"), values, strict=True)
                if value is not None
            ]
        )
        for name, value in contents.facts.items():
            self.client.set_tag(self.run, name, value)
        for path in contents.plots:
            self.client.log_artifact(self.run, str(path), "plots")
        for path in contents.files:
            self.client.log_artifact(self.run, str(path))
        self.client.set_terminated(self.run, "FINISHED")
        self.finished = True

    def stop(self, state: str) -> None:
        """End the run before training has."""
        self.client.set_terminated(self.run, state)

    def _figures(self, figures: list[tuple[str, float, int]]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value, step in figures]
        for first in range(0, len(metrics), AT_ONCE):
            self.client.log_batch(self.run, metrics[first : first + AT_ONCE])


def _uri(kept: str | None) -> str:
    """The store that the environment names, else the one that was kept, else MLflow's own."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is told to anybody else
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return os.environ.get("MLFLOW_TRACKING_URI") or kept or mlflow.get_tracking_uri()


def check_store(uri: str | None = None) -> None:
    """Refuse a store in a file that cannot be opened, for which MLflow would try again for minutes.

    Args:
        uri: The store; by default the one that a new run goes to.

    Raises:
        UserError: It is a folder, or a file of SQLite that is none or cannot be written.

    Example:
        >>> check_store("sqlite:///mlflow.db")
    """
    uri = uri or _uri(None)
    scheme, _, place = uri.partition(":///")
    path, why = Path(place.partition("?")[0]), ""
    if scheme == "file" or ("/" in uri and ":" not in uri):
        if os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() not in ("true", "1"):
            why = "it takes a folder only where MLFLOW_ALLOW_FILE_STORE=true is set"
    elif scheme.startswith("sqlite") and place and place != ":memory:":
        if not path.parent.is_dir():
            why = f"there is no folder {path.parent}"
        elif not os.access(path if path.exists() else path.parent, os.W_OK):
            why = f"{path} may not be written"
        elif path.exists() and not _is_database(path):
            why = f"{path} is no database of SQLite"
    if why:
        raise UserError(
            f"MLflow at {without_passwords(uri)}: {why}; name another store by MLFLOW_TRACKING_URI, such "
            "as sqlite:///mlflow.db."
        )


def _is_database(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(16) in (b"", b"SQLite format 3\0")


def _client(uri: str) -> "MlflowClient":
    import mlflow

    check_store(uri)
    return mlflow.MlflowClient(tracking_uri=uri)


def _experiment(client: "MlflowClient") -> str:
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "cervix_tf")
    there = client.get_experiment_by_name(name)
    if there is None:
        try:
            return client.create_experiment(name)
        except Exception:  # another process was faster
            there = client.get_experiment_by_name(name)
            if there is None:
                raise
    return there.experiment_id


def _allowed(name: str) -> str:
    """A name with the letters that MLflow allows."""
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)
