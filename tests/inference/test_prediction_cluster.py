"""Predicting and preparing on a cluster: one played in this process, and a real one of two cores."""

import contextlib
import fcntl
import os
import pickle
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cervix_tf as cx
from cervix_tf.data import clusters, decoding_pass, prepare, read_manifest
from cervix_tf.data.decoding_pass import UnreadablePhotographs
from cervix_tf.errors import UserError
from cervix_tf.inference import prediction_cluster, prediction_stream, write_predictions
from tests.planted.ensembles import ensemble_of
from tests.planted.onnx_files import colours_onnx

COUNT = 40
NET = "colours.onnx"
GIVEN = {"engine": "onnx", "batch_size": 3}


@pytest.fixture
def folder(photograph, tmp_path, monkeypatch):
    """Forty photographs, in parts of eight, and beside them a network that gives their colours."""
    pytest.importorskip("onnxruntime")
    for k in range(COUNT):
        photograph(tmp_path / f"in/{k:02}.jpg", k)
    monkeypatch.setattr(prediction_stream, "PART", 8)
    monkeypatch.setattr(decoding_pass, "TOGETHER", 8)
    monkeypatch.chdir(tmp_path)
    colours_onnx(Path(NET))
    return Path("in")


@pytest.fixture
def played(monkeypatch, tmp_path_factory):
    """The items given to a cluster that is this process, in another folder, the last item first."""
    given: list = []

    def each(make, items, address, whole, gpus=False):
        make = pickle.loads(pickle.dumps(make))
        with contextlib.chdir(tmp_path_factory.mktemp("elsewhere")):
            work = make()
            results = [work(pickle.loads(pickle.dumps(item))) for item in reversed(items)]
        given.extend(items)
        yield from pickle.loads(pickle.dumps(results))

    for module in (prediction_cluster, decoding_pass):
        monkeypatch.setattr(module, "each", each)
    return given


@pytest.mark.parametrize(
    "options", [{}, {"tta": 3}, {"shard": "2/3"}, {"per": "group"}, {"cache": "memory"}]
)
def test_the_table_is_that_without_a_cluster(folder, played, options):
    manifest = read_manifest(folder, labelled=False)
    manifest["group"] = [f"patient {k % 7}" for k in range(COUNT)]
    done = []
    table = cx.predict(
        NET, manifest, ray="local", progress=lambda *k: done.append(k), **GIVEN, **options
    )
    pd.testing.assert_frame_equal(table, cx.predict(NET, manifest, **GIVEN, **options))
    assert len(played) == len(done) > 1
    assert done[-1][0] == done[-1][1]


def test_unreadable_photographs_are_recorded(folder, played):
    """One of a part, and all of one."""
    for k in (5, *range(16, 24)):
        (folder / f"{k:02}.jpg").write_bytes(b"")
    given = {**GIVEN, "on_error": "record"}
    here = write_predictions(NET, folder, "here.csv", **given)
    there = write_predictions(NET, folder, "there.csv", ray="local", **given)
    assert there.path.read_bytes() == here.path.read_bytes()
    assert there.errors.read_bytes() == here.errors.read_bytes()
    assert (there.rows, there.unreadable) == (COUNT - 9, 9)


def test_stopped_by_unreadable_photographs_it_goes_on_without_a_cluster(folder, played):
    """All are named, and the parts that have none are kept."""
    names = [f"{k:02}.jpg" for k in (5, 6, 30)]
    whole = cx.predict(NET, folder, **GIVEN)
    contents = [(folder / name).read_bytes() for name in names]
    before = [(folder / name).stat() for name in names]
    for name in names:
        (folder / name).write_bytes(b"")
    with pytest.raises(UnreadablePhotographs, match=r"3 of 40 .* 05\.jpg, 06\.jpg, 30\.jpg \("):
        write_predictions(NET, folder, "out.csv", ray="local", **GIVEN)
    assert not Path("out.csv").exists()
    for name, content, was in zip(names, contents, before, strict=True):
        (folder / name).write_bytes(content)
        os.utime(folder / name, ns=(was.st_atime_ns, was.st_mtime_ns))
    done = []
    write_predictions(NET, folder, "out.csv", progress=lambda *k: done.append(k), **GIVEN)
    assert done[0] == (COUNT - 16 + 1, COUNT)
    pd.testing.assert_frame_equal(pd.read_csv("out.csv"), whole, check_dtype=False)


@pytest.mark.slow
def test_sets_and_flags_of_an_ensemble(finished, phantoms, tmp_path, monkeypatch, played):
    monkeypatch.setattr(prediction_stream, "PART", 2)
    ensemble = ensemble_of(finished, tmp_path / "ensemble")
    given = {"sets": 0.5, "flags": True, "batch_size": 2, "raw": True}
    table = cx.predict(ensemble, phantoms / "test", ray="local", **given)
    pd.testing.assert_frame_equal(table, cx.predict(ensemble, phantoms / "test", **given))


