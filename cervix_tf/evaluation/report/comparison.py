"""Whether runs can be compared, and their curves on one plot."""

from pathlib import Path
from typing import Any

from cervix_tf.data.manifests import PHANTOMS, TEXT
from cervix_tf.data.tables import read_table
from cervix_tf.evaluation.report.wording import (
    NONE,
    class_rows,
    figure_rows,
    number,
    remarks,
    span,
)
from cervix_tf.runs import Run
from cervix_tf.runs.file_shapes import read_columns, reading


def differences(runs: list[Run]) -> list[str]:
    """Say what keeps the figures of runs from being compared.

    Args:
        runs: Finished runs.

    Returns:
        A sentence for each reason; empty where there is none.

    Example:
        >>> differences([load("runs/first"), load("runs/second")])
        []
    """
    sentences = []
    for name, folder in (("validation", "."), ("test", "test")):
        files = [run.path(run.table if folder == "." else f"{folder}/{Run.table}") for run in runs]
        sets = [_evaluated(file) for file in files if file.is_file()]
        if len({frozenset(s) for s in sets}) > 1:
            common = len(set.intersection(*sets))
            counts = ", ".join(str(len(s)) for s in sets)
            sentences.append(
                f"The {name} figures cannot be compared: the runs were evaluated on different "
                f"photographs ({counts}; {common} are common to all)."
            )
    classes = {tuple(run.metrics["classes"]) for run in runs}
    if len(classes) > 1:
        sentences.append("The runs know different classes.")
    return sentences


def check_told(path: Path, metrics: dict[str, Any]) -> None:
    """Refuse figures that cannot be told, before a page of them is begun.

    Args:
        path: Where they were read, for the error.
        metrics: What was read.

    Raises:
        UserError: Some are missing, or are of another kind.
    """
    with reading(path):
        figure_rows(metrics), class_rows(metrics), remarks(metrics)
        table_of_runs([{"metrics": metrics, "test": None}])


def table_of_runs(facts: list[dict[str, Any]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Set the runs side by side, as Table 5 of the report does.

    Args:
        facts: `metrics` of each run, and of its `test` photographs or None.

    Returns:
        Rows of a name and, for each run, a figure and its interval.

    Example:
        >>> table_of_runs([{"metrics": load("runs/first").metrics, "test": None}])[0]
        ('model', [('inception', '')])
    """
    validation = [one["metrics"] for one in facts]
    tested = [test if (test := one["test"]) and not test["seen"] else None for one in facts]
    learned = [figures.get("training") for figures in validation]
    priors = [figures["prior"] for figures in validation]
    rows = [
        ("model", [(figures["model"], "") for figures in validation]),
        ("training loss", _cells("log_loss", learned)),
        ("training accuracy", _cells("accuracy", learned)),
        ("validation loss", _cells("log_loss", validation)),
        ("validation accuracy", _cells("accuracy", validation)),
        ("class prior's validation loss", _cells("log_loss", priors)),
        ("class prior's accuracy", _cells("accuracy", priors)),
        ("validation photographs", _counts(validation)),
    ]
    if any(tested):
        rows[5:5] = [("test loss", _cells("log_loss", tested))]
        rows += [("test photographs", _counts(tested))]
    return rows


def _cells(key: str, of_runs: list[dict | None]) -> list[tuple[str, str]]:
    return [
        (number(key, of[key]), span(key, of["intervals"][key]) if "intervals" in of else "")
        if of
        else (NONE, "")
        for of in of_runs
    ]


def _counts(of_runs: list[dict | None]) -> list[tuple[str, str]]:
    return [
        (
            f"{of['photographs']} {'phantoms' if of['data'] == PHANTOMS else ''}".strip(),
            f"{of['groups']} groups",
        )
        if of
        else (NONE, "")
        for of in of_runs
    ]


def _evaluated(path: Path) -> set[tuple[str, str, str]]:
    """The photographs in a table of predictions, wherever they lie."""
    table = read_columns(path, lambda file: read_table(file, TEXT), ["label", "group"])
    if "image" not in table:  # of groups
        table["image"] = ""
    return set(zip(table["image"], table["label"], table["group"], strict=True))
