import hashlib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cervix_tf.errors import UserError
from cervix_tf.quality import apply_decisions, changes, read_decisions, write_decisions


@pytest.fixture
def edited(audited, tmp_path):
    """Writer of the decisions CSV with some cells changed: {row number: {column: value}}."""

    def write(cells=None, name="audit.csv") -> Path:
        path = tmp_path / name
        path.unlink(missing_ok=True)
        write_decisions(audited, path)
        table = pd.read_csv(path, dtype=str)
        for row, values in (cells or {}).items():
            for column, value in values.items():
                table[column] = table[column].astype("object")
                table.loc[row, column] = value
        table.to_csv(path, index=False)
        return path

    return write


def contents(folder: Path) -> dict[Path, tuple[str, int]]:
    return {
        p: (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns)
        for p in folder.rglob("*")
        if p.is_file()
    }


def test_one_row_for_each_flagged_photograph(audited, edited):
    table = pd.read_csv(edited(), dtype=str)
    columns = "image,path,label,source,group,cluster,flags,decision,new_label"
    assert ",".join(table) == columns
    assert table["path"].tolist() == audited["path"].tolist()[:9]
    assert table["flags"].tolist() == audited["flags"].tolist()[:9]
    assert table[["decision", "new_label"]].isna().all(axis=None)


def test_decisions_are_done_and_listed(audited, edited, tmp_path):
    before = contents(tmp_path / "photographs")
    path = edited({2: {"decision": "drop"}, 3: {"new_label": "Type_1"}, 7: {"decision": " Keep "}})
    done = apply_decisions(audited, path)
    left = [p for k, p in enumerate(audited["path"]) if k != 2]
    assert done["path"].tolist() == left
    assert done.loc[2, "label"] == "Type_1", "it was row 3"
    assert done["decision"].dropna().to_dict() == {2: "keep", 6: "keep"}
    same = audited.drop(index=2).reset_index(drop=True)
    others = [name for name in audited if name not in ("decision", "label")]
    assert done[others].equals(same[others])
    listed = changes(done).set_index("image")
    assert listed["change"].to_dict() == {"2.jpg": "dropped", "3.jpg": "relabelled"}
    assert listed.loc["2.jpg", ["why", "row"]].tolist() == ["decided in audit.csv", 4]
    assert listed.loc["3.jpg", ["label", "new_label"]].tolist() == ["Type_2", "Type_1"]
    assert contents(tmp_path / "photographs") == before, "nothing on disk is touched"
    again = apply_decisions(done, edited({3: {"new_label": "Type_1"}}))
    assert len(changes(again)) == 2, "a label that is given already is no change"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({1: {"decision": "dorp"}}, r"row 3, column 'decision': .*'dorp': did you mean 'drop'"),
        ({2: {"new_label": "Type1"}}, r"row 4, column 'new_label': .*did you mean 'Type_1'"),
        (
            {0: {"path": "/nowhere.jpg", "decision": "drop"}},
            "row 2, column 'path': /nowhere.jpg is",
        ),
        (
            {4: {"decision": "drop", "new_label": "Type_1"}},
            "row 6, column 'new_label': .*empty one",
        ),
        ({4: {"label": "Type_1"}}, "row 6, column 'label': Type_1 is not .*label, Type_3"),
        ({4: {"path": None}}, "row 6: the column 'path' is empty"),
    ],
)
def test_faults_name_file_row_and_column(audited, edited, cells, message):
    with pytest.raises(UserError, match=message) as caught:
        apply_decisions(audited, edited(cells))
    assert "audit.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_photograph_decided_on_twice(audited, edited):
    path = edited({1: {"decision": "keep"}, 2: {"decision": "drop", "path": audited["path"][1]}})
    with pytest.raises(UserError, match="row 4.*1.jpg is decided on in row 3 already"):
        read_decisions(path, audited)


def test_no_decisions_csv(audited, tmp_path):
    with pytest.raises(UserError, match="nowhere.csv cannot be read"):
        read_decisions(tmp_path / "nowhere.csv", audited)
    (tmp_path / "other.csv").write_text("image,label\na.jpg,x\n")
    with pytest.raises(UserError, match="no column 'path'; it has: image, label"):
        read_decisions(tmp_path / "other.csv", audited)


