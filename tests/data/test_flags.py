import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cervix_tf.data import flag_counts
from cervix_tf.data.flags import explanations, flag_words, has_flag, with_flag

words = st.lists(st.sampled_from(["blurred", "dark", "leak", "label error", "own word"]))


@settings(deadline=None)
@given(st.lists(words, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_flag_is_added_once_and_the_others_stay(flags, chance):
    manifest = pd.DataFrame({"flags": ["; ".join(dict.fromkeys(each)) or None for each in flags]})
    rows = [chance.random() < 0.5 for _ in flags]
    done = with_flag(manifest, rows, "dark")
    for before, after, chosen in zip(manifest["flags"], done["flags"], rows, strict=True):
        assert flag_words(after)[: len(flag_words(before))] == flag_words(before)
        assert flag_words(after).count("dark") == int(chosen or "dark" in flag_words(before))
    assert has_flag(done, "dark").tolist() == [
        chosen or "dark" in each for chosen, each in zip(rows, flags, strict=True)
    ]
    counts = flag_counts(done).set_index("flag")["photographs"]
    assert counts.sum() == sum(len(flag_words(value)) for value in done["flags"])


def test_counts_in_the_order_of_the_flags_with_what_they_mean(audited):
    table = flag_counts(with_flag(audited, audited["image"] == "9.jpg", "instrument"))
    counted = dict(zip(table["flag"], table["photographs"], strict=True))
    assert counted["near-duplicate"] == 6
    assert counted["blurred"] == 2
    assert list(counted) == [f for f in [*explanations(), "instrument"] if f in counted]
    assert table["explanation"].tolist()[-1] == ""
    assert (table["explanation"][:-1].str.len() > 10).all()


@pytest.mark.parametrize("flag", ["label error", "cleanvision: dark"])
def test_what_other_tools_add_is_explained_too(flag):
    assert flag in explanations()
    assert flag_counts(pd.DataFrame({"flags": [flag]})).loc[0, "explanation"]
