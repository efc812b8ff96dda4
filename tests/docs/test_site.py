"""The site is built without a warning, asks nothing of other hosts, and shows the whole interface.

Zensical names links and anchors that lead nowhere; pictures, and pages that the menu lacks, are
looked for here.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cervix_tf as cx

ROOT = Path(__file__).parents[2]
ROOMS = sorted(path.parent.name for path in ROOT.glob("cervix_tf/*/__init__.py"))
ROOMS.remove("commands")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "mkdocs.yml", place)
    for folder in ("docs", "cervix_tf"):
        shutil.copytree(ROOT / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=place,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "build/site"


def test_the_menu_has_every_page():
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    menu = re.findall(r"\S+\.md$", settings, re.M)
    pages = [str(path.relative_to(ROOT / "docs")) for path in ROOT.glob("docs/**/*.md")]
    assert sorted(menu) == sorted(pages)


@pytest.mark.slow
def test_every_page_is_there_and_nothing_is_fetched(site):
    pages = sorted(path.relative_to(ROOT / "docs") for path in ROOT.glob("docs/**/*.md"))
    assert len(pages) > 20
    for page in pages:
        html = (site / page.with_suffix(".html")).read_text(encoding="utf-8")
        assert not re.findall(
            r"""<(?:script|link|img|iframe)[^>]+(?:src|href)="?(?:https?:)?//""", html
        )
        for picture in re.findall(r"""<img[^>]+src="([^":]+)\"""", html):
            assert (site / page.parent / picture).is_file(), f"{page}: {picture}"
    for sheet in site.glob("**/*.css"):
        assert not re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet.read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_the_interface_is_shown_with_its_examples(site, room):
    module = getattr(cx, room)
    page = (ROOT / f"docs/api/{room}.md").read_text(encoding="utf-8")
    shown = re.findall(r"^::: cervix_tf\.(\S+)\.(\w+)$", page, re.M)
    assert sorted(name for _, name in shown) == sorted(module.__all__)
    html = (site / f"api/{room}.html").read_text(encoding="utf-8")
    for place, name in shown:
        assert f'id="cervix_tf.{place}.{name}"' in html
    assert "Example:" not in html, "an example that was not read as one"
    assert page.split("\n\n::: ")[0].split("\n", 2)[2].strip() == module.__doc__.strip()
