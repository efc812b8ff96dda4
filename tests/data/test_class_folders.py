import pytest

from cervix_tf.data import class_names, read_manifest
from cervix_tf.errors import UserError

TYPES = ("Type_1", "Type_2", "Type_3")


def tree(root, photograph, *places):
    for k, place in enumerate(places):
        photograph(root / place / f"{k}.jpg", k)
    return root


def counts(table):
    keys = table[["label", "split"]].fillna("").itertuples(index=False)
    return sorted(tuple(key) for key in keys)


@pytest.mark.parametrize("name", ["val", "valid", "Validation", "VAL"])
def test_validation_beside_train_is_the_validation_set(tmp_path, photograph, name):
    for classes in (TYPES, ("A", "B")):
        places = [f"{part}/{c}" for part in ("train", name, "test") for c in classes]
        table = read_manifest(tree(tmp_path / classes[0], photograph, *places))
        splits = ("train", "validation", "test")
        assert counts(table) == sorted((c, split) for c in classes for split in splits)
        assert table["source"].tolist() == table["split"].tolist()
        assert table["group"].nunique() == len(table)


def test_a_test_folder_with_classes_is_a_labelled_test_set(tmp_path, photograph):
    places = [f"{part}/{c}" for part in ("train", "test") for c in TYPES]
    table = read_manifest(tree(tmp_path, photograph, *places))
    assert counts(table) == sorted((c, split) for c in TYPES for split in ("", "test"))
    photograph(tmp_path / "test/Type_1/0.jpg", 9)  # called as one of train
    assert read_manifest(tmp_path)["group"].nunique() == 7


def test_a_test_folder_without_classes_has_no_labels(tmp_path, photograph):
    root = tree(tmp_path, photograph, "train/A", "train/B", "val/A", "val/B", "test", "test/more")
    table = read_manifest(root)
    assert counts(table)[:2] == [("", "test"), ("", "test")]
    assert len(table) == 6


def test_all_classes_of_train_count(tmp_path, photograph):
    places = [f"train/{name}" for name in ("Normal", *TYPES)]
    table = read_manifest(tree(tmp_path / "four", photograph, *places))
    assert class_names(table) == ["Normal", *TYPES]
    table = read_manifest(tree(tmp_path / "two", photograph, "train/Type_1", "train/Type_3"))
    assert class_names(table) == ["Type_1", "Type_3"]


def test_the_folder_named_is_the_one_that_counts(tmp_path, photograph):
    places = [f"train/{name}" for name in TYPES] + ["resized/A", "resized/B", "test"]
    root = tree(tmp_path, photograph, *places)
    assert class_names(read_manifest(root / "resized")) == ["A", "B"]
    assert class_names(read_manifest(root)) == list(TYPES)


def test_photographs_in_subfolders_belong_to_their_class(tmp_path, photograph, caplog):
    root = tree(tmp_path, photograph, "A", "A/patient 1/left", "A/patient 2", "B")
    table = read_manifest(root)
    assert counts(table) == [("A", ""), ("A", ""), ("A", ""), ("B", "")]
    assert "4 photographs, 2 of them in subfolders" in caplog.text


def test_an_archives_only_folder_is_entered(tmp_path, photograph):
    root = tree(tmp_path, photograph, "photographs/set 1/A", "photographs/set 1/B", "__MACOSX/A")
    assert class_names(read_manifest(root)) == ["A", "B"]
    assert class_names(read_manifest(root, labelled=False)) == ["A", "B"]


def test_several_sets_are_not_classes(tmp_path, photograph):
    places = [f"{one}/train/{name}" for one in ("here", "there") for name in "AB"]
    with pytest.raises(UserError, match="several sets, each with a folder train: here, there"):
        read_manifest(tree(tmp_path, photograph, *places))


def test_photographs_of_train_without_a_class(tmp_path, photograph):
    root = tree(tmp_path, photograph, "train/A", "train/B", "val/A", "val")
    with pytest.raises(UserError, match="val holds photographs that are in no class folder"):
        read_manifest(root)


def test_to_predict_everything_counts_and_needs_no_label(tmp_path, photograph):
    root = tree(tmp_path, photograph, "", "A", "A/deep")
    table = read_manifest(root, labelled=False)
    assert len(table) == 3
    assert table["label"].isna().all()
    (root / "empty").mkdir()
    (root / "0.jpg").unlink()
    tree(root, photograph, "B")
    assert class_names(read_manifest(root, labelled=False)) == ["A", "B"]
