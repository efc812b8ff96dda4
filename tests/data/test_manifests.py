import os
import string
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cervix_tf.data import class_names, read_manifest, write_manifest
from cervix_tf.data.manifests import (
    COLUMNS,
    PHANTOMS,
    identities,
    is_phantom,
    labels,
    photographs_or_phantoms,
    read_csv,
    validated,
)
from cervix_tf.errors import UserError
from cervix_tf.quality import audit


def csv(tmp_path, photograph, text, files=("a.jpg", "b.jpg", "c.jpg")):
    for seed, name in enumerate(files):
        photograph(tmp_path / name, seed)
    path = tmp_path / "list.csv"
    path.write_text(text)
    return path


def test_csv_with_case_and_extra_columns(tmp_path, photograph):
    path = csv(
        tmp_path, photograph, "image,case,score,label\na.jpg,7,1,x\nb.jpg,7,2,y\nc.jpg,8,3,\n"
    )
    table = read_manifest(path)
    assert list(table.columns) == [*COLUMNS, "score"]
    assert table["group"].tolist() == ["7", "7", "8"]
    assert table["image"].tolist() == ["a.jpg", "b.jpg", "c.jpg"]
    assert table["path"].tolist() == [str(tmp_path / n) for n in ("a.jpg", "b.jpg", "c.jpg")]
    assert table["split"].tolist()[2] == "test", "a photograph without a label can only be tested"
    assert table["source"].tolist() == ["train", "train", "test"]


def test_every_photograph_is_a_group_of_its_own_without_patients(tmp_path, photograph):
    for folder in ("one", "two"):
        photograph(tmp_path / folder / "0.jpg")
    path = csv(tmp_path, photograph, "path,label\none/0.jpg,x\ntwo/0.jpg,x\na.jpg,y\n")
    assert read_manifest(path)["group"].nunique() == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path\na.jpg\n", "no column 'label'; it has: path"),
        ("file,label\na.jpg,x\n", "neither a column 'path' nor 'image'"),
        ("path,label\na.jpg,x\n,y\n", "row 3: the column 'path' is empty"),
        ("path,label\na.jpg,x\na.jpg,y\n", "row 3: .*a.jpg is listed twice"),
        ("path,label\na.jpg,x\nz.jpg,y\n", "1 photographs do not exist: .*z.jpg"),
        ("path,label,split\na.jpg,x,val\n", "row 2, column 'split': 'val' is not one of train"),
        ("path,label\na.jpg,\nb.jpg,\n", "the column 'label' is empty"),
        ("path,label\n", "names no photograph"),
        ("", "cannot be read as a CSV"),
    ],
)
def test_csv_faults_name_file_row_and_column(tmp_path, photograph, text, message):
    path = csv(tmp_path, photograph, text)
    with pytest.raises(UserError, match=message) as caught:
        read_manifest(path)
    assert "list.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_class_is_too_few():
    with pytest.raises(UserError, match="two classes.*found: x"):
        class_names(pd.DataFrame({"label": ["x", "x", None]}))


def test_unknown_label_is_named():
    table = pd.DataFrame({"image": ["a.jpg"], "label": ["Type1"]})
    with pytest.raises(UserError, match="'Type1'.*'Type_1'"):
        labels(table, ["Type_1", "Type_2"])


def test_annocerv(shared):
    table = read_manifest(shared / "data/annocerv/metadata.csv")
    assert len(table) == 297
    assert table["group"].nunique() == 100
    assert table["label"].value_counts().to_dict() == {"low": 177, "intermediate": 69, "high": 51}


def test_a_row_without_a_name_is_called_as_its_file(tmp_path, photograph):
    photograph(tmp_path / "a.jpg", 1)
    photograph(tmp_path / "b.jpg", 2)
    (tmp_path / "list.csv").write_text("image,path,label\n7,a.jpg,x\n,b.jpg,y\n")
    assert read_manifest(tmp_path / "list.csv")["image"].tolist() == ["7", "b.jpg"]


# What a cell may hold and be taken for something else: a number, a date, a missing value, two cells.
TRICKY = [
    "None",
    "NA",
    "null",
    "nan",
    "7",
    "007",
    "1e5",
    "True",
    "a,b",
    'say "a"',
    "two\nlines",
    " x ",
]
CHARACTERS = string.printable + "äß漢"
text = st.sampled_from(TRICKY) | st.text(CHARACTERS, max_size=8)
missing_text = st.none() | text
OWN = {
    "width": st.integers(1, 10_000) | st.none(),
    "height": st.integers(1, 10_000),
    "box_x": st.floats(),
    "distance": st.floats(0, 1e3),
    "flags": missing_text,
    "cluster": missing_text,
    "sha256": missing_text,
    "decision": missing_text,
    "mask": st.none() | st.sampled_from(["masks/a.png", "/far/away.png", "../b.png"]),
    "phantom": st.booleans(),
}


@st.composite
def tables(draw):
    """Columns of a manifest of one to five photographs, `path` aside."""
    count = draw(st.integers(1, 5))
    own = draw(st.sets(st.sampled_from(sorted(OWN))))
    cells = {"label": missing_text, "group": missing_text, "source": missing_text}
    cells |= {
        "image": missing_text,
        "split": st.sampled_from([None, "train", "validation", "test"]),
    }
    cells |= {name: OWN[name] for name in sorted(own)}
    rows = {
        name: st.lists(values, min_size=count, max_size=count) for name, values in cells.items()
    }
    return {name: draw(values) for name, values in rows.items()}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tables(), st.booleans())
