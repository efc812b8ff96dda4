import os
import re
import warnings

import pandas as pd
import pytest

from cervix_tf.data import class_names, read_manifest
from cervix_tf.data.manifests import validated
from cervix_tf.data.names import natural
from cervix_tf.errors import UserError


def test_numbers_in_names_are_numbers_and_other_digits_are_letters():
    names = ["10.jpg", "2.jpg", "3²4.jpg", "①", "01.jpg", "1.jpg"]
    assert sorted(names, key=natural)[:4] == ["01.jpg", "1.jpg", "2.jpg", "3²4.jpg"]
    assert sorted(names, key=natural) == sorted(reversed(names), key=natural)


def test_one_class_and_one_patient_however_they_are_written(tmp_path, photograph):
    composed, apart = "Gro\u00df\u00e9", "Gro\u00dfe\u0301"  # as Linux and as macOS write it
    rows = [("CIN1", "P1"), ("CIN1 ", "P1\u00a0"), (composed, "2"), (apart, " 2")]
    for k in range(4):
        photograph(tmp_path / f"{k}.jpg", k)
    lines = [f"{k}.jpg,{label},{patient}" for k, (label, patient) in enumerate(rows)]
    (tmp_path / "list.csv").write_text("\n".join(["path,label,patient", *lines]), encoding="utf-8")
    table = read_manifest(tmp_path / "list.csv")
    assert class_names(table) == ["CIN1", composed]
    assert table["group"].tolist() == ["P1", "P1", "2", "2"]
    given = pd.DataFrame({"path": table["path"], "label": [label for label, _ in rows]})
    assert class_names(validated(given, "a table")) == ["CIN1", composed]


@pytest.mark.parametrize(
    ("labels", "patients", "warned"),
    [
        (["Type_1", "type 1", "Type_2"], ["1", "2", "3"], "classes .*: 'Type_1' and 'type 1'"),
        (["A", "B", "A"], ["P1", "p1", "P2"], "patients .*: 'P1' and 'p1'"),
        (["HPV+", "HPV-", "HPV"], ["1-1", "11", "1 1"], None),
        (["10", "1", "1.05"], ["1", "10", "100"], None),
        (["x", "x\u200b", "y"], ["1", "2", "3"], r"classes .*: 'x' and 'x\\u200b'"),
        (["x", "x\u00ad", "y"], ["1", "2", "3"], r"classes .*: 'x' and 'x\\xad'"),
        (["x", "\ufeffx", "y"], ["1", "2", "3"], r"classes .*: 'x' and '\\ufeffx'"),
        (["A", "\uff21", "y"], ["1", "2", "3"], "classes .*: 'A' and '\uff21'"),
        (["1", "1.0", "2"], ["1", "2", "3"], r"classes .*: '1' and '1\.0'"),
        (["01", "1", "2"], ["1", "2", "3"], "classes .*: '01' and '1'"),
        (["A", "B", "A"], ["7", "7.0", "70"], r"patients .*: '7' and '7\.0'"),
    ],
)
def test_two_spellings_are_told(tmp_path, photograph, labels, patients, warned):
    for k in range(3):
        photograph(tmp_path / f"{k}.jpg", k)
    lines = [f"{k}.jpg,{labels[k]},{patients[k]}" for k in range(3)]
    (tmp_path / "list.csv").write_text("\n".join(["path,label,patient", *lines]), encoding="utf-8")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len(class_names(read_manifest(tmp_path / "list.csv"))) == len(set(labels))
    told = [str(one.message) for one in caught if "two spellings" in str(one.message)]
    assert len(told) == (warned is not None)
    assert warned is None or re.search(warned, told[0])


def test_whole_numbers_beside_missing_ones_stay_whole(tmp_path, photograph):
    """As pandas reads a column of patients 1, 2 and none: 1.0, 2.0, NaN."""
    paths = [str(photograph(tmp_path / f"{k}.jpg", k)) for k in range(3)]
    table = validated(pd.DataFrame({"path": paths, "group": [1, 2, None]}), "a table")
    assert table["group"].tolist()[:2] == ["1", "2"]


@pytest.mark.parametrize("name", ["image", "path", "label", "fold", "flags", "set", "raw:x", "all"])
def test_a_class_is_not_called_as_a_column(tmp_path, photograph, name):
    photograph(tmp_path / name / "a.jpg", 1)
    photograph(tmp_path / "other/b.jpg", 2)
    with pytest.raises(UserError, match=f"a class cannot be called '{name}'.*rename it"):
        read_manifest(tmp_path)
    found = read_manifest(tmp_path, labelled=False)  # to look at, they may be
    with pytest.raises(UserError, match=f"a class cannot be called '{name}'"):
        class_names(found)


def test_a_name_that_is_no_text_is_refused_in_one_line(tmp_path, photograph):
    odd = os.fsdecode(b"caf\xe9.jpg")
    folder = tmp_path / "Type_1"
    folder.mkdir()
    photograph(folder / "1.jpg")
    os.link(folder / "1.jpg", folder / odd)
    for given in (tmp_path, folder, folder / odd):
        with pytest.raises(
            UserError, match=r"^1 file names are not UTF-8: .*caf\\xe9\.jpg\. Rename"
        ):
            read_manifest(given, labelled=False)
