import json
import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

from cervix_tf.data.flags import with_flag
from cervix_tf.errors import UserError
from cervix_tf.quality import (
    apply_decisions,
    changes,
    drop_flagged,
    read_decisions,
    write_audit_report,
    write_decisions,
)

WAIT = 60_000  # milliseconds, on a busy machine


@pytest.fixture
def page(audited, tmp_path):
    def write(manifest=audited, **options) -> str:
        return write_audit_report(manifest, tmp_path / "out/audit.html", **options).read_text()

    return write


def held(page: str) -> dict:
    """What the page holds for its program."""
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert block
    return json.loads(block[1])


def shown(page: str, flag: str) -> list[dict]:
    """The groups of a finding, the photographs of each in place of their numbers."""
    data = held(page)
    (found,) = (one for one in data["findings"] if one["flag"] == flag)
    return [
        {**group, "cards": [{**data["photographs"][k], "measure": m} for k, m in group["cards"]]}
        for group in found["groups"]
    ]


def names(groups: list[dict]) -> list[str]:
    return [card["name"] for group in groups for card in group["cards"]]


def test_one_file_with_counts_and_table_1(page):
    text = page()
    assert not re.findall(r'(?:src|href)="(?!#)', text), "needs no other file"
    for flag, count in {"blurred": 2, "leak": 2, "near-duplicate": 6, "zero bytes": 1}.items():
        row = rf'<a href="#finding-\d+">{flag}</a></td><td>{count}</td>'
        assert re.search(row, text), flag
    for target in re.findall(r'href="#([^"]+)"', text):
        assert f'id="{target}"' in text
    assert "33.3%" in text, "Table 1"
    assert "9 of them are flagged" in text


def test_sets_stand_side_by_side_with_their_labels_and_sources(page):
    text = page()
    (conflict,) = shown(text, "label conflict")
    assert names([conflict]) == ["2.jpg", "3.jpg"]
    assert conflict["head"] == "2 photographs: 1 Type_1, 1 Type_2; 2 train"
    assert conflict["small"] == "cluster c2"
    (leak,) = shown(text, "leak")
    assert names([leak]) == ["4.jpg", "5.jpg"]
    assert leak["head"].endswith("1 Type_3; 1 train, 1 test")
    assert names(shown(text, "exact duplicate")) == ["0.jpg", "1.jpg"]
    order = [one["flag"] for one in held(text)["findings"]]
    assert order.index("label conflict") < order.index("leak") < order.index("blurred")
    assert re.findall(r"<h2 id=\S+>([a-z -]+): ", text) == order, (
        "the program fills them in by number"
    )


def test_sheets_begin_with_the_worst_and_pictures_are_missing_where_none_can_be_read(page):
    text = page()
    (blurred,) = shown(text, "blurred")
    assert names([blurred]) == ["8.jpg", "7.jpg"]
    assert blurred["cards"][0]["measure"] == "sharpness 4"
    assert blurred["cards"][0]["picture"].startswith("data:image/jpeg;base64,")
    (empty,) = shown(text, "zero bytes")
    assert empty["cards"][0]["picture"] is None


def test_caps_keep_it_small_and_say_how_many_more_there_are(page, audited, photograph, tmp_path):
    many = pd.concat(
        [
            audited[9:].assign(
                path=str(photograph(tmp_path / f"many/{k}.jpg", k)), image=f"{k}.jpg"
            )
            for k in range(60)
        ],
        ignore_index=True,
    )
    many = with_flag(many, np.ones(60, bool), "outlier")
    text = page(many, most=7)
    assert len(names(shown(text, "outlier"))) == 7
    assert "and 53 more photographs in the CSV" in text
    assert sum("line" in one for one in held(text)["photographs"]) == 60, "all are saved"
    one = many.assign(cluster="big", flags="near-duplicate")
    one.loc[59, "label"] = "Type_1"
    (group,) = shown(page(one), "near-duplicate")
    assert (len(group["cards"]), group["more"]) == (50, 10)
    assert "59.jpg" in names([group]), "the label that the others have not is shown"


def test_doubted_labels_stand_by_rank_beside_the_nearest_of_each_class(page, audited):
    doubtful = with_flag(audited, audited.index.isin([4, 7, 9]), "label error")
    doubtful["label_quality"] = pd.Series({4: 0.2, 7: 0.05, 9: 0.1})
    doubtful["guess"], doubtful["guess_probability"] = "Type_1", 0.75
    path = audited["path"]
    rows = [(7, "Type_1", 2, 0.1), (7, "Type_3", 8, 0.5), (9, "Type_2", 3, 0.25)]
    nearest = pd.DataFrame([(path[a], k, path[b], d) for a, k, b, d in rows],
                           columns=["path", "label", "nearest", "distance"])  # fmt: skip
    text = page(doubtful, neighbours=nearest, most=2)
    first, second = shown(text, "label error")
    assert names([first, second]) == ["7.jpg", "2.jpg", "8.jpg", "9.jpg", "3.jpg"]
    assert first["head"] == "1. Label Type_2, probability 0.05; guess Type_1, probability 0.75"
    assert second["head"].startswith("2. Label Type_3, probability 0.1;")
    assert first["cards"][2]["measure"] == "distance 0.50"
    assert "and 1 more photographs in the CSV" in text
    assert "references.npz" not in text
    alone = page(doubtful)
    assert names(shown(alone, "label error")) == ["7.jpg", "9.jpg", "4.jpg"]
    assert "references.npz" in alone


