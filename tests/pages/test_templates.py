import base64
import hashlib
import re
from pathlib import Path

import pytest

from cervix_tf.data import read_manifest
from cervix_tf.pages import render
from cervix_tf.pages.templates import sealed
from tests.planted.shortcuts import quick_figures


def test_what_is_shown_is_escaped():
    text = render("demo_findings.html", examined=[], unreadable=[("<b>.jpg", "a & b")], most=24)
    assert "<b>&lt;b&gt;.jpg</b> cannot be read: a &amp; b." in text


def test_a_sealed_page_runs_its_own_program_alone():
    page = '<meta name="viewport"><style>p {}</style><p>&lt;meta name="viewport"</p><script>go()</script>'
    whole = sealed(page)
    rules = re.findall(r'Content-Security-Policy" content="(.*?)">', whole)
    assert len(rules) == 1
    digest = base64.b64encode(hashlib.sha256(b"go()").digest()).decode()
    assert f"script-src 'sha256-{digest}';" in rules[0]
    assert "default-src 'none'" in rules[0]
    assert "unsafe" not in rules[0]
    assert "script-src" not in sealed(page.partition("<script>")[0])


@pytest.fixture
def pages(phantoms, audited, finished, tmp_path, monkeypatch):
    """Pages of several rooms, their figures blank."""
    from cervix_tf.evaluation.report import report
    from cervix_tf.exploration import explore
    from cervix_tf.quality import write_audit_report

    quick_figures(monkeypatch)
    explored = explore(read_manifest(phantoms), tmp_path, size=16, cache="memory")
    return [
        explored["files"]["explore.html"],
        write_audit_report(audited, tmp_path / "audit.html"),
        report(finished, tmp_path / "run.html"),
    ]


@pytest.mark.slow
def test_all_pages_are_whole_and_say_what_they_are_not_for(pages):
    for path in pages:
        page = Path(path).read_text(encoding="utf-8")
        assert page.startswith("<!doctype html>")
        assert page.rstrip().endswith("</html>")
        assert page.count("For research. Not a medical device") == 1
        assert re.search("<title>.+</title>", page)
        assert page.count("<style>") == 1
