import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

from cervix_tf.data.flags import with_flag
from cervix_tf.errors import UserError
from cervix_tf.quality import changes, drop_flagged, write_audit_report


@pytest.fixture
def page(audited, tmp_path):
    def write(manifest=audited, **options) -> str:
        return write_audit_report(manifest, tmp_path / "out/audit.html", **options).read_text()

    return write


def section(page: str, flag: str) -> str:
    found = re.search(rf"<h2 id=\"finding-\d+\">{flag}: .*?</section>", page, re.DOTALL)
    assert found, flag
    return found[0]


def names(part: str) -> list[str]:
    return re.findall(r"<b>(\d+\.jpg)</b>", part)


def test_one_file_with_counts_and_table_1(page):
    text = page()
    assert not re.findall(r'(?:src|href)="(?!data:image/jpeg;base64,|#)', text), (
        "needs no other file"
    )
    for flag, count in {"blurred": 2, "leak": 2, "near-duplicate": 6, "zero bytes": 1}.items():
        row = rf'<a href="#finding-\d+">{flag}</a></td><td>{count}</td>'
        assert re.search(row, text), flag
    for target in re.findall(r'href="#([^"]+)"', text):
        assert f'id="{target}"' in text
    assert "33.3%" in text, "Table 1"
    assert "9 of them are flagged" in text


def test_sets_stand_side_by_side_with_their_labels_and_sources(page):
    text = page()
    conflict = section(text, "label conflict")
    assert names(conflict) == ["2.jpg", "3.jpg"]
    assert "2 photographs: 1 Type_1, 1 Type_2; 2 train" in conflict
    assert "cluster c2<" in conflict
    leak = section(text, "leak")
    assert names(leak) == ["4.jpg", "5.jpg"]
    assert "1 Type_3; 1 train, 1 test" in leak
    assert names(section(text, "exact duplicate")) == ["0.jpg", "1.jpg"]
    assert text.index("label conflict: 2") < text.index("leak: 2") < text.index("blurred: 2")


def test_sheets_begin_with_the_worst_and_name_what_cannot_be_shown(page):
    text = page()
    blurred = section(text, "blurred")
    assert names(blurred) == ["8.jpg", "7.jpg"]
    assert "sharpness 4" in blurred
    empty = section(text, "zero bytes")
    assert "cannot be shown" in empty
    assert "<img" not in empty


def test_caps_keep_it_small_and_say_how_many_more_there_are(page, audited, photograph, tmp_path):
    many = pd.concat(
        [
            audited[9:].assign(
                path=str(photograph(tmp_path / f"many/{k}.jpg", k)), image=f"{k}.jpg"
            )
            for k in range(30)
        ],
        ignore_index=True,
    )
    many = with_flag(many, np.ones(30, bool), "outlier")
    part = section(page(many, most=7), "outlier")
    assert len(names(part)) == 7
    assert "and 23 more photographs in the CSV" in part
    one = many.assign(cluster="big", flags="near-duplicate")
    one.loc[29, "label"] = "Type_1"
    part = section(page(one), "near-duplicate")
    assert len(names(part)) == 6
    assert "and 24 more in the CSV" in part
    assert "29.jpg" in names(part), "the label that the others have not is shown"


def test_doubted_labels_stand_by_rank_beside_the_nearest_of_each_class(page, audited):
    doubtful = with_flag(audited, audited.index.isin([4, 7, 9]), "label error")
    doubtful["label_quality"] = pd.Series({4: 0.2, 7: 0.05, 9: 0.1})
    doubtful["guess"], doubtful["guess_probability"] = "Type_1", 0.75
    path = audited["path"]
    rows = [(7, "Type_1", 2, 0.1), (7, "Type_3", 8, 0.5), (9, "Type_2", 3, 0.25)]
    nearest = pd.DataFrame([(path[a], k, path[b], d) for a, k, b, d in rows],
                           columns=["path", "label", "nearest", "distance"])  # fmt: skip
    part = section(page(doubtful, neighbours=nearest, most=2), "label error")
    assert names(part) == ["7.jpg", "2.jpg", "8.jpg", "9.jpg", "3.jpg"]
    assert "1. Label Type_2, probability 0.05; guess Type_1, probability 0.75" in part
    assert "2. Label Type_3, probability 0.1;" in part
    assert "(distance 0.50)" in part
    assert "and 1 more photographs in the CSV" in part
    assert "references.npz" not in part
    alone = section(page(doubtful), "label error")
    assert names(alone) == ["7.jpg", "9.jpg", "4.jpg"]
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


def test_hostile_names_are_shown_not_run(page, audited):
    audited["flags"] = audited["flags"].replace("blurred", "<script>alert(1)</script>")
    assert "<script>" not in page()


def test_nothing_found_and_no_audit(page, audited):
    assert "Nothing was found" in page(audited.assign(flags=None))
    with pytest.raises(UserError, match="no column 'flags'"):
        page(audited.drop(columns="flags"))


def test_figures_on_phantoms_say_so(page, audited):
    assert "phantoms (drawn photographs)" in page(audited.assign(phantom=True))