def test_what_is_written_reads_back_equal(tmp_path, monkeypatch, table, movable):
    """Values, dtypes, missing ones and order; the paths are absolute."""
    count = len(table["label"])
    paths = [tmp_path / f"{name}.jpg" for name in ("a", "None", "b;c", "7", "ü, v")][:count]
    for path in paths:
        path.touch()
    monkeypatch.chdir(tmp_path)
    manifest = validated(pd.DataFrame({"path": [p.name for p in paths], **table}), "a test")
    write_manifest(manifest, tmp_path / "manifest.csv", movable)
    again = read_manifest(tmp_path / "manifest.csv", labelled=False)
    if "mask" in manifest:
        masks = [mask and os.path.abspath(mask) for mask in manifest["mask"]]
        manifest["mask"] = pd.Series(masks, dtype="object")
    pd.testing.assert_frame_equal(again, manifest, check_exact=True)
    assert again["path"].tolist() == [str(p) for p in paths]


@pytest.mark.parametrize("name", ["None", "NA", "null", "nan", "N/A"])
def test_a_class_may_be_called_as_missing_values_are(tmp_path, photograph, name):
    path = csv(tmp_path, photograph, f"path,label\na.jpg,{name}\nb.jpg,other\nc.jpg,\n")
    assert class_names(read_manifest(path)) == sorted([name, "other"])


def test_a_spreadsheet_writes_semicolons_and_a_mark(tmp_path, photograph):
    path = csv(tmp_path, photograph, "\ufeffpath;label;score\na.jpg;x;0.5\nb.jpg;y;1\n")
    assert read_manifest(path)[["label", "score"]].values.tolist() == [["x", 0.5], ["y", 1.0]]


def test_a_movable_manifest_moves_with_its_folder(tmp_path, photograph):
    photograph(tmp_path / "one/photographs/a.jpg")
    photograph(tmp_path / "b.jpg")
    table = pd.DataFrame({"path": [tmp_path / "one/photographs/a.jpg", tmp_path / "b.jpg"]})
    manifest = validated(table, "a test")
    write_manifest(manifest, tmp_path / "one/manifest.csv", movable=True)
    (tmp_path / "one").rename(tmp_path / "two")
    again = read_manifest(tmp_path / "two", labelled=False)["path"].tolist()
    assert again == [str(tmp_path / "two/photographs/a.jpg"), str(tmp_path / "b.jpg")]
    write_manifest(manifest, tmp_path / "two/manifest.csv")
    with pytest.raises(UserError, match="1 photographs do not exist: .*one/photographs/a.jpg"):
        read_manifest(tmp_path / "two", labelled=False)
    assert len(read_csv(tmp_path / "two/manifest.csv", labelled=False, existing=False)) == 2


def test_an_audited_manifest_and_masks_read_back_equal(audited, phantoms, tmp_path, monkeypatch):
    monkeypatch.chdir(phantoms.parent)
    drawn = read_manifest(
        phantoms.relative_to(phantoms.parent)
    )  # its masks are relative in the CSV
    really = pd.DataFrame(audit(audited[COLUMNS], cache="memory"))
    for number, manifest in enumerate((drawn, validated(audited, "an audit"), really)):
        write_manifest(manifest, tmp_path / f"{number}/manifest.csv")
        again = read_manifest(tmp_path / f"{number}", labelled=False)
        pd.testing.assert_frame_equal(again, manifest)
    for path in drawn["mask"].dropna():
        assert Path(path).read_bytes()[:4] == b"\x89PNG"


def test_a_photograph_has_the_same_identity_wherever_the_set_lies(tmp_path, photograph):
    found = []
    for place in ("here", "there"):
        for name in ("x/0.jpg", "y/0.jpg", "y/1.jpg"):
            photograph(tmp_path / place / name)
        found.append(identities(read_manifest(tmp_path / place)).tolist())
    assert found[0] == found[1] == ["train/x/0.jpg", "train/y/0.jpg", "train/y/1.jpg"]
    table = read_manifest(tmp_path / "here").assign(label="x")
    repeated = identities(table).tolist()
    assert repeated == [table["path"][0], table["path"][1], "train/x/1.jpg"]
    assert photographs_or_phantoms(table) == "photographs"
    assert photographs_or_phantoms(table.assign(phantom=[None, True, None])) == PHANTOMS


def test_phantoms_are_called_so_whatever_names_them(phantoms, tmp_path, photograph):
    one = next((phantoms / "train/Type_1").glob("*.jpg"))
    real = photograph(tmp_path / "real.jpg", seed=1)
    (tmp_path / "bare.csv").write_text(f"path,label\n{one},x\n{real},y\n")
    for path in (phantoms / "train", phantoms / "train/Type_1", tmp_path / "bare.csv"):
        assert is_phantom(read_manifest(path, labelled=False)), path
    bare = read_manifest(tmp_path / "bare.csv")
    assert bare["phantom"].tolist() == [True, False]
    elsewhere = bare.assign(phantom=True)
    assert validated(elsewhere)["phantom"].all(), "what a table says of copies counts as well"
    real_alone = read_manifest(real, labelled=False)
    assert "phantom" not in real_alone