def test_what_was_dropped_and_the_commands_that_hand_the_csv_back(page, audited):
    left = drop_flagged(audited, ["zero bytes"])
    text = unescape(page(dropped=changes(left), command="cervix-tf audit --data 'my data'"))
    assert "1 dropped (flag zero bytes)" in text
    assert re.search(r"6\.jpg</td>.*flag zero bytes", text, re.DOTALL)
    assert re.search(
        r"cervix-tf audit --data 'my data' --out \S+/out --decisions \S+/out/audit.csv", text
    )
    assert re.search(r"cervix-tf crossfit .* --data \S+/out/manifest.csv", text)
    assert "Dropped and relabelled" not in page()
    assert "nan" not in re.sub(r"data:[^\"]*", "", text).lower().replace("nand", "")


def test_what_is_kept_in_a_browser_is_of_one_audit(page, audited):
    key = held(page())["key"]
    assert held(page(command="cervix-tf audit --data other"))["key"] == key
    decided = pd.DataFrame({"decision": ["drop"], "new_label": [None], "row": [2]})
    decided.index = audited["path"][:1]
    assert held(page(decided=decided))["key"] != key
    assert held(page(audited.assign(sha256="f" * 64)))["key"] != key
    audited.loc[7, "flags"] = "dark"
    assert held(page(audited))["key"] != key


def test_nothing_found_and_no_audit(page, audited):
    assert "Nothing was found" in page(audited.assign(flags=None))
    with pytest.raises(UserError, match="no column 'flags'"):
        page(audited.drop(columns="flags"))


def test_figures_on_phantoms_say_so(page, audited):
    assert "phantoms (drawn photographs)" in page(audited.assign(phantom=True))


# In a browser ----------------------------------------------------------------------------------------

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture
def hostile(audited, photograph, tmp_path):
    """The audit with a file, a label, a source and a flag that would be run if they were taken for HTML.

    And with a name that a spreadsheet would run and a CSV has to quote.
    """
    name = '=1+1, <b>"x" & <!--{{ 7 * 7 }}.jpg'
    audited.loc[7, "image"], audited.loc[7, "path"] = name, str(photograph(tmp_path / name, 7))
    audited.loc[8, "label"] = audited.loc[8, "source"] = HOSTILE
    audited.loc[8, "flags"] = f"dark; {HOSTILE}"
    audited.loc[[1, 9], "label"] = "-2, of 'both'"
    return audited


