import numpy as np
import pandas as pd
import pytest

from cervix_tf.data import read_manifest, write_manifest
from cervix_tf.data.columns import check_numbers, in_own_names, truths
from cervix_tf.data.manifests import is_phantom, read_csv, validated
from cervix_tf.errors import UserError


def listed(folder, photograph, *lines):
    for k in range(len(lines) - 1):
        photograph(folder / f"{k}.jpg", k)
    (folder / "list.csv").write_text("\n".join(lines))
    return folder / "list.csv"


@pytest.mark.parametrize(
    "header",
    [
        "path,label,Patient,Split,Source,Box_X",
        "IMAGE,Label, CASE ,SPLIT,SOURCE,BOX_x",
        "Path,LABEL,Group,split,source,box_x",
    ],
)
def test_headers_are_read_in_letters_of_any_case(tmp_path, photograph, header):
    rows = "0.jpg,x,007,train,here,1.5", "1.jpg,y,007,train,here,2", "2.jpg,x,8,validation,there,3"
    table = read_manifest(listed(tmp_path, photograph, header, *rows))
    assert table["group"].tolist() == ["007", "007", "8"]
    assert table["split"].tolist() == ["train", "train", "validation"]
    assert table["source"].tolist() == ["here", "here", "there"]
    assert table["box_x"].tolist() == [1.5, 2, 3]
    assert len(table.columns) == 7
    given = pd.read_csv(tmp_path / "list.csv", dtype={"Patient": str, " CASE ": str, "Group": str})
    given = given.rename(columns={"IMAGE": "Path"})
    given[given.columns[0]] = [str(tmp_path / name) for name in given.iloc[:, 0]]
    again = validated(given)
    pd.testing.assert_frame_equal(again, table)


def test_other_columns_keep_their_headers(tmp_path, photograph):
    header = "path,label,Type_1,TYPE_1,Fold,Score,Flags"
    path = listed(tmp_path, photograph, header, "0.jpg,x,0.5,1,2,3,blurred", "1.jpg,y,0,0,0,0,")
    table = read_manifest(path)
    assert list(table.columns[6:]) == ["Type_1", "TYPE_1", "Fold", "Score", "flags"]
    assert table["Type_1"].tolist() == [0.5, 0]
    write_manifest(table, tmp_path / "again.csv")
    pd.testing.assert_frame_equal(read_manifest(tmp_path / "again.csv"), table)


@pytest.mark.parametrize("pair", [("group", "patient"), ("Group", "group"), ("case", "Patient")])
def test_columns_that_mean_the_same_agree_or_are_refused(tmp_path, photograph, pair):
    header = f"path,label,{','.join(pair)}"
    path = listed(tmp_path, photograph, header, "0.jpg,x,,7", "1.jpg,y,8,", "2.jpg,y,9,9 ")
    table = read_manifest(path)
    assert table["group"].tolist() == ["7", "8", "9"]
    assert not {*pair} - {"group"} & {*table.columns}
    path.write_text(path.read_text().replace("9,9", "9,10"))
    with pytest.raises(UserError, match=r"list.csv, row 4: .*both mean 'group'.*keep one") as told:
        read_manifest(path)
    assert "\n" not in str(told.value)
    assert all(repr(header) in str(told.value) for header in pair)


def test_what_a_finished_run_used_is_read_as_it_is(tmp_path, photograph):
    """A run of before: its group stays what it trained by, though a column says otherwise."""
    from cervix_tf.data.manifests import read_csv

    rows = "0.jpg,x,train/x/0.jpg,7", "1.jpg,y,train/y/1.jpg,7"
    path = listed(tmp_path, photograph, "path,label,group,Patient", *rows)
    table = read_csv(path, labelled=False, existing=False)
    assert table["group"].tolist() == ["train/x/0.jpg", "train/y/1.jpg"]


@pytest.mark.parametrize("name", ["path", "label", "score"])
def test_two_columns_of_one_name_are_refused(tmp_path, photograph, name):
    path = str(photograph(tmp_path / "0.jpg"))
    table = pd.DataFrame([[path, "x", 1, "y"]], columns=["path", "label", "score", name])
    with pytest.raises(UserError, match=rf"^the manifest has several columns .*: {name}\.$"):
        validated(table)


def test_true_and_false_in_words(tmp_path, photograph):
    words = ["True", "yes", "1", "FALSE", "No", "0", ""]
    rows = [f"{k}.jpg,{'xy'[k % 2]},{word}" for k, word in enumerate(words)]
    table = read_manifest(listed(tmp_path, photograph, "path,label,Phantom", *rows))
    assert table["phantom"].tolist() == [True] * 3 + [False] * 4
    assert not is_phantom(pd.DataFrame({"phantom": ["no", "False", "0", 0, 0.0, None, np.nan]}))
    assert is_phantom(pd.DataFrame({"phantom": ["no", "yes"]}))
    assert truths(pd.DataFrame({"a": [1.0, None]}), "a", "it").tolist() == [True, False]
    path = listed(tmp_path, photograph, "path,label,phantom", "0.jpg,x,no", "1.jpg,y,perhaps")
    with pytest.raises(UserError, match=r"row 3, column 'phantom': 'perhaps' is not one of true"):
        read_manifest(path)


@pytest.mark.parametrize("cell", ["10,5", "nan", "x"])
def test_a_box_that_is_no_number_is_told_by_its_row_and_column(tmp_path, photograph, cell):
    rows = "0.jpg;x;1.5;", "1.jpg;y;;2", f"2.jpg;y;{cell};3"
    path = listed(tmp_path, photograph, "path;label;box_x;Box_Y", *rows)
    said = rf"list.csv, row 4, column 'box_x': '{cell}' is no number: write it with a point"
    with pytest.raises(UserError, match=said):
        read_manifest(path)
    assert len(read_csv(path, existing=False)) == 3  # as a finished run has it
    check_numbers(pd.DataFrame({"a": [1, None, "2.5", np.inf]}), ["a", "b"], "it")


def test_what_is_in_order_is_returned_as_it_is():
    table = pd.DataFrame({"path": ["a"], "group": ["b"], "mine": [1], 7: [2]})
    assert in_own_names(table, "it").equals(table)
