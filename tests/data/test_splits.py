import warnings

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cervix_tf.data import folds, split
from cervix_tf.data.manifests import validated
from cervix_tf.data.splits import check_split
from cervix_tf.errors import UserError


def manifest(groups: list[tuple[str, int]]) -> pd.DataFrame:
    """One row a photograph from (label, photographs) of each group."""
    rows = [
        {"path": f"{g}-{k}.jpg", "image": f"{g}-{k}.jpg", "label": label, "group": f"g{g}"}
        for g, (label, count) in enumerate(groups)
        for k in range(count)
    ]
    return validated(pd.DataFrame(rows).assign(source="train"), existing=False)


some_groups = st.lists(
    st.tuples(st.sampled_from(["Type_1", "Type_2", "Type_3"]), st.integers(1, 4)),
    min_size=30,
    max_size=80,
).filter(lambda gs: all(sum(label == f"Type_{k}" for label, _ in gs) >= 5 for k in (1, 2, 3)))


@settings(deadline=None, max_examples=10)
@given(some_groups, st.integers(0, 5), st.randoms(use_true_random=False))
def test_no_group_is_parted_and_the_order_of_rows_does_not_matter(groups, seed, shuffle):
    table = manifest(groups)
    done = split(table, 0.2, seed)
    check_split(done)
    assert set(done["split"]) == {"train", "validation"}
    order = list(range(len(table)))
    shuffle.shuffle(order)
    again = split(table.iloc[order], 0.2, seed)
    assert again["split"].reindex(done.index).equals(done["split"])


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_share_and_stratification(share):
    table = manifest([("Type_1", 1)] * 100 + [("Type_2", 2)] * 150 + [("Type_3", 1)] * 200)
    done = split(table, share, seed=1)
    for _, part in done.groupby("label"):
        assert (part["split"] == "validation").mean() == pytest.approx(share, abs=0.02)


def test_seed_decides():
    table = manifest([("a", 1)] * 40 + [("b", 1)] * 40)
    assert split(table, seed=1)["split"].equals(split(table, seed=1)["split"])
    assert not split(table, seed=1)["split"].equals(split(table, seed=2)["split"])


def test_test_photographs_stay():
    table = manifest([("a", 1)] * 20 + [("b", 1)] * 20 + [(None, 3)])
    table.loc[0, "split"] = "test"
    done = split(table)
    assert done["split"].tolist()[0] == "test"
    assert (done.loc[done["label"].isna(), "split"] == "test").all()


def test_faults():
    with pytest.raises(UserError, match="Class b: all its photographs belong to one group"):
        split(manifest([("a", 1)] * 20 + [("b", 9)]))
    with pytest.raises(UserError, match=r"validation=0\.9"):
        split(manifest([("a", 1)] * 20), validation=0.9)
    parted = manifest([("a", 2), ("b", 2)]).assign(split=["train", "validation"] * 2)
    with pytest.raises(UserError, match="parts 2 groups, such as 'g0'"):
        check_split(parted)
    with pytest.raises(UserError, match="no labelled photograph whose split is 'validation'"):
        check_split(manifest([("a", 2), ("b", 2)]).assign(split="train"))


@pytest.mark.parametrize("side", ["validation", "test"])
def test_a_class_that_is_not_trained_on_is_refused(side):
    table = manifest([("a", 1)] * 4 + [("b", 1)] * 2)
    table["split"] = ["train", "train", "validation", "validation", side, side]
    with pytest.raises(
        UserError, match=f"Class b: no photograph of it trains, all are in '{side}'"
    ):
        check_split(table)
    if side == "test":
        with pytest.raises(UserError, match="Class b: no photograph of it trains"):
            split(table.assign(split=table["split"].where(table["split"] == "test")))


def test_patients_of_annocerv_stay_together(shared):
    from cervix_tf.data import read_manifest

    done = split(read_manifest(shared / "data/annocerv/metadata.csv"))
    check_split(done)
    assert (done["split"] == "validation").mean() == pytest.approx(0.1, abs=0.02)


def test_a_small_set_has_every_class_on_both_sides_and_says_that_the_share_differs():
    table = manifest([("a", 2), ("a", 1), ("b", 3), ("b", 1), ("c", 1), ("c", 2)])
    with pytest.warns(UserWarning, match="validate, not 10 %"):
        done = split(table)
    assert done.groupby(["label", "split"]).size().unstack().notna().all(axis=None)
    check_split(done)


