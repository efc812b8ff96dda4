import json
import re
import shutil
import socket
import sys
import tempfile
import time
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from cervix_tf import cli
from cervix_tf.data import read_manifest
from cervix_tf.inference import predict
from tests.planted.forks import forked

WAIT = 120_000  # milliseconds, for a busy machine


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    return tmp_path_factory.mktemp("temporary")


def serve(*words):
    """The command line, in a process of its own."""
    tempfile.tempdir = None  # asked of the environment again
    sys.argv = ["cervix-tf", "demo", *map(str, words)]
    cli.main()


@pytest.fixture(scope="module")
def served(finished, temporary, tmp_path_factory):
    """The command at work, its temporary files in `temporary`: the address."""
    port, said = free_port(), tmp_path_factory.mktemp("served") / "said"
    out, err = (said.with_name(f"said.{ending}") for ending in ("out", "err"))
    given = {"said": said, "TMPDIR": str(temporary)}
    process = forked(serve, finished.folder, "--port", port, **given)
    try:
        while not (out.is_file() and (line := out.read_text()).endswith("\n")):
            assert process.is_alive(), err.read_text()
            time.sleep(0.02)
        assert line == f"http://127.0.0.1:{port}/ (Ctrl+C ends it)\n"
        yield line.split()[0]
        process.terminate()  # SIGINT is ignored by what runs in the background
        process.join()
        assert (process.exitcode, out.read_text()) == (0, line)
        assert "Traceback" not in err.read_text()
        assert not list(temporary.iterdir()), "nothing is left behind"
    finally:
        process.kill()


def all_pictures(page) -> None:
    """Wait for what is answered about photographs, until every picture of it is loaded."""
    page.wait_for_selector("article")
    page.wait_for_function(
        "[...document.querySelectorAll('article img')].every((p) => p.complete && p.naturalWidth)"
    )


@pytest.mark.slow
def test_photographs_dropped_on_the_page(browser, served, temporary, finished, phantoms, tmp_path):
    files = [
        shutil.copy(phantoms / "test/0.jpg", tmp_path / "first one.jpg"),
        shutil.copy(phantoms / "test/1.jpg", tmp_path / "sécond.jpg"),
        tmp_path / "broken.jpg",
    ]
    files[2].write_bytes(files[0].read_bytes()[:1500])
    hosts = set()
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("request", lambda request: hosts.add(urlsplit(request.url)))
        page.goto(served)
        page.set_input_files("#photographs input[type=file]", files)
        all_pictures(page)

        assert page.is_visible("text=Not a medical device")
        assert page.is_visible("text=phantoms (drawn photographs)")
        assert page.is_visible(f"text={finished.metrics['log_loss']:.4f}")
        assert page.inner_text("[role=alert]") == (
            "broken.jpg cannot be read: truncated JPEG. Read are JPEG, PNG, BMP, WebP, TIFF, AVIF, "
            "HEIC (extra heif), DICOM (extra dicom)."
        )
        table = predict(finished, read_manifest(phantoms / "test", labelled=False))
        shares = table.set_index("image").loc[["0.jpg", "1.jpg"], finished.class_names]
        expected = [
            [f"{name} {100 * share:.1f} %" for name, share in row.items()]
            for _, row in shares.iterrows()
        ]
        articles = page.query_selector_all("article")
        assert [a.query_selector("h2").inner_text() for a in articles] == [
            "first one.jpg",
            "sécond.jpg",
        ]
        shown = [
            [" ".join(row.inner_text().split()) for row in article.query_selector_all("tr")]
            for article in articles
        ]
        assert shown == expected
        for article in articles:
            pictures = article.query_selector_all("img")
            sizes = [p.evaluate("p => [p.naturalWidth, p.naturalHeight]") for p in pictures]
            assert sizes[1:] == [[finished.image_size] * 2] * 2
            assert min(sizes[0]) > 0
            assert all(picture.is_visible() for picture in pictures)

        # The field is empty again and takes others, which replace these.
        page.set_input_files("#photographs input[type=file]", files[2])
        page.wait_for_selector("article", state="detached")
        page.wait_for_selector("text=broken.jpg")
    assert {address.hostname for address in hosts if address.scheme not in ("data", "blob")} == {
        "127.0.0.1"
    }
    kept = [path for path in temporary.rglob("*") if path.is_file()]
    assert not [path for path in kept if path.stat().st_size], "uploads are deleted at once"


@pytest.mark.slow
def test_the_page_fits_a_telephone(browser, served, phantoms):
    with browser.new_context(viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.goto(served)
        page.set_input_files("#photographs input[type=file]", phantoms / "test/0.jpg")
        all_pictures(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        lefts = [p.bounding_box()["x"] for p in page.query_selector_all("article img")]
        assert len(set(map(round, lefts))) == 2, "two pictures beside each other"


def upload(address: str, path, **headers: str) -> tuple[int, str]:
    """Status and answer of an upload."""
    boundary = "limit"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{path.name}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode() + path.read_bytes()
    request = Request(
        f"{address}gradio_api/upload",
        body + f"\r\n--{boundary}--\r\n".encode(),
        {"Content-Type": f"multipart/form-data; boundary={boundary}", **headers},
    )
    try:
        with urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.slow
def test_uploads_are_ones_own_and_bounded_and_of_this_page_alone(served, phantoms, tmp_path):
    photograph = phantoms / "test/0.jpg"
    files = [json.loads(upload(served, photograph)[1])[0] for _ in range(2)]
    assert files[0] != files[1], "the same photograph from two users"
    host = urlsplit(served).netloc
    assert upload(served, photograph, Origin=f"http://{host}")[0] == 200
    assert upload(served, photograph, Origin="http://evil.example")[0] == 403
    assert upload(served, photograph, Origin="null")[0] == 403
    assert upload(served, photograph, Host="evil.example")[0] == 400
    large = tmp_path / "large.jpg"
    large.write_bytes(photograph.read_bytes() + bytes(2**26))
    assert upload(served, large)[0] == 413


@pytest.mark.slow
def test_mistakes(mistake, finished, tmp_path, monkeypatch):
    port = free_port()
    for name in ("GRADIO_ANALYTICS_ENABLED", "GRADIO_TEMP_DIR"):
        monkeypatch.setenv(name, "")  # to be as they were when the test has ended
    assert "not a run" in mistake("demo", tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        message = mistake("demo", finished.folder, "--port", port)
    assert re.search(rf"Port {port} is taken.*--port", message)
    assert "needs no localiser" in mistake("demo", finished.folder, "--localizer", "x.keras")
