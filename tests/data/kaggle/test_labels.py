import os
from itertools import count

import pandas as pd
import pytest

from cervix_tf.data import read_kaggle, split
from cervix_tf.data.class_counts import summary
from cervix_tf.errors import UserError

OLD = {"train": "train/Type_{}", "test": "test", "additional": "additional/Type_{}"}
NEW = {
    "train": "train/train/Type_{}",
    "test": "test/test",
    "additional": "additional_Type_{0}_v2/Type_{0}",
}
FAULTS = {
    "zero bytes": ["additional/Type_1/5893", "additional/Type_2/2845", "additional/Type_2/5892"],
    "truncated": ["train/Type_1/1339", "additional/Type_1/3068", "additional/Type_2/7"],
    "no cervix": [
        *(f"additional/Type_1/{n}" for n in (746, 2030, 4065, 4702, 4706, 6360)),
        *(f"additional/Type_2/{n}" for n in (1813, 3086)),
    ],
}
PLACED = {
    "train": {80: 2, 968: 3, 1120: 3, 1339: 1},
    "additional": {
        int(path.split("/")[2]): int(path.split("/")[1][-1])
        for paths in FAULTS.values()
        for path in paths
        if path.startswith("additional")
    },
}
COUNTS = {"train": (250, 781, 450), "additional": (1191, 3567, 1976)}


def numbers(source: str) -> dict[int, list[int]]:
    """As many numbers for each type as the competition has, each used once, known ones in place."""
    free = (n for n in count() if n not in PLACED[source])
    placed = {k: [n for n, kind in PLACED[source].items() if kind == k] for k in (1, 2, 3)}
    return {
        k: placed[k] + [next(free) for _ in range(size - len(placed[k]))]
        for k, size in enumerate(COUNTS[source], 1)
    }


@pytest.fixture(scope="module", params=[OLD, NEW], ids=["2017", "today"])
def full(request, tmp_path_factory):
    """The whole competition: one photograph under 12,233 names."""
    import cv2
    import numpy as np

    root = tmp_path_factory.mktemp("competition")
    one = root / "one.png"
    assert cv2.imwrite(str(root / "one.jpg"), np.full((8, 8, 3), 90, "uint8"))
    (root / "one.jpg").rename(one)
    folders = {
        root / request.param[source].format(kind): own
        for source in COUNTS
        for kind, own in numbers(source).items()
    }
    folders[root / request.param["test"]] = range(512)
    folders[root / "test_stg2"] = range(10000, 13506)
    for folder, own in folders.items():
        folder.mkdir(parents=True)
        for number in own:
            os.link(one, folder / f"{number}.jpg")
    return root


@pytest.fixture
def small(tmp_path, photograph):
    """A tree with a few photographs of each kind, and a writer of its CSVs."""
    root = tmp_path / "competition"
    for kind in (1, 2, 3):
        for number in (10 * kind, 10 * kind + 1):
            photograph(root / f"train/Type_{kind}/{number}.jpg", number)
            photograph(root / f"additional/Type_{kind}/{number}.jpg", 100 + number)
    for number in range(3):
        photograph(root / f"test/{number}.jpg", 1000 + number)

    def write(name: str, *lines: str):
        (root / name).write_text("\n".join(lines) + "\n")
        return root

    write.root = root
    return write


def of(table: pd.DataFrame, source: str) -> dict:
    own = table[table["source"] == source]
    return dict(zip(own["image"], own["label"], strict=True))


def shares(table: pd.DataFrame, source: str) -> list[int]:
    return table.loc[table["source"] == source, "label"].value_counts().sort_index().tolist()


def test_counts_of_the_competition(full):
    table = read_kaggle(full, additional=True)
    assert shares(table, "train") == [252, 780, 449]
    assert shares(table, "additional") == [1191, 3567, 1976]
    assert len(table) == 1481 + 6734 + 4018
    tests = table[table["split"] == "test"]
    assert set(tests["image"]) == {f"{n}.jpg" for n in [*range(512), *range(10000, 13506)]}
    assert len(tests) == 4018
    assert table["group"].nunique() == len(table), "names repeat, keys do not"
    assert shares(read_kaggle(full, corrected=False), "train") == [250, 781, 450]


def test_table_1(full):
    table = summary(read_kaggle(full))
    assert table.loc["train"].tolist() == [252, 780, 449, 0, 1481]
    assert table.loc["test", "all"] == 512
    assert table.loc["share"].tolist()[:3] == ["17.0%", "52.7%", "30.3%"]


def test_the_three_corrections(full):
    before, after = (of(read_kaggle(full, corrected=c), "train") for c in (False, True))
    changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    assert changed == {
        "80.jpg": ("Type_2", "Type_3"),
        "968.jpg": ("Type_3", "Type_1"),
        "1120.jpg": ("Type_3", "Type_1"),
    }


def test_every_known_fault_is_found_by_name(full):
    table = read_kaggle(full, additional=True)
    key = table["source"] + "/" + table["label"] + "/" + table["image"].str.removesuffix(".jpg")
    for flag, paths in FAULTS.items():
        assert sorted(key[table["flags"] == flag]) == sorted(paths)
    assert table["flags"].notna().sum() == 14
    kept = read_kaggle(full, additional=True, drop_known_faults=True)
    assert kept["flags"].isna().all()
    assert len(kept) == len(table) - 14


def test_another_set_in_kaggles_folders_keeps_its_labels(small, photograph):
    photograph(small.root / "train/Type_2/80.jpg")
    assert of(read_kaggle(small.root), "train")["80.jpg"] == "Type_2"


