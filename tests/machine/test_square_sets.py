import os
import time

import numpy as np
import pandas as pd
import pytest

from cervix_tf.data import prepare
from cervix_tf.data.manifests import validated
from cervix_tf.data.squares import cache_folder
from cervix_tf.errors import UserError
from cervix_tf.machine import cache

DAY = 86400


@pytest.fixture
def photographs(photograph, tmp_path):
    """Maker of a manifest of some photographs, by a folder's name."""

    def make(name, count):
        paths = [photograph(tmp_path / name / f"{k}.jpg", k) for k in range(count)]
        return validated(pd.DataFrame({"path": paths}), name)

    return make


@pytest.fixture
def kept(photographs, tmp_path):
    """A cache of two sets: of 3 photographs in `old`, used 40 days ago, and of 2 in `new`."""
    folder = tmp_path / "cache"
    for name, count in (("old", 3), ("new", 2)):
        squares = prepare(photographs(name, count), 8, folder)
        before = time.time() - 40 * DAY
        for path in folder.glob(f"{squares.path.stem}.*") if name == "old" else ():
            os.utime(path, (time.time(), before))
    (folder / "squares-notes.txt").write_text("mine")
    (folder / f"{squares.path.stem[:-1]}g.npy").symlink_to(tmp_path / "new/0.jpg")
    return folder


def files(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_sets_are_listed_with_what_they_hold(kept, tmp_path):
    before = files(kept)
    table = cache(kept)
    assert table["origin"].tolist() == [str(tmp_path / "new"), str(tmp_path / "old")]
    assert table["photographs"].tolist() == table["of"].tolist() == [2, 3]
    assert (table["state"] == "kept").all()
    assert table["size"].tolist() == [8, 8]
    ages = (pd.Timestamp.now("UTC").tz_localize(None) - table["used"]) / pd.Timedelta(days=1)
    assert ages.round().tolist() == [0, 40]
    assert (table["bytes"] > [2 * 192, 3 * 192]).all()
    assert files(kept) == before
    assert cache(tmp_path / "nowhere").empty
    (tmp_path / "empty").mkdir()
    assert cache(tmp_path / "empty", days=0, remove=True).empty


def test_old_sets_are_told_and_then_removed_alone(kept):
    before = files(kept)
    assert cache(kept, days=41)["state"].tolist() == ["kept", "kept"]
    assert cache(kept, days=30)["state"].tolist() == ["kept", "to be removed"]
    assert files(kept) == before
    gone = cache(kept, days=30, remove=True)
    assert gone["state"].tolist() == ["kept", "removed"]
    stem = gone["name"][1]
    assert files(kept) == [name for name in before if not name.startswith(stem)]
    assert len(files(kept)) == len(before) - 3


def test_using_a_set_makes_it_new(kept, photographs):
    prepare(photographs("old", 3), 8, kept)  # written anew: other times, so another set
    assert len(cache(kept)) == 3
    manifest = photographs("used", 1)
    stem = prepare(manifest, 8, kept).path.stem
    for path in kept.glob(f"{stem}.*"):
        os.utime(path, (0, 0))
    assert cache(kept, days=1000).set_index("name")["state"][stem] == "to be removed"
    prepare(manifest, 8, kept)
    assert cache(kept, days=1000).set_index("name")["state"][stem] == "kept"


def test_sets_of_a_manifest_are_kept(kept, photographs, tmp_path):
    manifest = validated(pd.DataFrame({"path": [tmp_path / "old/2.jpg"]}), "one")
    table = cache(kept, keep=manifest)
    assert table["state"].tolist() == ["to be removed", "kept"]
    assert cache(kept, days=30, keep=manifest)["state"].tolist() == ["kept", "kept"]
    boxed = photographs("boxed", 2).assign(box_x=2, box_y=2, box_w=9, box_h=9)
    squares = prepare(boxed, 8, kept, crop="box")
    stem = squares.path.stem
    del squares
    states = cache(kept, keep=boxed).set_index("name")["state"]
    assert states.pop(stem) == "kept"
    assert (states == "to be removed").all()
    moved = cache(kept, keep=boxed.assign(box_x=3)).set_index("name")["state"]
    assert moved[stem] == "to be removed"


def test_what_is_open_or_written_is_never_removed(kept, photographs):
    squares = prepare(photographs("open", 4), 8, kept)
    stem, whole = squares.path.stem, np.asarray(squares.array).sum()
    states = cache(kept, days=0, remove=True).set_index("name")["state"]
    assert states.pop(stem) == "in use"
    assert (states == "removed").all()
    assert np.asarray(squares.array).sum() == whole
    assert squares.path.is_file()
    with cache_folder(kept), pytest.raises(UserError, match="Another process"):
        cache(kept, days=0, remove=True)
    del squares
    assert cache(kept, days=0, remove=True)["state"].tolist() == ["removed"]


def test_a_damaged_set_is_one_too(kept):
    for path in kept.glob("*.rows"):
        path.write_bytes(b"short")
    for path in kept.glob("*.from"):
        path.write_bytes(b"\xff")
    table = cache(kept)
    assert table["of"].tolist() == [0, 0]
    assert cache(kept, days=0, remove=True)["state"].tolist() == ["removed", "removed"]


def test_nothing_is_removed_without_a_choice(kept):
    with pytest.raises(UserError, match="--prune DAYS"):
        cache(kept, remove=True)
    with pytest.raises(UserError, match="0 or more"):
        cache(kept, days=-1)
