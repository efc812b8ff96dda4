"""The page of `demo`: photographs are dropped on it, and a run says what it makes of each."""

import importlib.util
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cervix_tf.data.flags import FLAGS, flag_words
from cervix_tf.data.folder_walk import KINDS
from cervix_tf.errors import UserError
from cervix_tf.evaluation.report import wording
from cervix_tf.explanation.attribution import run_saliency
from cervix_tf.explanation.examination import Examined, check_crop, examine
from cervix_tf.inference import photograph_flags, run_probabilities
from cervix_tf.inference.familiarity import has_references
from cervix_tf.pages.figures import class_colour
from cervix_tf.pages.pictures import data_address, thumbnails
from cervix_tf.pages.templates import render
from cervix_tf.runs import Run, load
from cervix_tf.segmentation import Localizer, load_localizer

if TYPE_CHECKING:
    import gradio

HOST = "127.0.0.1"
HOSTS = [HOST, "localhost"]  # other names in a request come from other sites (DNS rebinding)
LARGEST = "64mb"  # of a photograph
MOST = 24  # photographs shown at a time
TITLE = "Transformation-zone type"


def demo(
    run: Run | Path | str,
    port: int = 7860,
    localizer: Path | str | None = None,
    browser: bool = False,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the page on this machine alone, until interrupted or terminated.

    What is uploaded, 64 MB a photograph at most, lies in a temporary folder while it is looked at, and is
    then deleted. Only pages of this server may send requests.

    Args:
        run: A run or its folder.
        port: The port on 127.0.0.1, 1 to 65535.
        localizer: As `examine` takes it.
        browser: Whether to open the page in a browser.
        ready: Called with the page's address once it can be opened.

    Raises:
        UserError: Gradio is missing, the port cannot be used, or as of `demo_page`.

    Example:
        >>> demo("runs/first", ready=print)
    """
    if importlib.util.find_spec("gradio") is None:
        raise UserError("The page needs gradio: pip install 'cervix-tf[demo]'.")
    uploaded = tempfile.TemporaryDirectory(prefix="cervix-tf-demo-", ignore_cleanup_errors=True)
    with _termination() as ended, uploaded as uploads:
        # Gradio reads both when it is imported.
        os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": uploads}
        import gradio
        from starlette.middleware import Middleware
        from starlette.middleware.trustedhost import TrustedHostMiddleware

        _own_folders()
        page = demo_page(run, localizer)
        own_pages = {f"http://{host}:{port}" for host in HOSTS}
        middleware = [
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS),
            Middleware(_OwnPages, origins=own_pages),
        ]
        system = ("system-ui", "sans-serif")  # a theme's own fonts would come from the internet
        mono = ("ui-monospace", "monospace")
        try:
            _, address, _ = page.launch(
                server_name=HOST,
                server_port=port,
                inbrowser=browser,
                prevent_thread_lock=True,
                quiet=True,
                show_error=True,
                theme=gradio.themes.Default(primary_hue="blue", font=system, font_mono=mono),
                css_paths=Path(__file__).parent / "demo_page.css",
                footer_links=[],
                share=False,
                max_file_size=LARGEST,
                app_kwargs={"middleware": middleware},
                run_history=False,  # would keep the photographs in the browser
                enable_monitoring=False,
                mcp_server=False,
                ssr_mode=False,
                pwa=False,
            )
        except OSError as error:
            raise UserError(
                f"Port {port} is taken, or not yours to use: choose another with --port."
            ) from error
        try:
            if ready:
                ready(address)
            ended.wait()
        finally:
            page.close(verbose=False)


@contextmanager
def _termination() -> Iterator[threading.Event]:
    """An event that SIGTERM sets, so that the page ends as by Ctrl-C, also in the background."""
    ended = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield ended  # signals are the main thread's
        return
    former = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        yield ended
    finally:
        signal.signal(signal.SIGTERM, former)


def _own_folders() -> None:
    """Give every upload a folder of its own.

    Gradio's is named by the content: what is deleted for one user would be gone for another.
    """
    from gradio import route_utils

    class Upload(route_utils.GradioUploadFile):
        def __init__(self, *words, **options):
            super().__init__(*words, **options)
            self.sha.update(os.urandom(16))

    route_utils.GradioUploadFile = Upload


class _OwnPages:
    """Middleware that refuses requests which another site's page sends."""

    def __init__(self, app: Callable, origins: set[str]):
        self.app, self.origins = app, origins

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        from starlette.responses import PlainTextResponse

        headers = dict(scope.get("headers", []))
        origin = headers.get(b"origin", b"").decode("latin-1")
        answer = self.app
        if origin and origin not in self.origins:
            answer = PlainTextResponse("Requests of other pages are refused.", status_code=403)
        await answer(scope, receive, send)


def demo_page(
    run: Run | Path | str, localizer: Localizer | Path | str | None = None
) -> "gradio.Blocks":
    """Build the page of a run; its network is loaded and compiled first.

    Args:
        run: A run or its folder.
        localizer: As `examine` takes it.

    Returns:
        The page, to be launched.

    Raises:
        UserError: The run has not ended or the page cannot make its crop, the localiser is none, or
            Grad-CAM cannot explain the network.

    Example:
        >>> demo_page("runs/first").launch(share=False)
    """
    import gradio

    run = load(run)
    check_crop(run, localizer)
    if run.crop == "box" and not isinstance(localizer, Localizer):
        localizer = load_localizer(localizer)
    about = about_run(run)
    nothing = np.zeros((1, run.image_size, run.image_size, 3), np.uint8)
    run_probabilities(run, nothing)
    run_saliency(run, nothing, np.zeros(1, int), "gradcam")
    if has_references(run):
        photograph_flags(run, nothing)

    def look(paths: list[str] | None) -> tuple[None, str]:
        try:
            return None, findings(run, [Path(path) for path in paths or []], localizer)
        finally:
            for path in paths or []:
                Path(path).unlink(missing_ok=True)

    with gradio.Blocks(title=TITLE, analytics_enabled=False) as page:
        gradio.HTML(about)
        files = gradio.File(
            file_count="multiple",
            label="Photographs",
            height=150,
            elem_id="photographs",
        )
        answers = gradio.HTML(elem_id="findings")
        files.upload(
            look, files, [files, answers], show_progress_on=[answers], api_visibility="private"
        )
    return page


def about_run(run: Run) -> str:
    """Say in HTML which network this is, on what it was trained and how good it is.

    Args:
        run: A run with figures.

    Returns:
        The upper part of the page.

    Example:
        >>> about_run(load("runs/first"))[:4]
        '<h1>'
    """
    return render(
        "demo_about.html",
        title=TITLE,
        folder=run.folder,
        metrics=run.metrics,
        log_loss=wording.figure_rows(run.metrics)[0],
        crop=run.crop,
        flags=has_references(run),
    )


def findings(run: Run, paths: list[Path], localizer: Localizer | None = None) -> str:
    """Say in HTML what a run makes of photographs, and which cannot be read.

    Args:
        run: The run.
        paths: Photographs, of which the first 24 are looked at.
        localizer: As `examine` takes it.

    Returns:
        The lower part of the page, its pictures within it.

    Example:
        >>> findings(load("runs/first"), [Path("a.jpg")])
    """
    examined, reasons = examine(run, paths[:MOST], localizer)
    whole = thumbnails([str(one.path) for one in examined], side=480)
    return render(
        "demo_findings.html",
        examined=[_words(run, one, whole[str(one.path)]) for one in examined],
        kinds=", ".join(KINDS),
        unreadable=[(path.name, reason) for path, reason in reasons.items()],
        left_out=max(len(paths) - MOST, 0),
        most=MOST,
    )


def _words(run: Run, one: Examined, whole: str | None) -> dict:
    names = run.class_names
    return {
        "name": one.path.name,
        "predicted": names[int(one.probabilities.argmax())],
        "classes": [
            (name, f"{100 * probability:.1f} %", class_colour(k))
            for k, (name, probability) in enumerate(zip(names, one.probabilities, strict=True))
        ],
        "frame": [f"{100 * part:.2f}%" for part in one.frame],
        "whole": whole,
        "seen": data_address(one.seen),
        "gradcam": data_address(one.gradcam),
        "blank": one.blank,
        "flags": [(flag, FLAGS[flag]) for flag in flag_words(one.flags)],
        "located": one.located,
    }
