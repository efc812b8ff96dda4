import re

import pandas as pd

from cervix_tf.quality.audited import Audited


def test_a_notebook_shows_the_findings(audited):
    audited.loc[7, "image"] = "<7>.jpg"
    html = Audited(audited)._repr_html_()
    assert "<b>10 photographs</b>: 9 flagged, 3 clusters of duplicates" in html
    assert re.search("<td[^>]*>near-duplicate</td><td[^>]*>6</td>", html)
    assert "0.jpg, 1.jpg, 2.jpg …" in html
    assert "&lt;7&gt;.jpg" in html
    assert html.count("<tr>") == html.count("</tr>") == 1 + 7


def test_what_is_selected_is_a_plain_table(audited):
    shown = Audited(audited)
    for table in (shown[shown["flags"].notna()], shown[["image", "flags"]], shown.copy()):
        assert type(table) is pd.DataFrame
    del shown["flags"]
    assert "<table" in shown._repr_html_()


def test_nothing_found(audited):
    html = Audited(audited.assign(flags=None, cluster=None))._repr_html_()
    assert html == "<div><b>10 photographs</b>: 0 flagged, 0 clusters of duplicates</div>"
