import threading

import numpy as np
import pandas as pd
import pytest

import cervix_tf as cx
from cervix_tf.data import prepare, read_manifest
from cervix_tf.data.decoding_pass import UnreadablePhotographs
from cervix_tf.errors import UserError
from cervix_tf.inference import prediction_stream
from cervix_tf.inference.prediction_stream import shard_rows
from tests.planted.engines import CLASSES, colours, plant


@pytest.fixture
def folder(photograph, tmp_path, monkeypatch):
    """Thirty photographs, predicted in parts of eight by their colours."""
    for k in range(30):
        photograph(tmp_path / f"in/{k}.jpg", k)
    monkeypatch.setattr(prediction_stream, "PART", 8)
    plant(monkeypatch, colours(tmp_path / "in/0.jpg"))
    return tmp_path / "in"


def expected(folder, size=12):
    manifest = read_manifest(folder, labelled=False)
    sums = prepare(manifest, size, "memory").array.sum(axis=(1, 2), dtype="float64") + 1
    return sums / sums.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("cache", ["none", "memory", "folder"])
def test_every_photograph_once_in_order(folder, tmp_path, cache):
    done = []
    given = {"cache": tmp_path / "cache" if cache == "folder" else cache, "batch_size": 5}
    for _ in range(2):
        table = cx.predict("run", folder, progress=lambda k, n: done.append((k, n)), **given)
        assert table["image"].tolist() == [f"{k}.jpg" for k in range(30)]
        assert np.array_equal(table[CLASSES], expected(folder))
    assert done == 2 * [(k, 30) for k in range(1, 31)]


def test_engines_of_several_sizes_are_averaged(folder, tmp_path, monkeypatch):
    plant(monkeypatch, *(colours(folder / "0.jpg", size=size) for size in (12, 8, 12)))
    both = (2 * expected(folder) + expected(folder, 8)) / 3
    found = cx.predict("run", folder, batch_size=7)[CLASSES].to_numpy()
    np.testing.assert_allclose(found, both, rtol=1e-12)


def test_photographs_are_decoded_while_the_network_works(folder, monkeypatch):
    """The network waits for what would never come, were they decoded after it."""
    decoded, enough = [], threading.Event()
    from cervix_tf.data import square_reader

    square, ahead, batches = square_reader.square, [], []

    def noting(*given):
        decoded.append(given)
        if len(decoded) >= 8:
            enough.set()
        return square(*given)

    def work(count):
        batches.append(count)
        assert enough.wait(60), "the next batch is not decoded while this one is predicted"
        ahead.append(len(decoded) - sum(batches))

    monkeypatch.setattr(square_reader, "square", noting)
    plant(monkeypatch, colours(folder / "0.jpg", work))
    table = cx.predict("run", folder, batch_size=4)
    assert len(table) == len(decoded) == sum(batches) == 30
    assert max(ahead) <= 3 * 4, "no more than three batches wait"


def test_all_unreadable_photographs_are_named_or_left_out(folder, monkeypatch):
    batches = []
    plant(monkeypatch, colours(folder / "0.jpg", batches.append))
    for k in (9, 27):
        (folder / f"{k}.jpg").write_bytes(b"")
    with pytest.raises(UnreadablePhotographs, match=r"2 of 30 .* 9\.jpg, 27\.jpg \(") as error:
        cx.predict("run", folder, batch_size=4)
    assert sorted(error.value.reasons) == [9, 27]
    assert sum(batches) < 12, "nothing is predicted in vain"
    with pytest.warns(UserWarning, match=r"2 photographs .* left out: 9\.jpg, 27\.jpg"):
        table = cx.predict("run", folder, batch_size=4, on_error="record")
    kept = [k for k in range(30) if k not in (9, 27)]
    assert table["image"].tolist() == [f"{k}.jpg" for k in kept]
    for k in (9, 27):
        (folder / f"{k}.jpg").unlink()
    assert np.array_equal(table[CLASSES], expected(folder))


def test_unreadable_photographs_of_a_group_do_not_count(folder):
    manifest = read_manifest(folder, labelled=False)
    manifest["group"] = [f"patient {k // 3}" for k in range(30)]
    (folder / "4.jpg").write_bytes(b"")
    for k in (15, 16, 17):
        (folder / f"{k}.jpg").write_bytes(b"")
    with pytest.warns(UserWarning, match="4 photographs"):
        table = cx.predict("run", manifest, per="group", on_error="record")
    assert table["group"].tolist() == [f"patient {k}" for k in range(10) if k != 5]
    assert table["photographs"].tolist() == [3, 2, 3, 3, 3, 3, 3, 3, 3]


def test_shares_make_the_whole(folder):
    whole = cx.predict("run", folder, batch_size=4)
    for number in (1, 4, 30):
        parts = [
            cx.predict("run", folder, batch_size=4, shard=f"{k}/{number}")
            for k in range(1, number + 1)
        ]
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        assert pd.concat(parts).reset_index(drop=True).equals(whole)


@pytest.mark.parametrize(
    "shard", ["", "1", "0/4", "5/4", "1/0", "a/b", "-1/4", "1/4/2", "\u0663/\u0664"]
)
def test_what_is_no_share(shard):
    with pytest.raises(UserError, match="1/4 for the first"):
        shard_rows(shard, 100)


def test_mistakes(folder):
    for given, message in [
        ({"shard": "1/31"}, "only 30 photographs"),
        ({"shard": "1/2", "per": "group"}, "several shards"),
        ({"on_error": "recrod"}, "did you mean 'record'"),
        ({"tta": 0}, "tta=0"),
        ({"engine": "onnx", "flags": True}, "need the run"),
    ]:
        with pytest.raises(UserError, match=message):
            cx.predict("run", folder, **given)


def test_photographs_of_one_name_are_told_apart_by_their_path(folder):
    for part in ("A", "B"):
        (folder / part).mkdir()
        (folder / part / "1.jpg").write_bytes((folder / f"{ord(part) % 30}.jpg").read_bytes())
    table = cx.predict("run", folder)
    same = table[table["image"] == "1.jpg"]
    paths = [str(folder / name) for name in ("1.jpg", "A/1.jpg", "B/1.jpg")]
    assert same["path"].tolist() == paths
    assert same[CLASSES].drop_duplicates().shape[0] == 3
