import numpy as np
import pandas as pd
import pytest

from cervix_tf.data import prepare
from cervix_tf.errors import UserError
from cervix_tf.quality.survey import survey

SIZE = 40


@pytest.fixture
def manifest(tmp_path, photograph):
    """Twelve photographs, of which 2, 7 and the last cannot be read."""
    paths = [photograph(tmp_path / "in" / f"{k}.jpg", k, (48, 60)) for k in range(12)]
    paths[2].write_bytes(b"")
    paths[11].write_bytes(b"no picture")
    paths[7].write_bytes(paths[7].read_bytes()[:-150])
    return pd.DataFrame({"path": [str(path) for path in paths]})


@pytest.fixture
def decoded(monkeypatch):
    """The names of the photographs that were decoded."""
    from cervix_tf.data import decoding_pass

    names, original = [], decoding_pass.square
    monkeypatch.setattr(
        decoding_pass,
        "square",
        lambda path, *rest: (names.append(path.name), original(path, *rest))[1],
    )
    return names


def surveyed(manifest, cache):
    """What was shown, by row, the reasons, and the calls of progress."""
    shown, calls = {}, []

    def see(row, pixels, data):
        assert row not in shown
        shown[row] = (pixels.copy(), data)

    reasons = survey(manifest, SIZE, see, cache, lambda *call: calls.append(call))
    return shown, reasons, calls


@pytest.mark.parametrize("cache", ["memory", "folder"])
def test_every_readable_photograph_is_shown_once_and_the_others_are_named(
    manifest, cache, tmp_path
):
    where = cache if cache == "memory" else tmp_path / "cache"
    for _ in range(2):
        shown, reasons, calls = surveyed(manifest, where)
        assert sorted(shown) == [k for k in range(12) if k not in (2, 7, 11)]
        assert set(reasons) == {2, 7, 11}
        assert "zero bytes" in reasons[2]
        squares = prepare(manifest.drop([2, 7, 11]), SIZE, "memory")
        for pixels, row in zip(squares.array, sorted(shown), strict=True):
            assert np.array_equal(pixels, shown[row][0])
            with open(manifest["path"][row], "rb") as file:
                assert shown[row][1] == file.read()
        assert calls[-1] == (12, 12)
        assert calls == sorted(calls)


def test_nothing_is_decoded_twice(manifest, tmp_path, decoded):
    surveyed(manifest, tmp_path / "cache")
    readable = manifest.drop([2, 7, 11])
    assert len(decoded) == 12
    decoded.clear()
    shown, _, _ = surveyed(manifest, tmp_path / "cache")
    assert len(shown) == 9
    assert set(decoded) == {"2.jpg", "7.jpg", "11.jpg"}, (
        "only what could not be read is tried again"
    )
    decoded.clear()
    prepare(readable, SIZE, tmp_path / "cache")
    surveyed(readable[::-1], tmp_path / "cache")
    assert decoded == []


def test_a_folder_that_cannot_be(manifest, tmp_path):
    (tmp_path / "file").write_text("here already")
    with pytest.raises(UserError, match="cannot keep the prepared squares"):
        surveyed(manifest, tmp_path / "file")