def test_a_spreadsheet_may_save_semicolons_and_a_byte_order_mark(audited, edited):
    path = edited({7: {"decision": "DROP"}})
    table = pd.read_csv(path, dtype=str)
    table.to_csv(path, index=False, sep=";", encoding="utf-8-sig", lineterminator="\r\n")
    assert read_decisions(path, audited)["decision"].tolist() == ["drop"]


def test_paths_may_be_relative_to_the_csv(audited, edited, tmp_path):
    relative = str(Path(audited["path"][7]).relative_to(tmp_path))
    path = edited({7: {"decision": "drop", "path": relative}})
    assert "7.jpg" not in apply_decisions(audited, path)["image"].tolist()


def test_decisions_are_carried_over_when_the_csv_is_written_again(audited, edited):
    path = edited({2: {"decision": "drop"}, 7: {"new_label": "Type_3"}})
    clean = audited.assign(flags=audited["flags"].where(audited["image"] != "7.jpg"))
    assert write_decisions(clean, path) == 2
    table = pd.read_csv(path, dtype=str).set_index("image")
    assert len(table) == 9, "what is decided on stays listed though nothing is found any more"
    assert table.loc["2.jpg", "decision"] == "drop"
    assert table.loc["7.jpg", "new_label"] == "Type_3"


def test_decisions_of_another_csv_are_added_unless_they_contradict(audited, edited):
    path = edited({2: {"decision": "drop"}})
    other = read_decisions(edited({5: {"decision": "keep"}}, "other.csv"), audited)
    assert write_decisions(audited, path, other) == 2
    table = pd.read_csv(path, dtype=str)
    assert table["decision"].dropna().to_dict() == {2: "drop", 5: "keep"}
    other = read_decisions(edited({2: {"decision": "keep"}}, "other.csv"), audited)
    with pytest.raises(UserError, match="audit.csv, row 4, column 'decision': decides otherwise"):
        write_decisions(audited, path, other)
    assert pd.read_csv(path, dtype=str).equals(table), "the old file stays whole"


@settings(deadline=None, max_examples=25)
@given(
    decisions=st.lists(
        st.sampled_from([("drop", None), ("keep", None), (None, "A"), (None, "B"), (None, None)]),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_is_decided_is_done_and_nothing_else(tmp_path_factory, decisions):
    folder = tmp_path_factory.mktemp("decisions")
    manifest = pd.DataFrame(
        {
            "path": [str(folder / f"{k}.jpg") for k in range(len(decisions) + 2)],
            "image": [f"{k}.jpg" for k in range(len(decisions) + 2)],
            "label": ["A", "B"] + ["A"] * len(decisions),
            "source": "train",
            "flags": [None, None] + ["blurred"] * len(decisions),
        }
    )
    write_decisions(manifest, folder / "audit.csv")
    table = pd.read_csv(folder / "audit.csv", dtype=str)
    table["decision"], table["new_label"] = zip(*decisions, strict=True)
    table.to_csv(folder / "audit.csv", index=False)
    done = apply_decisions(manifest, folder / "audit.csv").set_index("image")
    for k, (decision, new_label) in enumerate(decisions, 2):
        assert (f"{k}.jpg" in done.index) == (decision != "drop")
        if decision != "drop":
            assert done.loc[f"{k}.jpg", "label"] == (new_label or "A")
    assert {"0.jpg", "1.jpg"} <= set(done.index)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decisions_of_any_spreadsheet(audited, edited, encoding, delimiter):
    path = edited({2: {"decision": " drop"}, 3: {"new_label": "Type_1 "}})
    table = pd.read_csv(path, dtype=str)
    path.write_bytes(table.to_csv(index=False, sep=delimiter).encode(encoding))
    done = apply_decisions(audited, path)
    assert len(done) == len(audited) - 1
    assert done.loc[2, "label"] == "Type_1"