def test_fixed_labels_without_folder_are_of_additional(small):
    root = small("fixed_labels_v2.csv", "filename,old_label,new_label", "10.jpg,Type_1,Type_3")
    table = read_kaggle(root, additional=True)
    assert of(table, "additional")["10.jpg"] == "Type_3"
    assert of(table, "train")["10.jpg"] == "Type_1"
    assert of(read_kaggle(root, True, corrected=False), "additional")["10.jpg"] == "Type_1"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (r"..\input\additional\Type_1\10.jpg", "additional"),
        (r"D:\data\additional_Type_1_v2\Type_1\10.jpg", "additional"),
        (r"..\train\train\Type_1\10.jpg", "train"),
        ("train/Type_1/10.jpg", "train"),
        (r"Type_1\10.jpg", "additional"),
    ],
)
def test_fixed_labels_with_folders(small, path, source):
    root = small("fixed_labels_v2.csv", "filename,old_label,new_label", f"{path},Type_1,Type_2")
    table = read_kaggle(root, additional=True)
    for each in ("train", "additional"):
        assert of(table, each)["10.jpg"] == ("Type_2" if each == source else "Type_1")


def test_fixed_labels_that_the_folders_follow_already_change_nothing(small):
    root = small("fixed_labels_v2.csv", "filename,old_label,new_label", "10.jpg,Type_2,Type_1")
    assert of(read_kaggle(root, True), "additional")["10.jpg"] == "Type_1"


def test_fixed_labels_may_list_trains_corrections_too(full):
    path = full / "fixed_labels_v2.csv"
    path.write_text("filename,old_label,new_label\n80.jpg,Type_2,Type_3\n")
    try:
        table = read_kaggle(full, additional=True)
    finally:
        path.unlink()
    assert shares(table, "train") == [252, 780, 449]
    assert shares(table, "additional") == [1191, 3567, 1976]


@pytest.mark.parametrize(
    "lines",
    [
        ["filename", "20.jpg", "999.jpg"],
        ["filename,old_label,new_label", r"additional\Type_2\20.jpg,Type_2,remove"],
    ],
)
def test_removed_files_are_flagged_in_additional_and_dropped_only_when_asked(small, lines):
    root = small("removed_files.csv", *lines)
    table = read_kaggle(root, additional=True)
    flagged = table[table["flags"].notna()]
    assert flagged[["source", "image", "flags"]].to_numpy().tolist() == [
        ["additional", "20.jpg", "removed by Kaggle"]
    ]
    assert len(read_kaggle(root, additional=True, drop_known_faults=True)) == len(table) - 1


def test_a_removed_file_of_another_label_is_another_photograph(small):
    root = small("removed_files.csv", "filename,old_label,new_label", "20.jpg,Type_3,remove")
    assert read_kaggle(root, additional=True)["flags"].isna().all()


def test_released_labels_stay_out_of_training(small):
    root = small(
        "solution_stg1_release.csv",
        "image_name,Type_1,Type_2,Type_3",
        *("0.jpg,0,1,0", "1.jpg,1,0,0", "10.jpg,0,0,1"),
    )
    table = read_kaggle(root)
    assert of(table, "test")["0.jpg"] == "Type_2"
    assert of(table, "test")["1.jpg"] == "Type_1"
    assert pd.isna(of(table, "test")["2.jpg"])
    assert of(table, "train")["10.jpg"] == "Type_1", "a name of train is another photograph"
    done = split(table, 0.5)
    assert (done.loc[done["source"] == "test", "split"] == "test").all()
    assert (done.loc[done["source"] == "train", "split"] != "test").all()


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("fixed_labels_v2.csv", ["filename,new_label"], "has no column 'old_label'; it has: file"),
        (
            "fixed_labels_v2.csv",
            ["filename,old_label,new_label", "1.jpg,Type_1,Type_2", "2.jpg,Type_1,Type_4"],
            "row 3, column 'new_label': 'Type_4'",
        ),
        ("removed_files.csv", ["file"], "has no column 'filename'"),
        ("removed_files.csv", ["filename,old_label", ",Type_1"], "row 2: the column 'filename'"),
        ("solution_stg1_release.csv", ["image_name,Type_1,Type_2"], "has no column 'Type_3'"),
        (
            "solution_stg1_release.csv",
            ["image_name,Type_1,Type_2,Type_3", "0.jpg,0.2,0.8,0"],
            "row 2: one of Type_1, Type_2, Type_3 must be 1",
        ),
        (
            "solution_stg1_release.csv",
            ["image_name,Type_1,Type_2,Type_3", "0.jpg,0,1,0", "0.jpg,0,1,0", "0.jpg,1,0,0"],
            r"row 4: 0\.jpg has another label",
        ),
        (
            "fixed_labels_v2.csv",
            ["filename,old_label,new_label", "1.jpg,Type_1,Type_2", "1.jpg,Type_1,Type_3"],
            r"row 3: Type_1/1\.jpg has another label",
        ),
        ("solution_stg1_release.csv", [""], "cannot be read as a CSV"),
    ],
)
def test_faulty_csvs_are_named(small, name, lines, message):
    root = small(name, *lines)
    with pytest.raises(UserError, match=message) as error:
        read_kaggle(root, additional=True)
    assert name in str(error.value)


def test_additional_that_is_not_there(small):
    (small.root / "additional").rename(small.root / "elsewhere")
    with pytest.raises(UserError, match="holds no additional photographs"):
        read_kaggle(small.root, additional=True)
    assert len(read_kaggle(small.root)) == 9
    (small.root / "elsewhere").rename(small.root / "additional")
    (small.root / "additional/Type_3").rename(small.root / "elsewhere")
    with pytest.warns(UserWarning, match="no additional photographs of Type_3"):
        assert len(read_kaggle(small.root, additional=True)) == 13
