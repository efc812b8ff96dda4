import pytest

from cervix_tf.data import read_kaggle, read_manifest
from cervix_tf.errors import UserError

OLD = {
    "train": "train/Type_{}/{}.jpg",
    "test": "test/{}.jpg",
    "additional": "additional/Type_{}_v2/{}.jpg",
}
NEW = {
    "train": "train/train/Type_{}/{}.jpg",
    "test": "test/test/{}.jpg",
    "additional": "additional_Type_{0}_v2/Type_{0}/{1}.jpg",
}


@pytest.fixture(params=[OLD, NEW], ids=["2017", "today"])
def tree(request, tmp_path, photograph):
    places = request.param
    root = tmp_path / "competition"
    for kind in (1, 2, 3):
        for number in range(kind + 1):
            photograph(root / places["train"].format(kind, number), 10 * kind + number)
            photograph(root / places["additional"].format(kind, number), 100 * kind + number)
    for number in (0, 10, 2):
        photograph(root / places["test"].format(number), 1000 + number)
    return root


def test_both_trees(tree):
    table = read_kaggle(tree)
    labelled = table[table["source"] == "train"]
    assert labelled["label"].value_counts().to_dict() == {"Type_1": 2, "Type_2": 3, "Type_3": 4}
    test = table[table["source"] == "test"]
    assert test["image"].tolist() == ["0.jpg", "2.jpg", "10.jpg"]
    assert (test["split"] == "test").all()
    assert not (table["source"] == "additional").any()


def test_additional_is_one_option_away_and_keeps_repeated_names_apart(tree):
    table = read_kaggle(tree, additional=True)
    assert (table["source"] == "additional").sum() == 9
    assert table["group"].nunique() == len(table) == 21


@pytest.mark.parametrize("place", ["..", "train"])
def test_root_one_level_off(tree, place):
    assert len(read_kaggle(tree / place)) == 12


def test_read_manifest_knows_the_tree(tree):
    assert read_manifest(tree).equals(read_kaggle(tree))


def test_the_test_folder_alone(tree):
    table = read_manifest(tree / "test", labelled=False)
    assert table["image"].tolist() == ["0.jpg", "2.jpg", "10.jpg"]


def test_not_kaggle(tmp_path):
    with pytest.raises(UserError, match="no folder train/Type_1"):
        read_kaggle(tmp_path)


def test_empty_class_folder(tree):
    for path in tree.rglob("Type_2/*.jpg"):
        path.unlink()
    with pytest.raises(UserError, match="Type_2 holds no photograph"):
        read_kaggle(tree)
