import re
import shutil
from html.parser import HTMLParser

import pytest

import cervix_tf as cx


class Checker(HTMLParser):
    """Counts tags, and fails where one is closed that is not the last opened."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def parsed():
    def parse(html: str) -> list[str]:
        checker = Checker()
        checker.feed(html)
        assert not checker.open
        return checker.seen

    return parse


def test_a_finished_run_shows_its_figures_and_curves(finished, parsed):
    run = cx.load(finished.folder)
    html = run._repr_html_()
    assert {"table", "img"} <= set(parsed(html))
    loss, prior = run.metrics["log_loss"], run.metrics["prior"]["log_loss"]
    low, high = run.metrics["intervals"]["log_loss"]
    for words in (
        f"{loss:.4f}",
        f"{prior:.4f}",
        f"{low:.4f} to {high:.4f}",
        "phantoms",
        "cervixnet1",
    ):
        assert words in html
    assert f"log loss {loss:.4f}, prior {prior:.4f}" in repr(run)
    assert "\n" not in repr(run)


def test_an_unfinished_run_says_how_to_go_on(finished, tmp_path, parsed):
    folder = tmp_path / "<half>"
    folder.mkdir()
    shutil.copy(finished.path("recipe.yaml"), folder)
    run = cx.load(folder)
    assert "not finished (step 0)" in repr(run)
    shutil.copy(finished.path("history.csv"), folder)
    run = cx.load(folder)
    html = run._repr_html_()
    parsed(html)
    assert "&lt;half&gt;" in html
    assert re.search(r"step 17\): go on with cervix-tf fit --resume", html)