def test_what_a_cluster_cannot_do(folder, played):
    with pytest.raises(UserError, match="keeps no squares while it predicts: leave out --cache"):
        cx.predict(NET, folder, ray="local", cache="squares", **GIVEN)
    with pytest.raises(UserError, match="not on the cluster's machines: give paths"):
        cx.predict(NET, np.zeros((30, 40, 3), "uint8"), ray="local", **GIVEN)
    assert not played


def test_squares_are_prepared_once(folder, played, tmp_path):
    (folder / "13.jpg").write_bytes(b"")
    manifest, done = read_manifest(folder, labelled=False), []
    given = {"cache": tmp_path / "squares", "ray": "local"}
    with pytest.raises(UnreadablePhotographs, match=r"1 of 40 .* 13\.jpg \(.*zero bytes"):
        prepare(manifest, 12, progress=lambda *k: done.append(k), **given)
    assert done == [(k, COUNT) for k in range(1, COUNT + 1)]
    played.clear()
    found = prepare(manifest.drop(index=13), 12, **given)
    assert not played
    assert np.array_equal(found.array, prepare(manifest.drop(index=13), 12, "memory").array)


# A real cluster ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster():
    """What this process is connected to as long as the module lasts; nothing is left of it."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setattr(clusters, "cores", lambda: 2)
        patch.setattr(clusters, "OBJECTS", 80 << 20)
        patch.setattr(clusters, "IDLE", 120)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        clusters.connect("local", stack)
        logs = Path(ray._private.worker._global_node.get_session_dir_path())
        assert logs.is_dir()
        yield "auto"
    assert not ray.is_initialized()
    assert not logs.parent.exists()


@pytest.fixture
def killed_at(monkeypatch):
    """Let the workers be killed while one of them opens a photograph; their process numbers."""
    psutil = pytest.importorskip("psutil")
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # what tells of a lease that is wanted

    def plant(module, photograph: Path) -> list[int]:
        killed: list[int] = []
        each = module.each

        def kill(file):
            while fcntl.fcntl(file, fcntl.F_GETLEASE) == fcntl.F_WRLCK:  # until somebody opens it
                time.sleep(0.01)
            for process in psutil.Process().children(recursive=True):
                if process.name().startswith("ray::Map"):
                    process.kill()
                    killed.append(process.pid)
            file.close()

        def each_with_a_lease(*given, **options):
            file = photograph.open("rb+")
            fcntl.fcntl(
                file, fcntl.F_SETLEASE, fcntl.F_WRLCK
            )  # who opens it waits till it is closed
            threading.Thread(target=kill, args=(file,), daemon=True).start()
            with contextlib.closing(each(*given, **options)) as results:
                yield from results

        monkeypatch.setattr(module, "each", each_with_a_lease)
        return killed

    yield plant
    signal.signal(signal.SIGIO, before)


@pytest.mark.slow
def test_a_killed_worker_loses_no_prediction(cluster, folder, killed_at, capsys):
    (folder / "21.jpg").write_bytes(b"")
    given = {**GIVEN, "on_error": "record"}
    here = write_predictions(NET, folder, "here.csv", **given)
    killed = killed_at(prediction_cluster, folder / "13.jpg")
    done = []
    there = write_predictions(
        NET, folder, "there.csv", ray=cluster, progress=lambda *k: done.append(k), **given
    )
    assert len(killed) == 1
    assert there.path.read_bytes() == here.path.read_bytes()
    assert there.errors.read_bytes() == here.errors.read_bytes()
    assert done == [(k, COUNT) for k in range(8, COUNT + 1, 8)]
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_a_killed_worker_loses_no_square(cluster, folder, killed_at, run):
    expected = prepare(read_manifest(folder, labelled=False), 16, "memory").array
    killed = killed_at(decoding_pass, folder / "13.jpg")
    code, out, err = run(
        "prepare", "--data", folder, "--size", 14, "--cache", "squares", "--ray", cluster
    )
    assert code == 0, err
    assert killed
    assert out.startswith("Squares(40 of 16 x 16")
    assert out.count("\n") == 1
    (file,) = Path("squares").glob("*.npy")
    assert np.array_equal(np.load(file), expected)


@pytest.mark.slow
def test_a_cluster_that_gives_nothing_is_not_waited_for_without_end(cluster, monkeypatch):
    monkeypatch.setattr(clusters, "IDLE", 3)
    with pytest.raises(UserError, match=r"gave no result for 0\.05 minutes: .*same command again"):
        list(clusters.each(lambda: time.sleep, [600], cluster, whole=False))