@pytest.mark.slow
def test_deciding_in_a_browser(browser, hostile, tmp_path):
    """Mouse, keyboard, sets, filters, a reload, saving, loading, a telephone: all with one browser."""
    csv = tmp_path / "audit.csv"
    write_decisions(hostile, csv)
    empty = csv.read_bytes()
    address = write_audit_report(hostile, tmp_path / "audit.html").as_uri()
    from playwright.sync_api import expect

    troubles: list[str] = []

    def opened(**options):
        page = browser.new_context(**options).new_page()
        page.set_default_timeout(WAIT)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on(
            "request", lambda r: r.url[:5] in ("file:", "data:", "blob:") or troubles.append(r.url)
        )
        page.goto(address)
        return page

    def saved(page) -> bytes:
        with page.expect_download() as download:
            page.click("#save")
        assert download.value.suggested_filename == "audit.csv"
        download.value.save_as(csv)
        return csv.read_bytes()

    page = opened()
    says = page.locator("#count").inner_text

    def section(flag: str):
        return page.locator("section", has=page.locator("h2", has_text=f"{flag}: "))

    def near(flag: str):
        section(flag).scroll_into_view_if_needed()  # its groups are made when it is near
        return section(flag)

    def card(flag: str, number: int):
        return near(flag).locator(".card").nth(number)

    def focused() -> str:
        return page.evaluate("document.activeElement.querySelector('.name').textContent")

    assert says() == "0 of 9 decided: 0 kept, 0 dropped, 0 relabelled"
    assert saved(page) == empty, "undecided, it is what Python writes, to the byte"
    # A mouse: each photograph, a second click, a set, another label, one step back.
    card("blurred", 0).get_by_role("button", name="Drop").click()  # 7, the only one now
    assert card("blurred", 0).get_attribute("data-kind") == "drop"
    card("blurred", 0).get_by_role("button", name="Drop").click()
    assert says().startswith("0 of 9")
    near("leak").get_by_role("button", name="Keep all").click()
    assert says() == "2 of 9 decided: 2 kept, 0 dropped, 0 relabelled"
    assert card("near-duplicate", 4).get_attribute("data-kind") == "keep", "wherever it stands"
    card("blurred", 0).locator("select").select_option("-2, of 'both'")
    near("exact duplicate").get_by_role("button", name="Drop all").click()
    page.click("#undo")
    assert says() == "3 of 9 decided: 2 kept, 0 dropped, 1 relabelled"
    # The larger picture.
    card("dark", 0).locator(".picture").click()
    assert HOSTILE in page.locator("dialog").inner_text()
    expect(page.locator("dialog img")).to_have_js_property("naturalWidth", 64, timeout=WAIT)
    page.keyboard.press("d")
    assert "dropped" in says()
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("dialog").is_hidden()
    # Filters.
    page.select_option("#decision", "undecided")
    assert section("leak").is_hidden()
    assert section("label conflict").is_visible()
    page.select_option("#label", "no label")
    assert page.locator("#none").is_visible()
    page.select_option("#decision", "all")
    assert page.locator("section:visible h2").count() == 2, "5 is a leak and a near-duplicate"
    page.select_option("#label", "all")
    page.select_option("#source", HOSTILE)
    # 8 is dark, and has a flag of its own.
    expect(page.locator(".card:visible")).to_have_count(2, timeout=WAIT)
    page.select_option("#source", "all")
    page.fill("#name", "TYPE_2/3.J")
    assert page.locator("section:visible h2").all_inner_texts()[0].startswith("label conflict: 2")
    page.fill("#name", "")
    page.select_option("#flag", "=label conflict")
    expect(page.locator(".card:visible")).to_have_count(2, timeout=WAIT)
    # The keyboard alone, from the filter on.
    page.focus("#undo")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    while not page.evaluate("document.activeElement.matches('.card')"):
        page.keyboard.press("Tab")
    assert focused() == "2.jpg"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("k")
    assert focused() == "3.jpg", "on to the next"
    page.keyboard.press("2")  # the labels in order: -2..., <..., Type_1, so this is the second
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+U")
    assert says() == "4 of 9 decided: 2 kept, 1 dropped, 1 relabelled"
    page.keyboard.press("z")
    assert says() == "6 of 9 decided: 3 kept, 1 dropped, 2 relabelled"

    # Over a reload, to the CSV and the manifest, and into a browser that knows nothing.
    page.reload()
    assert says() == "6 of 9 decided: 3 kept, 1 dropped, 2 relabelled"
    saved(page)
    decided = read_decisions(csv, hostile)
    after = csv.read_bytes()
    csv.write_bytes(empty)
    write_decisions(hostile, csv, decided)
    assert csv.read_bytes() == after, "decided, too"
    place = {path: k for k, path in enumerate(hostile["path"])}
    cells = decided[["decision", "new_label"]].fillna("").itertuples()
    assert {place[path]: words for path, *words in cells} == {
        2: ["keep", ""], 3: ["", HOSTILE], 4: ["keep", ""], 5: ["keep", ""],
        7: ["", "-2, of 'both'"], 8: ["drop", ""],
    }  # fmt: skip
    left = apply_decisions(hostile, csv)
    assert len(left) == 9
    assert left["label"][7] == "-2, of 'both'"
    other = opened(viewport={"width": 320, "height": 640}, color_scheme="dark")
    assert other.locator("#count").inner_text().startswith("0 of 9")
    other.locator("section").last.scroll_into_view_if_needed()
    assert (
        other.evaluate(
            "[...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll, dialog')"
            " && e.getBoundingClientRect().right > 320).map((e) => e.outerHTML.slice(0, 200))"
        )
        == []
    ), "no wider than a telephone"
    pd.read_csv(csv, dtype=str).to_csv(
        csv, sep=";", index=False, encoding="utf-16", lineterminator="\r\n"
    )
    for file, said in (
        ({"name": "a.csv", "mimeType": "text/csv", "buffer": b"path,decision,new_label\nx.jpg,drop,\n"},
         "Nothing was loaded from a.csv: row 2: x.jpg is not among the photographs of this page."),
        (csv, "6 decisions were loaded."),
    ):  # fmt: skip
        other.set_input_files("#file", file)
        other.wait_for_function(
            "said => document.getElementById('note').textContent === said", arg=said
        )
    assert other.locator("#count").inner_text() == says()
    assert saved(other) == after

    # What an earlier audit decided stands there; nothing was run or asked of a host.
    write_audit_report(hostile, tmp_path / "audit.html", decided=decided)
    page.goto("about:blank")
    page.goto(address)
    assert says() == "6 of 9 decided: 3 kept, 1 dropped, 2 relabelled"
    assert troubles == []
    with pytest.raises(Exception, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<b>'")
