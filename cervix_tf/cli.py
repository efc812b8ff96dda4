"""The command line: one verb a command; each parses, calls one public function and prints."""

import atexit
import contextlib
import functools
import inspect
import io
import os
import shlex
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Annotated, NoReturn

import typer
from typer.core import TyperCommand

from cervix_tf.commands import (
    audits,
    data,
    demonstrating,
    evaluation,
    explaining,
    exploring,
    exporting,
    inference,
    machine,
    models,
    searching,
    segmenting,
    training,
)
from cervix_tf.commands.options import Quiet, Verbose, not_read
from cervix_tf.commands.printing import is_verbose, print_messages
from cervix_tf.screen import one_line, screens

app = typer.Typer(
    help="Transformation-zone type of the cervix from photographs: train, predict, submit.",
    no_args_is_help=True,
    rich_markup_mode=None,
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
    exporting.card,
    explaining.explain,
    demonstrating.demo,
    machine.doctor,
    machine.cache,
)

_signals: list[int] = []  # SIGINT and SIGTERM, as they came
# The options of every verb, behind its own.
COMMON = [
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
    for name, annotation in (("verbose", Verbose), ("quiet", Quiet))
]


def _command(verb: Callable) -> Callable:
    """The verb with the options of every verb, which a signal ends with one line that says how to go on.

    Ctrl-C (SIGINT) ends it with exit code 130, as Typer alone would do without a word; SIGTERM with 143.
    """

    @functools.wraps(verb)
    def run(verbose: bool, quiet: bool, **options) -> None:
        from cervix_tf.errors import UserError
        from cervix_tf.files import scratch
        from cervix_tf.progress import no_bars

        if verbose and quiet:
            raise UserError("--verbose and --quiet: give one of them.")
        print_messages(verbose, quiet)
        not_read(options)
        try:
            with scratch(), no_bars() if quiet else contextlib.nullcontext():
                verb(**options)
        except (KeyboardInterrupt, Exception) as stop:
            stopped = isinstance(stop, KeyboardInterrupt)
            if not (stopped or _signals):  # which some libraries make another exception of
                raise
            how = str(stop) if stopped else ""
            how = how or f"go on with {shlex.join(['cervix-tf', *sys.argv[1:]])}"
            terminated = signal.SIGTERM in _signals
            _end(*((f"Terminated: {how}", 143) if terminated else (f"Interrupted: {how}", 130)))
        finally:
            # Where Matplotlib cannot write to its own folder it will remove one in the scratch, now gone.
            atexit.unregister(shutil.rmtree)

    # What Typer reads.
    own = inspect.signature(verb)
    run.__signature__ = own.replace(parameters=[*own.parameters.values(), *COMMON])  # type: ignore[attr-defined]
    run.__annotations__ = verb.__annotations__ | {one.name: one.annotation for one in COMMON}
    return run


class _Command(TyperCommand):
    """A command that refuses an empty word, such as that of a variable of the shell that is not set.

    Of a path it would mean the current folder.
    """

    def parse_args(self, context, words: list[str]) -> list[str]:
        from cervix_tf.errors import UserError

        given, _, order = self.make_parser(context).parse_args(list(words))
        for one in order if not context.resilient_parsing else ():
            value = given[one.name]
            if "" in (value if isinstance(value, list | tuple) else [value]):
                raise UserError(f"{one.opts[0]} is empty: give a value, or leave it out.")
        return super().parse_args(context, words)


for verb in VERBS:  # in the order in which --help lists them
    app.command(cls=_Command)(_command(verb))


def _print_version(asked: bool) -> None:
    if asked:
        from cervix_tf import __version__

        print(f"cervix-tf {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and exit code 2."""
    from cervix_tf.errors import UserError

    _speak_utf8()
    warnings.showwarning = _warn
    _open_streams()
    _write_any_text()
    print_messages()
    with screens():
        printed = sys.stdout  # Typer puts another in its place when the reader of a pipe has gone
        try:
            _check_place()
            try:
                with _terminable():
                    app()
            finally:
                printed.flush()  # what cannot be written is told here, not at the end of Python
        except UserError as error:
            if is_verbose():
                traceback.print_exc()
            _end(f"Error: {error}", 2)
        except BrokenPipeError:  # such as `| head`
            _end(None, 1)
        except OSError as error:  # of files and disks: nothing in the package raises it by mistake
            what = error.filename or "What was asked for"
            _end(f"Error: {what} cannot be read or written: {error.strerror or error}.", 2)


def _check_place() -> None:
    """Refuse to work in a folder that was deleted, where no relative path means anything."""
    from cervix_tf.errors import UserError

    try:
        os.getcwd()
    except OSError as error:
        raise UserError(
            "The folder that this was started in was deleted: change to another (cd) and run again."
        ) from error


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that checkpoints are kept and temporary files removed."""

    def stop(number: int, _) -> NoReturn:
        _signals.append(number)
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, stop)
    if interruptible := signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        # The work is done: what still comes while Python ends, which takes a second, changes nothing.
        late = (lambda *_: None) if former == signal.SIG_DFL else former
        signal.signal(signal.SIGTERM, late)
        atexit.register(signal.signal, signal.SIGTERM, signal.SIG_IGN)
        if interruptible:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        _signals.clear()
        # Python keeps a note that Ctrl-C came while it executed a text, such as that of a namedtuple,
        # until it executes another: `python -m` would end by the signal, not with the exit code.
        exec("")


def _end(said: str | None, code: int) -> NoReturn:
    """Say a last line, and end without another attempt to write what is left of the output."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    with contextlib.suppress(OSError):
        if said:
            print(one_line(said), file=sys.stderr)
    sys.exit(code)


def _speak_utf8() -> None:
    """Start again in Python's UTF-8 mode where names of files would be read otherwise (LC_ALL=C)."""
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, sys.orig_argv)


def _open_streams() -> None:
    """Let closed standard streams be /dev/null: the next file opened would take their place.

    What a library then says to standard error would lie in a user's file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            setattr(sys, name, None)
        if getattr(sys, name) is None:  # also where a file has taken the number already
            setattr(sys, name, open(os.devnull, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115


def _write_any_text() -> None:
    """Let names be printed that the terminal's encoding lacks; `LC_ALL=C` is taken for UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper):
            continue
        if stream.encoding.lower() in ("utf-8", "ascii", "ansi_x3.4-1968"):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
        else:
            stream.reconfigure(errors="backslashreplace")


def _warn(message, category, filename, lineno, file=None, line=None) -> None:
    """Print a warning as one line, unless --verbose without the place in the code that it comes from."""
    place = f" ({filename}:{lineno})" if is_verbose() else ""
    print(f"Warning: {one_line(str(message))}{place}", file=sys.stderr)


if __name__ == "__main__":
    main()
