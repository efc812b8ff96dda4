"""The verb that serves a page to try a run on."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from cervix_tf.commands.options import Run
from cervix_tf.commands.printing import import_tensorflow


def demo(
    run: Run,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 7860,
    localizer: Annotated[
        Path | None,
        typer.Option(
            help="For a run with crop: box, a localiser that fit_localizer wrote; by default the "
            "package's own."
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve a page on this machine to drop photographs on: probabilities, crop and Grad-CAM of each.

    Example: cervix-tf demo runs/first --open
    """
    from cervix_tf.runs import load

    opened = load(run)
    import_tensorflow()
    from cervix_tf.demo_page import demo as serve

    with contextlib.suppress(KeyboardInterrupt):  # the way to end it
        serve(opened, port, localizer, open_, _print_address)


def _print_address(address: str) -> None:
    print(f"{address} (Ctrl+C ends it)", flush=True)
