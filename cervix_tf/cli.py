"""The command line: one verb a command; each parses, calls one public function and prints."""

import functools
import os
import sys
import warnings
from collections.abc import Callable

import typer

from cervix_tf.commands import (
    audits,
    data,
    demonstrating,
    evaluation,
    explaining,
    exploring,
    exporting,
    inference,
    models,
    searching,
    segmenting,
    training,
)
from cervix_tf.commands.printing import print_messages

app = typer.Typer(
    help="Transformation-zone type of the cervix from photographs: train, predict, submit.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)

VERBS = (
    data.phantom,
    data.fetch,
    audits.audit,
    exploring.explore,
    data.prepare,
    segmenting.segment,
    models.models,
    models.recipes,
    training.fit,
    training.crossfit,
    training.probe,
    searching.search,
    searching.reproduce,
    training.bench,
    inference.predict,
    inference.submit,
    exporting.export,
    evaluation.evaluate,
    evaluation.report,
    explaining.explain,
    demonstrating.demo,
)


def _interruptible(verb: Callable) -> Callable:
    """The verb, which ends on Ctrl-C with exit code 130 and one line that says how to go on.

    Typer would end with the code alone.
    """

    @functools.wraps(verb)
    def run(**options) -> None:
        try:
            verb(**options)
        except KeyboardInterrupt as stop:
            how = str(stop) or "give the same command again, which keeps what is finished"
            print(f"Interrupted: {how}.", file=sys.stderr)
            sys.exit(130)

    return run


for verb in VERBS:  # in the order in which --help lists them
    app.command()(_interruptible(verb))


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and exit code 2."""
    from cervix_tf.errors import UserError

    warnings.showwarning = _warn
    print_messages()
    try:
        app()
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # such as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _warn(message, category, filename, lineno, file=None, line=None) -> None:
    """Print a warning as one line, without the place in the code that it comes from."""
    print(f"Warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    main()
