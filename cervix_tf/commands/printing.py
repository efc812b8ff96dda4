"""What verbs print, and TensorFlow without its start-up lines."""

import importlib
import logging
import os
import sys
import tempfile
from collections.abc import Sequence

from cervix_tf.screen import exact, one_line

VALUES = 20  # of a column that are printed at most
_verbose: list[bool] = []  # whether --verbose was given


def import_tensorflow() -> None:
    """Import TensorFlow without its start-up lines, written before its own log level is in force.

    What they say of devices, `fit` says itself, as of a host that has gone. Its warnings of retracing are
    left out too: each run of a crossfit or search is another network, which has to be traced; and those
    of code that it cannot rewrite, which runs as it is. With `--verbose` all is shown.
    """
    if is_verbose():
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0")
        importlib.import_module("tensorflow")
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as startup:
        os.dup2(startup.fileno(), 2)
        try:
            importlib.import_module("tensorflow")
        except BaseException:
            startup.seek(0)
            os.write(kept, startup.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    logging.getLogger("tensorflow").addFilter(_worth_saying)


def _worth_saying(record: logging.LogRecord) -> bool:
    said = record.getMessage()
    idle = ("tf.function retracing", "AutoGraph could not transform", "seems down", "check alive")
    return not any(part in said for part in idle)


def print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print columns as wide as their longest entry, plain, so that `grep` and `cut` work on them."""
    table = [tuple(map(one_line, row)) for row in (head, *rows)]
    widths = [max(len(row[k]) for row in table) for k in range(len(head))]
    for row in table:
        print(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def print_data(text: str) -> None:
    """Print what a program reads: as it is, unless it goes to a terminal."""
    print(text, end="", file=sys.stdout if sys.stdout.isatty() else exact(sys.stdout))


class Messages(logging.Handler):
    """Prints a record's message as a line, at once; a bar under way moves down for it.

    Warnings go to standard error: a table on standard output stays a table.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message, alone unless --verbose."""
        warns = record.levelno >= logging.WARNING
        print(one_line(self.format(record)), file=sys.stderr if warns else None, flush=True)


def print_messages(verbose: bool = False, quiet: bool = False) -> None:
    """Print what the package logs from now on, on standard output.

    Args:
        verbose: With the time and the module that says it, and all that it says.
        quiet: Warnings alone.
    """
    _verbose[:] = [True] * verbose
    log, messages = logging.getLogger("cervix_tf"), Messages()
    log.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    if verbose:
        messages.setFormatter(logging.Formatter("%(asctime)s %(module)s: %(message)s"))
    log.handlers = [messages]
    # Where HOME cannot be written it says twice that its list of fonts is made anew.
    logging.getLogger("matplotlib").setLevel(logging.NOTSET if verbose else logging.ERROR)


def is_verbose() -> bool:
    """Tell whether the verb was called with `--verbose`."""
    return bool(_verbose)


def print_estimate(estimate) -> None:
    """Print what a job will take, and that nothing was written."""
    for line in estimate.lines():
        print(line)
    print("Nothing was written: the same command without --dry-run begins.")


def print_metrics(figures: dict) -> None:
    """Print log loss and accuracy beside those of the class prior."""
    once = ", each group once" if figures.get("per") == "group" else ""
    print(
        f"{figures['model']} on {figures['data']}: {figures['photographs']} photographs of "
        f"{figures['groups']} groups{once}, {figures['split']}, seed {figures['seed']}"
    )
    print(f"{'':<14}{'log loss':>10}{'accuracy':>10}")
    rows = {"model": figures, "raw": figures.get("raw"), "linear probe": figures.get("probe")}
    rows["class prior"] = figures["prior"]
    for name, part in ((name, part) for name, part in rows.items() if part):
        print(f"{name:<14}{part['log_loss']:>10.4f}{100 * part['accuracy']:>8.1f} %")


def print_evaluation(figures: dict) -> None:
    """Print all figures with their intervals, for each class too, and the confusion matrix."""
    from cervix_tf.evaluation.report.set_wording import set_remark, set_rows
    from cervix_tf.evaluation.report.wording import class_rows, figure_rows, remarks

    print_metrics(figures)
    print()
    beside = ("raw", "class prior") if "raw" in figures else ("class prior",)
    print_table(("", "model", "95 % interval", *beside), figure_rows(figures))
    print()
    print_table(("", *figures["classes"]), _cells(class_rows(figures)))
    print()
    if rows := set_rows(figures):
        print_table(("prediction sets", "all", *figures["classes"]), _cells(rows))
        print(set_remark(figures) + "\n")
    counts = [
        (f"true {name}", *map(str, row))
        for name, row in zip(figures["classes"], figures["confusion"], strict=True)
    ]
    print_table(("predicted", *figures["classes"]), counts)
    print()
    _print_point(figures.get("operating_point"))
    _print_strata(figures.get("by"))
    for line in remarks(figures):
        print(line)


def _cells(rows: list[tuple[str, list[tuple[str, str]]]]) -> list[tuple[str, ...]]:
    """Put intervals in brackets behind their figures."""
    return [(name, *(f"{v} ({i})" if i else v for v, i in row)) for name, row in rows]


def _print_point(point: dict | None) -> None:
    """Print the figures at an operating point, where one was asked for."""
    from cervix_tf.evaluation.report.wording import point_rows, point_words

    if point is None:
        return
    head, chosen = point_words(point)
    print(head)
    print_table(("", "", "95 % interval"), point_rows(point))
    print(chosen)
    print()


def _print_strata(by: dict | None) -> None:
    """Print the figures of each value of a column, where they were asked for."""
    from cervix_tf.evaluation.report.wording import stratum_rows, stratum_words

    if by is None:
        return
    heads = ("photographs", "groups", "log loss", "95 % interval", "accuracy", "95 % interval")
    print_table((by["column"], *heads), stratum_rows(by, VALUES))
    if (more := len(by["values"]) - VALUES) > 0:
        print(f"and {more} values more, of fewer photographs: --json prints all")
    for line in stratum_words(by):
        print(line)
    print()
