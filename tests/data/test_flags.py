import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cervix_tf.data import FLAGS, flag_counts
from cervix_tf.data.flags import (
    CLEANVISION,
    GIVEN_BY,
    flag_words,
    flags_of,
    has_flag,
    reflag,
    with_flag,
)
from cervix_tf.data.kaggle.labels import FAULTS
from cervix_tf.quality import drop_flagged, write_audit_report
from cervix_tf.quality.appearance import MEASURES, appearance_flags
from cervix_tf.quality.file_faults import fault

words = st.lists(st.sampled_from(["blurred", "dark", "leak", "label error", "own word"]))


@settings(deadline=None)
@given(st.lists(words, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_flag_is_added_once_and_the_others_stay(flags, chance):
    manifest = pd.DataFrame({"flags": ["; ".join(each) or None for each in flags]}).assign(path="a")
    rows = [chance.random() < 0.5 for _ in flags]
    done = with_flag(manifest, rows, "dark")
    for before, after, chosen in zip(flags, flags_of(done), rows, strict=True):
        known = {*before, *(["dark"] if chosen else [])}
        own = ["own word"] if "own word" in known else []
        assert after == [flag for flag in FLAGS if flag in known] + own
    assert has_flag(done, "dark").tolist() == [
        chosen or "dark" in each for chosen, each in zip(rows, flags, strict=True)
    ]
    counts = flag_counts(done).set_index("flag")["photographs"]
    assert counts.sum() == sum(len(flag_words(value)) for value in done["flags"])


def test_a_verb_replaces_its_own_flags():
    manifest = pd.DataFrame({"flags": ["my word; no cervix found; dark", None, "unreadable"]})
    done = reflag(manifest, GIVEN_BY["segment"], [[], ["cervix not located"], []])
    assert done["flags"].tolist() == ["dark; my word", "cervix not located", "unreadable"]
    assert reflag(pd.DataFrame({"path": ["a.jpg"]}), [], [[]])["flags"].tolist() == [None]


def test_without_the_column_nothing_is_flagged():
    assert has_flag(pd.DataFrame({"path": ["a.jpg"]}), "leak", "dark").tolist() == [False]


def test_one_of_several_flags_and_whole_words_count():
    manifest = pd.DataFrame({"flags": ["no cervix found", "dark;no cervix", None]})
    assert has_flag(manifest, "no cervix", "leak").tolist() == [False, True, False]


def test_counts_in_the_order_of_the_flags_with_what_they_mean(audited):
    table = flag_counts(with_flag(audited, audited["image"] == "9.jpg", "instrument"))
    counted = dict(zip(table["flag"], table["photographs"], strict=True))
    assert counted["near-duplicate"] == 6
    assert counted["blurred"] == 2
    assert list(counted) == [f for f in [*FLAGS, "instrument"] if f in counted]
    assert table["explanation"].tolist()[-1] == ""
    assert (table["explanation"][:-1].str.len() > 10).all()


@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag_is_explained_given_by_a_verb_and_dropped(audited, flag):
    assert any(flag in flags for flags in GIVEN_BY.values())
    flagged = audited.assign(flags=[flag] * 4 + [None] * 6)  # of two clusters, three contents
    assert flag_counts(flagged)["explanation"].tolist() == [FLAGS[flag]]
    assert FLAGS[flag].endswith(".")
    stay = {"exact duplicate": 3, "near-duplicate": 2}.get(flag, 0)
    assert len(drop_flagged(flagged, [flag])) == 6 + stay


def test_the_page_of_an_audit_explains_every_flag(audited, tmp_path):
    flags = list(FLAGS)
    audited["flags"] = ["; ".join(flags[k :: len(audited)]) for k in range(len(audited))]
    page = write_audit_report(audited, tmp_path / "audit.html").read_text()
    for meaning in FLAGS.values():
        assert meaning.replace("'", "&#39;") in page


def test_what_verbs_give_is_in_the_vocabulary(tmp_path):
    faults = {
        fault(tmp_path / "a.jpg", data, reason)
        for data, reason in (
            (None, "gone"),
            (b"", "empty"),
            (b"<html>", "not a picture"),
            (b"\xff\xd8\xff", "truncated"),
            (b"\xff\xd8\xff\xff\xd9", "damaged"),
        )
    }
    assert len(faults) == 4
    assert faults | set(appearance_flags(np.zeros((1, len(MEASURES))))) < set(GIVEN_BY["audit"])
    assert set(FAULTS) < set(GIVEN_BY["read_kaggle"])
    assert {flag for flags in GIVEN_BY.values() for flag in flags} == set(FLAGS)


def test_cleanvisions_findings_are_explained():
    cleanvision = pytest.importorskip("cleanvision")
    names = cleanvision.Imagelab.list_default_issue_types()
    assert {CLEANVISION + name for name in names} <= set(GIVEN_BY["audit --cleanvision"])
