import os
import signal
import subprocess
import sys
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cervix_tf.data import prepare, read_square, square_rows, square_size
from cervix_tf.errors import UserError

SIZE = 40


@pytest.fixture
def manifest(tmp_path, photograph):
    paths = [photograph(tmp_path / "in" / f"{k}.jpg", k, (48, 60)) for k in range(12)]
    return pd.DataFrame({"path": [str(p) for p in paths]})


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch):
    """The names of the photographs that were decoded, in no order."""
    from cervix_tf.data import decoding_pass

    names, original = [], decoding_pass.square
    monkeypatch.setattr(
        decoding_pass,
        "square",
        lambda path, *rest: (names.append(path.name), original(path, *rest))[1],
    )
    return names


def expected(manifest):
    return np.stack([read_square(path, SIZE) for path in manifest["path"]])


def prepare_elsewhere(manifest, cache, tmp_path, slow=0.0, **options):
    """Prepare in another process, with a pause before every photograph."""
    manifest.to_csv(tmp_path / "list.csv", index=False)
    program = (
        "import sys, time, pandas as pd\n"
        "from cervix_tf.data import decoding_pass, squares\n"
        "original = decoding_pass.square\n"
        "def square(path, *rest):\n"
        f"    time.sleep({slow})\n"
        "    sys.stdout.write(path.name + chr(10))  # in one piece, whatever other threads write\n"
        "    sys.stdout.flush()\n"
        "    return original(path, *rest)\n"
        "decoding_pass.square = square\n"
        f"squares.prepare(pd.read_csv(sys.argv[1]), {SIZE}, cache=sys.argv[2])\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "list.csv"), str(cache)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize("network", [16, 32, 64, 96, 160, 192, 224, 299, 331, 380])
def test_square_size_leaves_whole_pixels_around_the_centre(network):
    side = square_size(network)
    assert (side - network) % 2 == 0
    assert 1.1 < side / network < 1.2


def test_squares_are_those_of_the_photographs_in_order(manifest, cache):
    calls = []
    squares = prepare(manifest, SIZE, cache, progress=lambda *call: calls.append(call))
    assert np.array_equal(squares.array, expected(manifest))
    assert len(squares) == len(manifest)
    assert str(cache) in repr(squares)
    assert calls[-1] == (12, 12)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    backwards = prepare(manifest[::-1], SIZE, cache)
    assert np.array_equal(backwards.array, squares.array[::-1])


def test_memory_none_and_folder_are_equal(manifest, cache, monkeypatch):
    monkeypatch.setattr(square_rows, "_AT_ONCE", 3 * 3 * SIZE**2)
    folder, memory, none = (prepare(manifest, SIZE, c) for c in (cache, "memory", "none"))
    assert (memory.path, none.path) == (None, None)
    assert folder.fingerprint == memory.fingerprint == none.fingerprint
    keys = (3, -1, slice(2, 9), [7, 7, 1], [], np.array([0, 11]), (slice(0, 2), slice(1, 3), 4))
    for key in keys:
        assert np.array_equal(folder.array[key], memory.array[key])
        assert np.array_equal(none.array[key], memory.array[key]), key
    assert np.array_equal(np.asarray(none.array), memory.array)
    assert none.array.shape == memory.array.shape


def test_second_call_decodes_nothing(manifest, cache, decoded):
    first = prepare(manifest, SIZE, cache)
    content = first.path.read_bytes()
    assert len(decoded) == 12
    second = prepare(manifest, SIZE, cache)
    assert len(decoded) == 12
    assert (second.path, second.fingerprint) == (first.path, first.fingerprint)
    assert second.path.read_bytes() == content
    assert np.array_equal(np.load(second.path), first.array), "any program reads it"


def test_changed_photograph_is_decoded_again_and_no_other(manifest, cache, decoded, photograph):
    first = prepare(manifest, SIZE, cache)
    before = np.array(first.array)
    changed = photograph(type(cache)(manifest["path"][4]), seed=99, size=(48, 60))
    os.utime(changed, ns=(1, 1))
    decoded.clear()
    second = prepare(manifest, SIZE, cache)
    assert decoded == ["4.jpg"]
    assert second.fingerprint != first.fingerprint
    assert second.path != first.path
    assert np.array_equal(second.array, expected(manifest))
    assert [k for k in range(12) if (second.array[k] != before[k]).any()] == [4]


def test_another_photograph_of_the_same_size_and_time_is_decoded_again(tmp_path, cache, photograph):
    path = photograph(tmp_path / "a.bmp", seed=1)
    table, before = pd.DataFrame({"path": [str(path)]}), path.stat()
    first = np.array(prepare(table, SIZE, cache).array)
    photograph(path, seed=2)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert (np.array(prepare(table, SIZE, cache).array) != first).any()


def test_another_size_and_a_part_of_the_photographs(manifest, cache, decoded):
    whole = prepare(manifest, SIZE, cache)
    decoded.clear()
    part = prepare(manifest.iloc[3:9], SIZE, cache)
    assert decoded == [], "a part is taken from the whole"
    assert np.array_equal(part.array, whole.array[3:9])
    other = prepare(manifest, SIZE - 2, cache)
    assert other.array.shape[1] == SIZE - 2
    assert len(decoded) == 12


def test_a_photograph_listed_twice_is_there_twice(manifest, cache):
    whole = prepare(manifest, SIZE, cache)
    twice = prepare(pd.concat([manifest.iloc[:2]] * 2, ignore_index=True), SIZE, cache)
    assert np.array_equal(twice.array, whole.array[[0, 1, 0, 1]])


@pytest.mark.parametrize("harm", ["flip a bit", "cut off", "zeros", "no records", "short records"])
def test_damage_is_noticed_and_mended(manifest, cache, decoded, harm):
    path = prepare(manifest, SIZE, cache).path
    records = path.with_suffix(".rows")
    whole, place = path.read_bytes(), 128 + 5 * SIZE * SIZE * 3 + 77
    decoded.clear()
    if harm == "flip a bit":
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    elif harm == "cut off":
        path.write_bytes(whole[:place])
    elif harm == "zeros":
        path.write_bytes(whole[:place] + bytes(len(whole) - place))
    elif harm == "no records":
        records.unlink()
    else:
        records.write_bytes(records.read_bytes()[:50])
    with pytest.warns(UserWarning, match="squares are damaged and decoded again"):
        mended = prepare(manifest, SIZE, cache)
    assert mended.path.read_bytes() == whole
    assert len(decoded) == {"flip a bit": 1, "cut off": 7, "zeros": 7}.get(harm, 12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare(manifest, SIZE, cache)


def test_killed_in_the_middle_and_resumed(manifest, cache, tmp_path, decoded):
    process = prepare_elsewhere(manifest, cache, tmp_path, slow=0.05)
    for _ in range(8):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not list(cache.glob("*.npy")), "what is not whole has another name"
    resumed = prepare(manifest, SIZE, cache)
    assert 1 <= len(decoded) <= 8, "what was done is kept"
    assert np.array_equal(resumed.array, expected(manifest))


def test_two_processes_at_once_share_the_work(manifest, cache, tmp_path):
    processes = [prepare_elsewhere(manifest, cache, tmp_path, slow=0.05) for _ in range(2)]
    results = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], results
    names = "".join(out for out, _ in results).split()
    assert sorted(names) == sorted(f"{k}.jpg" for k in range(12)), "each photograph once"
    assert np.array_equal(prepare(manifest, SIZE, cache).array, expected(manifest))


def test_all_unreadable_photographs_are_named_and_the_others_kept(manifest, cache, decoded):
    for name in (2, 7):
        path = type(cache)(manifest["path"][name])
        path.write_bytes(path.read_bytes()[:-150])
    for chosen in (cache, "memory", "none"):
        named = r"2 of 12 photographs .*: 2\.jpg, 7\.jpg \(truncated JPEG\)\. Replace"
        with pytest.raises(UserError, match=named) as caught:
            prepare(manifest, SIZE, chosen)
        assert "\n" not in str(caught.value)
    decoded.clear()
    rest = prepare(manifest.drop([2, 7]), SIZE, cache)
    assert len(rest) == 10
    assert decoded == []


def test_no_room_is_told_before_anything_is_written(manifest, cache, monkeypatch):
    from cervix_tf.data import cache_file

    monkeypatch.setattr(cache_file.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(UserError, match="no room .*--cache memory") as caught:
        prepare(manifest, SIZE, cache)
    assert "\n" not in str(caught.value)
    assert {path.suffix for path in cache.iterdir()} <= {".lock"}


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are those of Unix")
def test_no_room_in_the_middle_leaves_nothing_half_written(manifest, cache, tmp_path):
    import resource

    limit = 128 + 5 * SIZE * SIZE * 3 + 100  # in the midst of the sixth square
    process = prepare_elsewhere(
        manifest,
        cache,
        tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    _, error = process.communicate()
    assert process.returncode == 1
    assert "UserError" in error.splitlines()[-1]
    assert "no room for the prepared squares" in error.splitlines()[-1]
    assert {path.suffix for path in cache.iterdir()} <= {".lock"}
    assert np.array_equal(prepare(manifest, SIZE, cache).array, expected(manifest))


def test_a_file_system_that_gives_less_at_a_time(manifest, cache, monkeypatch):
    squares, read = prepare(manifest, SIZE, cache), os.preadv
    monkeypatch.setattr("os.preadv", lambda handle, to, at: read(handle, [to[0][:100]], at))
    assert np.array_equal(squares.array, expected(manifest))


def test_a_file_that_is_changed_while_it_is_read_is_told(manifest, cache):
    squares = prepare(manifest, SIZE, cache)
    first = squares.array[0]
    content = bytearray(squares.path.read_bytes())
    os.utime(squares.path)  # by another process, to the same
    assert (squares.array[0] == first).all()
    content[-1] ^= 1
    squares.path.write_bytes(content)
    assert (squares.array[0] == first).all()
    with pytest.raises(
        UserError, match=f"{squares.path} was changed while its squares were read: go on"
    ):
        squares.array[:]
    with pytest.warns(UserWarning, match="damaged"):
        assert np.array_equal(prepare(manifest, SIZE, cache).array, expected(manifest))


def test_a_file_that_is_cut_while_it_is_read_is_told(manifest, cache):
    squares = prepare(manifest, SIZE, cache)
    os.truncate(squares.path, squares.path.stat().st_size // 2)
    assert np.array_equal(squares.array[:3], expected(manifest)[:3])
    with pytest.raises(
        UserError, match=f"{squares.path} was cut while its squares were read: go on"
    ):
        squares.array[11]
    with pytest.warns(UserWarning, match="damaged"):
        assert np.array_equal(prepare(manifest, SIZE, cache).array, expected(manifest))


def test_a_file_in_the_place_of_the_folder_is_named(manifest, tmp_path):
    (tmp_path / "file").write_text("here already")
    with pytest.raises(UserError, match="file cannot keep the prepared squares"):
        prepare(manifest, SIZE, tmp_path / "file")


@pytest.mark.parametrize("size", [0, "64", 64.0])
def test_a_size_is_a_whole_number(manifest, cache, size):
    with pytest.raises(UserError, match="size=.*: give a whole number from 1 up"):
        prepare(manifest, size, cache)


def test_empty_manifest_is_refused(manifest, cache):
    with pytest.raises(UserError, match="names no photograph"):
        prepare(manifest[:0], SIZE, cache)


def test_default_folder_is_the_users(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path / "user"))
    assert prepare(manifest, SIZE).path.parent == tmp_path / "user"


def test_waiting_for_another_process_is_said(manifest, cache, tmp_path):
    process = prepare_elsewhere(manifest, cache, tmp_path, slow=0.1)
    process.stdout.readline()
    time.sleep(0.05)
    with pytest.warns(UserWarning, match="another process"):
        prepare(manifest, SIZE, cache)
    process.communicate()
    assert process.returncode == 0
