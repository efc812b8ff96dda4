import pandas as pd
import pytest

from cervix_tf.data import class_names, read_manifest, summary
from cervix_tf.data.manifests import COLUMNS, labels
from cervix_tf.errors import UserError


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


def test_folder_for_each_class(tmp_path, photograph):
    for seed, name in enumerate(["Type_10/a.png", "Type_2/a.jpg", "Type_2/b.JPG"]):
        photograph(tmp_path / name, seed)
    (tmp_path / "Type_2/notes.txt").write_text("no photograph")
    table = read_manifest(tmp_path)
    assert class_names(table) == ["Type_2", "Type_10"]
    assert labels(table, ["Type_2", "Type_10"]).tolist() == [1, 0, 0]
    assert table["group"].nunique() == 3


def test_class_folder_without_photograph(tmp_path, photograph):
    photograph(tmp_path / "x/a.jpg")
    (tmp_path / "y").mkdir()
    with pytest.raises(UserError, match="class folder .*y holds no photograph"):
        read_manifest(tmp_path)


def test_missing_and_empty_folder(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_manifest(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no photograph"):
        read_manifest(tmp_path)


def test_plain_folder_only_to_predict(tmp_path, photograph):
    photograph(tmp_path / "10.jpg", 0)
    photograph(tmp_path / "9.jpg", 1)
    with pytest.raises(UserError, match="in no class folder"):
        read_manifest(tmp_path)
    table = read_manifest(tmp_path, labelled=False)
    assert table["image"].tolist() == ["9.jpg", "10.jpg"]
    assert table["label"].isna().all()
    assert (table["split"] == "test").all()
    one = read_manifest(tmp_path / "9.jpg", labelled=False)
    assert one["image"].tolist() == ["9.jpg"]


def test_csv_in_a_folder_is_found(tmp_path, photograph):
    path = csv(tmp_path, photograph, "path,label\na.jpg,x\nb.jpg,y\n")
    path.rename(tmp_path / "metadata.csv")
    assert len(read_manifest(tmp_path)) == 2


def test_one_class_is_too_few():
    with pytest.raises(UserError, match="two classes.*found: x"):
        class_names(pd.DataFrame({"label": ["x", "x", None]}))


def test_unknown_label_is_named():
    table = pd.DataFrame({"image": ["a.jpg"], "label": ["Type1"]})
    with pytest.raises(UserError, match="'Type1'.*'Type_1'"):
        labels(table, ["Type_1", "Type_2"])


def test_summary_counts_as_table_1(tmp_path, photograph):
    text = "path,label,source\na.jpg,x,train\nb.jpg,y,train\nc.jpg,,test\nd.jpg,y,more\n"
    path = csv(tmp_path, photograph, text, ("a.jpg", "b.jpg", "c.jpg", "d.jpg"))
    table = summary(read_manifest(path))
    assert list(table.columns) == ["x", "y", "no label", "all"]
    assert table.loc["train"].tolist() == [1, 1, 0, 2]
    assert table.loc["all"].tolist() == [1, 2, 1, 4]
    assert table.loc["share", "y"] == "66.7%"


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