@settings(deadline=None, max_examples=10)
@given(
    some_groups, st.integers(2, 5), st.integers(0, 5), st.randoms(use_true_random=False), st.data()
)
def test_folds_part_no_group_and_validate_every_photograph_once(
    groups, number, seed, shuffle, data
):
    table = manifest([*groups, (None, 2)])
    labelled = table["label"].notna()
    held = data.draw(st.integers(0, len(groups) - 1))
    table.loc[table["group"] == f"g{held}", "split"] = "test"
    inside = labelled & (table["split"] != "test")
    done = folds(table, number, seed)
    assert len(done) == number
    times = sum((each["split"] == "validation").astype(int) for each in done)
    assert times.equals(inside.astype(int))
    for each in done:
        assert each[labelled].groupby("group")["split"].nunique().max() == 1
        assert (each.loc[~inside, "split"] == "test").all()
        assert set(each.loc[inside, "split"]) == {"train", "validation"}
        assert each.drop(columns="split").equals(table.drop(columns="split"))
    order = list(range(len(table)))
    shuffle.shuffle(order)
    for each, again in zip(done, folds(table.iloc[order], number, seed), strict=True):
        assert again["split"].reindex(each.index).equals(each["split"])


def test_folds_are_stratified_and_seeded():
    table = manifest([("Type_1", 1)] * 50 + [("Type_2", 2)] * 75 + [("Type_3", 1)] * 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = folds(table, 5, seed=1)
    for each in done:
        counts = each[each["split"] == "validation"]["label"].value_counts()
        assert counts.to_dict() == pytest.approx({"Type_1": 10, "Type_2": 30, "Type_3": 20}, abs=2)
    splits = [[each["split"].tolist() for each in folds(table, 5, seed)] for seed in (1, 1, 2)]
    assert splits[0] == splits[1] != splits[2]


def test_folds_faults():
    table = manifest([("a", 1)] * 4 + [("b", 1)] * 4)
    for number in (1, 9, 2.5, "2"):
        with pytest.raises(UserError, match=f"^{number!r} folds cannot be made: give 2 to 8,"):
            folds(table, number)
    for share in (0, 0.6, "0.1"):
        with pytest.raises(UserError, match=f"^validation={share!r}: give a share"):
            split(table, share)
    with pytest.raises(UserError, match="Class b: all its photographs belong to one group"):
        folds(manifest([("a", 1)] * 4 + [("b", 4)]), 2)


def test_class_shares_far_from_the_whole_are_warned_of_with_figures():
    table = manifest([("a", 6), ("a", 4), ("b", 4), ("b", 6)])
    table["split"] = table["group"].map(
        {"g0": "train", "g1": "validation", "g2": "train", "g3": "validation"}
    )
    with pytest.warns(UserWarning, match="train: a is 60 %, of all 50 %") as found:
        check_split(table)
    assert len(found) == 1
    assert "\n" not in str(found[0].message)
    with pytest.warns(UserWarning, match=r"fold \d, validation: "):
        folds(manifest([("a", 9), ("a", 1), ("b", 1), ("b", 1), ("b", 9)]), 3)


def test_class_shares_of_test_photographs_do_not_count():
    table = manifest([("a", 2), ("b", 2), ("a", 2), ("b", 2), ("a", 30)])
    table["split"] = ["train"] * 4 + ["validation"] * 4 + ["test"] * 30
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_split(table)


def leaking(flags: list[str | None]) -> pd.DataFrame:
    """Two groups a side, and a third of which one photograph trains and two, labelled, are tests."""
    table = manifest([("a", 2), ("b", 2), ("a", 2), ("b", 2), ("a", 1), ("a", 2)])
    table["group"] = table["group"].replace("g5", "g4")
    table["split"] = ["train"] * 4 + ["validation"] * 4 + ["train"] + ["test"] * 2
    table["flags"] = [None] * 8 + flags
    return table


def test_leaks_that_an_audit_found_are_warned_of_with_figures():
    for flags in (["leak"] * 3, ["blurred; leak", "no cervix; leak", None]):
        with pytest.warns(UserWarning, match="1 photographs to train .* with 2 test photographs"):
            check_split(leaking(flags))
    with pytest.raises(UserError, match="parts 1 groups, such as 'g4'"):
        check_split(leaking(["blurred"] * 3))
    table = leaking(["leak"] * 3)
    table.loc[0, ["group", "split"]] = ["g4", "validation"]
    with pytest.raises(UserError, match="parts 1 groups, such as 'g4'"):
        check_split(table)


def test_leaks_into_unlabelled_test_photographs_are_warned_of():
    table = leaking([None] * 3).drop(columns="flags")
    table.loc[9:, "label"] = None
    with pytest.warns(UserWarning, match="1 photographs to train .* with 2 test photographs"):
        check_split(table)


def test_two_tables_put_together_with_repeated_row_numbers():
    first, second = manifest([("Type_1", 1), ("Type_2", 1)] * 20), manifest([("Type_1", 2)] * 20)
    second["path"], second["group"] = "second/" + second["path"], "second " + second["group"]
    both = pd.concat([first, second])
    assert not both.index.is_unique
    right = split(both.reset_index(drop=True), 0.25)
    done = split(both, 0.25)
    assert done["split"].tolist() == right["split"].tolist()
    assert done.index.equals(both.index)
    for each, one in zip(folds(both, 3), folds(both.reset_index(drop=True), 3), strict=True):
        assert each["split"].tolist() == one["split"].tolist()
