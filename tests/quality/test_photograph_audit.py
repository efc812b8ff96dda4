import hashlib
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cervix_tf.data import FLAGS, folds, phantom, read_kaggle, read_manifest, split
from cervix_tf.data.splits import check_split
from cervix_tf.errors import UserError
from cervix_tf.quality import audit

FAULTS = {
    "zero bytes": ["additional/Type_1/5893", "additional/Type_2/2845", "additional/Type_2/5892"],
    "truncated": ["train/Type_1/1339", "additional/Type_1/3068", "additional/Type_2/7"],
}


def rewritten(path: Path, target: Path, change=lambda p: p, quality=80) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    picture = np.ascontiguousarray(change(cv2.imread(str(path))))
    assert cv2.imwrite(str(target), picture, [cv2.IMWRITE_JPEG_QUALITY, quality])


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory) -> Path:
    """Kaggle's tree of phantoms with the known faults, duplicates, leaks and strange pictures."""
    root = tmp_path_factory.mktemp("competition") / "data"
    phantom(root, per_class=14, test=6, seed=6, sizes=[(240, 320), (320, 240)], per_patient=1)
    for extra in ("phantom.csv", "phantom.json", "solution.csv"):
        (root / extra).unlink()
    shutil.rmtree(root / "masks")
    train = sorted((root / "train").rglob("*.jpg"), key=lambda p: int(p.stem))
    by_type = {k: [p for p in train if p.parent.name == f"Type_{k}"] for k in (1, 2, 3)}
    shutil.copy(by_type[1][0], root / "train/Type_1/1339.jpg")
    # An exact duplicate, a near one of another label, one squeezed and turned, and two in the test set.
    shutil.copy(by_type[1][1], root / "train/Type_1/901.jpg")
    rewritten(by_type[2][0], root / "train/Type_3/902.jpg", lambda p: p[8:, :-9])
    additional = root / "additional"
    square = by_type[3][1], additional / "Type_3/5.jpg"
    rewritten(*square, lambda p: np.rot90(cv2.resize(p, (256, 256))), 60)
    rewritten(
        by_type[3][2], root / "test/903.jpg", lambda p: cv2.resize(p[:, ::-1], None, fx=0.6, fy=0.6)
    )
    rewritten(by_type[3][3], root / "test/904.jpg", quality=50)
    rewritten(root / "test/904.jpg", additional / "Type_2/6.jpg", lambda p: cv2.add(p, 15))
    # Single faults.
    for k, path in enumerate(FAULTS["zero bytes"] + FAULTS["truncated"][1:]):
        target = root / f"{path}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        rewritten(by_type[1][2 + k], target)
    for path in FAULTS["zero bytes"]:
        (root / f"{path}.jpg").write_bytes(b"")
    for path in FAULTS["truncated"]:
        target = root / f"{path}.jpg"
        target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
    (root / "train/Type_2/905.jpg").write_bytes(b"<html>404</html>")
    rewritten(by_type[2][3], root / "train/Type_2/906.jpg", lambda p: p // 4)
    green = [0.35, 1, 0.25]
    rewritten(
        by_type[2][4],
        root / "train/Type_2/907.jpg",
        lambda p: (p.mean(2, keepdims=True) * green).astype("u1"),
    )
    sheet = np.full((300, 300, 3), 245, np.uint8)
    for line in range(30, 300, 30):
        cv2.putText(sheet, "Lorem ipsum dolor", (10, line), 0, 0.8, (20, 20, 20), 2)
    cv2.imwrite(str(root / "train/Type_2/746.jpg"), sheet)
    return root


@pytest.fixture(scope="module")
def table(kaggle):
    return read_kaggle(kaggle, additional=True)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def audited(table, cache, kaggle):
    before = fingerprint(kaggle)
    done = audit(table, cache=cache)
    assert fingerprint(kaggle) == before, "nothing in the user's folder is changed"
    return done


def fingerprint(root: Path) -> dict:
    return {
        p: (p.stat().st_mtime_ns, hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "")
        for p in sorted(root.rglob("*"))
    }


def place(table) -> pd.Series:
    label = table["label"].fillna("").map(lambda name: f"{name}/" if name else "")
    return table["source"] + "/" + label + table["image"].str.removesuffix(".jpg")


def having(table, flag: str) -> set[str]:
    words = table["flags"].fillna("").str.split("; ")
    return set(place(table)[[flag in each for each in words]])


def cluster_of(table, name: str) -> set[str]:
    own = table["cluster"][place(table) == name].iloc[0]
    return set() if pd.isna(own) else set(place(table)[table["cluster"] == own])


@pytest.mark.slow
def test_same_rows_and_new_columns(table, audited):
    kept = [c for c in table.columns if c not in ("group", "flags")]
    assert audited[kept].equals(table[kept])
    assert audited.index.equals(table.index)
    readable = audited["sharpness"].notna()
    assert (~readable).sum() == 7
    for path, found in zip(table["path"], audited["sha256"], strict=True):
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == found
    assert audited["width"].notna().equals(readable)
    sizes = {cv2.imread(p).shape[:2][::-1] for p in audited["path"][readable][:9]}
    assert sizes <= set(zip(audited["width"][readable], audited["height"][readable], strict=True))
    assert audited["brightness"][readable].between(0, 1).all()
    assert (audited["distance"][readable] > 0).all()


def test_every_listed_fault_is_found_by_name(audited):
    for flag, paths in FAULTS.items():
        assert having(audited, flag) == set(paths)
    assert having(audited, "wrong type") == {"train/Type_2/905"}
    assert having(audited, "green") == {"train/Type_2/907"}
    assert having(audited, "dark") == {"train/Type_2/906"}
    assert having(audited, "text") == {"train/Type_2/746"}
    assert "train/Type_2/746" in having(audited, "outlier")
    assert not having(audited, "iodine") | having(audited, "over-exposed")


def test_duplicates_conflicts_and_leaks(table, audited):
    exact = having(audited, "exact duplicate")
    assert len(exact) == 2
    assert "train/Type_1/901" in exact
    assert cluster_of(audited, "train/Type_1/901") == exact
    crop = cluster_of(audited, "train/Type_3/902")
    assert len(crop) == 2
    squeezed = cluster_of(audited, "additional/Type_3/5")
    assert {name.split("/")[0] for name in squeezed} == {"additional", "train"}
    three = cluster_of(audited, "test/904")
    assert {name.split("/")[0] for name in three} == {"additional", "test", "train"}
    two = cluster_of(audited, "test/903")
    assert len(two) == 2
    assert having(audited, "leak") == two | three
    # The label of a test photograph is not known, so it cannot be in conflict.
    assert having(audited, "label conflict") == crop | (three - {"test/904"})
    assert having(audited, "near-duplicate") >= crop | squeezed | two | three
    assert not having(audited, "near-duplicate") & exact
    for names in (crop, squeezed, two, three, exact):
        own = audited[place(audited).isin(names)]
        assert own["group"].nunique() == 1
        assert own["group"].iloc[0] == min(table["group"][own.index])
        assert own["cluster"].iloc[0] == own["group"].iloc[0], "nobody had another photograph"
    assert audited["cluster"].isna().sum() > 40


def test_flags_are_known_words_in_order_and_old_ones_stay(audited, table, cache):
    for text in audited["flags"].dropna():
        words = text.split("; ")
        assert words == sorted(set(words), key=list(FLAGS).index)
    own = table.copy()
    own.loc[5, "flags"] = "mine; dark;blurred; mine"
    assert audit(own, cache)["flags"][5].split("; ")[-1] == "mine"
    assert audit(own, cache)["flags"][5].startswith("blurred; dark")


def test_order_of_rows_and_the_folder_do_not_matter(table, audited, cache, kaggle, tmp_path):
    order = np.random.default_rng(0).permutation(len(table))
    again = audit(table.iloc[order], cache).loc[table.index]
    pd.testing.assert_frame_equal(again, pd.DataFrame(audited))
    shutil.copytree(kaggle, tmp_path / "elsewhere")
    moved = audit(read_kaggle(tmp_path / "elsewhere", additional=True), "memory")
    same = [c for c in audited.columns if c != "path"]
    pd.testing.assert_frame_equal(moved[same], audited[same])


def test_photographs_are_decoded_once_and_fit_decodes_none(table, audited, cache, monkeypatch):
    from cervix_tf.data import decoding_pass, prepare, square_size

    names, original = [], decoding_pass.square
    monkeypatch.setattr(
        decoding_pass, "square", lambda path, *rest: (names.append(path), original(path, *rest))[1]
    )
    audit(table, "memory")
    readable = table[audited["width"].notna()]
    empty = len(having(audited, "zero bytes"))
    assert len(names) == len(set(names)) in (len(table), len(table) - empty)
    names.clear()
    prepare(readable, square_size(224), cache)
    assert names == []


def test_fit_may_use_an_audited_manifest_with_leaks(audited):
    done = split(audited, 0.2)
    with pytest.warns(UserWarning, match="share a group .* with 2 test photographs: figures"):
        check_split(done)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Sixty small photographs: forty of their own, and copies of the first ten, twice."""
    root = tmp_path_factory.mktemp("tiny")
    random = np.random.default_rng(1)
    rows = []
    for k in range(60):
        path = root / f"{k}.jpg"
        if k < 40:
            noise = random.integers(0, 256, (72, 72, 3), "uint8")
            picture = cv2.normalize(
                cv2.GaussianBlur(noise, (0, 0), 5), None, 0, 255, cv2.NORM_MINMAX
            )
            assert cv2.imwrite(str(path), picture)
        else:
            rewritten(root / f"{k % 10}.jpg", path, lambda p, k=k: np.rot90(p, k), 70)
        rows.append({"path": str(path), "label": f"Type_{k % 3 + 1}"})
    cache = tmp_path_factory.mktemp("cache")
    return SimpleNamespace(table=read_table(rows), cache=cache)


def read_table(rows: list[dict]) -> pd.DataFrame:
    from cervix_tf.data.manifests import validated

    return validated(pd.DataFrame(rows), "test")


@pytest.mark.slow
@settings(deadline=None, max_examples=12)
@given(st.data(), st.randoms(use_true_random=False))
@pytest.mark.filterwarnings("ignore:Class shares", "ignore:.*photographs validate")
def test_no_split_of_an_audited_manifest_parts_a_group(tiny, data, shuffle):
    """Whatever the patients are: patients and duplicates merge, and stay together."""
    patients = data.draw(st.lists(st.integers(0, 60), min_size=60, max_size=60))
    table = tiny.table.assign(group=[f"p{k}" for k in patients])
    done = audit(table, tiny.cache)
    for column in (table["group"], done["cluster"]):
        assert done.groupby(column)["group"].nunique().max() == 1
    assert set(done["group"]) <= set(table["group"])
    order = list(range(60))
    shuffle.shuffle(order)
    again = audit(table.iloc[order], tiny.cache).loc[table.index]
    pd.testing.assert_frame_equal(again, pd.DataFrame(done))
    try:
        parts = [split(done, 0.3), *folds(done, 2)]
    except UserError:
        return  # the patients left too few groups to divide
    for one in parts:
        assert one.groupby("group")["split"].nunique().max() == 1
        assert one.groupby("cluster")["split"].nunique().max() == 1


def test_the_copies_of_tiny_photographs_are_found(tiny):
    done = audit(tiny.table, tiny.cache)
    numbers = done["cluster"].fillna("").to_numpy()
    assert all(numbers[k] == numbers[k % 10] != "" for k in range(60) if k >= 40 or k < 10)
    assert done["cluster"].nunique() == 10


def test_nothing_readable_and_few_photographs(tmp_path, photograph):
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "b.jpg").write_bytes(b"")
    table = read_table([{"path": str(tmp_path / name)} for name in ("a.jpg", "b.jpg")])
    done = audit(table, "memory")
    assert done["flags"].tolist() == ["zero bytes"] * 2
    assert done["group"].nunique() == 2
    assert done["cluster"].isna().all()
    one = photograph(tmp_path / "c.jpg")
    os.link(one, tmp_path / "d.jpg")
    done = audit(read_table([{"path": str(one)}, {"path": str(tmp_path / "d.jpg")}]), "memory")
    assert done["flags"].str.contains("exact duplicate").all()
    assert done["distance"].isna().all()


def test_every_shape_of_manifest(tmp_path, photograph):
    for k in range(4):
        photograph(tmp_path / f"set/{'ab'[k % 2]}/{k}.jpg", k)
    done = audit(read_manifest(tmp_path / "set"), tmp_path / "cache")
    done.to_csv(tmp_path / "audit.csv", index=False)
    again = read_manifest(tmp_path / "audit.csv")
    assert again["group"].tolist() == done["group"].tolist()
    assert again["sha256"].tolist() == done["sha256"].tolist()
