import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cervix_tf as cx
from cervix_tf.data import read_manifest
from cervix_tf.data.tables import read_table
from cervix_tf.errors import UserError
from cervix_tf.inference import prediction_stream, write_predictions
from tests.planted.damages import DAMAGES
from tests.planted.engines import CLASSES, colours, plant
from tests.planted.ensembles import ensemble_of

ROOT = Path(__file__).parents[2]
COUNT = 60


@pytest.fixture
def folder(photograph, tmp_path, monkeypatch):
    """Sixty photographs, one of them empty, predicted in parts of eight by their colours."""
    for k in range(COUNT):
        photograph(tmp_path / f"in/{k}.jpg", k)
    (tmp_path / "in/37.jpg").write_bytes(b"")
    monkeypatch.setattr(prediction_stream, "PART", 8)
    plant(monkeypatch, colours(tmp_path / "in/0.jpg"))
    return tmp_path / "in"


GIVEN = {"batch_size": 4, "on_error": "record"}

# Each child begins where the one before was killed: in the middle of a batch.
KILLED = """
import os, signal, sys
from pathlib import Path
import pytest
from cervix_tf.inference import prediction_stream, write_predictions
from tests.planted.engines import colours, plant

photographs, out, predicted = map(Path, sys.argv[1:])
prediction_stream.PART = 8

def work(count):
    global left
    with predicted.open("a") as file:
        file.write(f"{count}\\n")
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

plant(pytest.MonkeyPatch(), colours(photographs / "0.jpg", work))
for left in (1, 4, 3, 2, 6):
    child = os.fork()
    if child == 0:
        write_predictions("run", photographs, out, batch_size=4, on_error="record")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), out.exists(), flush=True)
assert "tensorflow" not in sys.modules
"""


@pytest.mark.slow
def test_killed_five_times_it_ends_as_if_undisturbed(folder, tmp_path, monkeypatch):
    whole = write_predictions("run", folder, tmp_path / "whole.csv", **GIVEN)
    out, predicted = tmp_path / "killed.csv", tmp_path / "batches"
    words = [sys.executable, "-c", KILLED, folder, out, predicted]
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(-signal.SIGKILL), "False"] * 5
    parts = sorted(tmp_path.glob("killed.csv.parts/*.csv"))
    assert [part.name[:9] for part in parts] == [f"{8 * k:09}" for k in range(len(parts))]
    assert len(parts) == 4, "two batches make a part: of each child 0, 1, 1, 0 and 2"

    batches = []
    plant(monkeypatch, colours(folder / "0.jpg", batches.append))
    again = write_predictions("run", folder, out, **GIVEN)
    assert sum(batches) == COUNT - 4 * 8 - 1, "the parts that were whole are kept"
    assert out.read_bytes() == whole.path.read_bytes()
    assert again.errors.read_bytes() == whole.errors.read_bytes()
    assert (again.rows, again.unreadable) == (COUNT - 1, 1)
    assert sorted(p.name for p in tmp_path.glob("killed*")) == ["killed.csv", "killed.errors.csv"]
    table = pd.read_csv(out)
    assert table["image"].tolist() == [f"{k}.jpg" for k in range(COUNT) if k != 37]
    assert "zero bytes" in pd.read_csv(again.errors)["reason"].item()


@pytest.fixture
def interrupted(folder, tmp_path, monkeypatch):
    """Parts of the first half, left by Ctrl-C; then the batches that a call predicts."""
    batches = []

    def work(count):
        batches.append(count)
        if sum(batches) > 30:
            raise KeyboardInterrupt

    plant(monkeypatch, colours(folder / "0.jpg", work))
    with pytest.raises(KeyboardInterrupt):
        write_predictions("run", folder, tmp_path / "out.csv", **GIVEN)
    assert len(list(tmp_path.glob("out.csv.parts/*.csv"))) == 3
    batches = []
    plant(monkeypatch, colours(folder / "0.jpg", batches.append))
    return batches


def test_what_is_the_same_is_kept(folder, tmp_path, interrupted):
    seen = []
    write_predictions(
        "run", folder, tmp_path / "out.csv", progress=lambda *k: seen.append(k), **GIVEN
    )
    assert sum(interrupted) == COUNT - 24 - 1
    assert seen[0] == (25, COUNT)
    assert seen[-1] == (COUNT, COUNT)


@pytest.mark.parametrize(
    ("change", "predicted"),
    [("run", COUNT - 1), ("tta", COUNT - 1), ("photograph", COUNT - 17), ("first", COUNT - 2)],
)
def test_nothing_else_is_mixed_in(
    folder, tmp_path, interrupted, monkeypatch, photograph, change, predicted
):
    given, model = dict(GIVEN), folder / "0.jpg"
    if change == "run":
        (tmp_path / "other").write_text("another network")
        model = tmp_path / "other"
    elif change == "tta":
        given["tta"] = 2
    elif change == "photograph":
        photograph(folder / "5.jpg", 100)
    else:
        (folder / "0.jpg").rename(tmp_path / "gone.jpg")
        model = tmp_path / "gone.jpg"
    plant(monkeypatch, colours(model, interrupted.append))
    write_predictions("run", folder, tmp_path / "out.csv", **given)
    assert sum(interrupted) == predicted
    write_predictions("run", folder, tmp_path / "new.csv", **given)
    assert (tmp_path / "out.csv").read_text() == (tmp_path / "new.csv").read_text()


@pytest.mark.parametrize("name", ["{}.csv", "{}.errors.csv", "{}.sha256"])
@pytest.mark.parametrize("damage", ["empty", "half", "deleted", "altered"])
def test_a_damaged_part_is_predicted_anew(folder, tmp_path, monkeypatch, name, damage):
    (folder / "3.jpg").write_bytes(b"")
    whole = write_predictions("run", folder, tmp_path / "whole.csv", **GIVEN)

    def stop(done, _):
        if done > 16:  # two parts are written
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_predictions("run", folder, tmp_path / "out.csv", progress=stop, **GIVEN)
    (noted,) = tmp_path.glob("out.csv.parts/000000000-*.sha256")
    file = noted.with_name(name.format(noted.stem))
    if damage == "deleted":
        file.unlink()
    elif damage == "altered":
        file.write_text(file.read_text().translate(str.maketrans("0123456789", "1234567890")))
    else:
        file.write_bytes(DAMAGES[damage](file.read_bytes()))
    batches = []
    plant(monkeypatch, colours(folder / "0.jpg", batches.append))
    again = write_predictions("run", folder, tmp_path / "out.csv", **GIVEN)
    assert sum(batches) == COUNT - 2 - 8, "the other part is kept"
    assert again.path.read_bytes() == whole.path.read_bytes()
    assert again.errors.read_bytes() == whole.errors.read_bytes()
    assert (again.rows, again.unreadable) == (COUNT - 2, 2)
    assert not (tmp_path / "out.csv.parts").exists()


def test_stopped_by_unreadable_photographs_it_goes_on_when_they_are_gone(folder, tmp_path):
    out = tmp_path / "out.csv"
    with pytest.raises(UserError, match=r"1 of 60 .* 37\.jpg"):
        write_predictions("run", folder, out, batch_size=4)
    assert not out.exists()
    assert len(list(tmp_path.glob("out.csv.parts/*.csv"))) == 4
    manifest = read_manifest(folder, labelled=False).drop(index=37)
    assert write_predictions("run", manifest, out, batch_size=4).rows == COUNT - 1
    assert not list(tmp_path.glob("out.*[!v]"))


def test_shares_one_after_the_other_make_the_whole(folder, tmp_path):
    whole = write_predictions("run", folder, tmp_path / "whole.csv", **GIVEN).path.read_text()
    head, _, body = whole.partition("\n")
    shares = []
    for k in (1, 2, 3):
        out = tmp_path / f"{k}.csv"
        write_predictions("run", folder, out, shard=f"{k}/3", **GIVEN)
        top, _, rest = out.read_text().partition("\n")
        assert top == head
        shares.append(rest)
    assert "".join(shares) == body
    assert [(tmp_path / f"{k}.errors.csv").exists() for k in (1, 2, 3)] == [False, True, False]


def test_one_file_is_written_by_one_process(folder, tmp_path, monkeypatch):
    out = tmp_path / "out.csv"

    def work(count):
        with pytest.raises(UserError, match=r"out\.csv is being written by another process"):
            write_predictions("run", folder, out, **GIVEN)

    plant(monkeypatch, colours(folder / "0.jpg", work))
    assert write_predictions("run", folder, out, **GIVEN).rows == COUNT - 1


def test_what_lies_beside_is_left_alone(folder, tmp_path):
    """Parts that this package wrote are removed, and its own table of errors alone is replaced."""
    out = tmp_path / "out.csv"
    (tmp_path / "out.csv.parts").mkdir()
    for name in ("notes.txt", "000000000-mine.csv"):
        (tmp_path / "out.csv.parts" / name).write_text("mine")
    (tmp_path / "out.errors.csv").write_text("mine")
    (folder / "37.jpg").unlink()
    write_predictions("run", folder, out, batch_size=4)
    left = sorted(p.name for p in (tmp_path / "out.csv.parts").iterdir())
    assert left == ["000000000-mine.csv", "notes.txt"]
    assert (tmp_path / "out.errors.csv").read_text() == "mine"
    with pytest.raises(UserError, match=r"out\.errors\.csv would be the table of unreadable"):
        write_predictions("run", folder, out, **GIVEN)
    (folder / "2.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"2\.jpg"):
        write_predictions("run", folder, tmp_path / "new.csv", batch_size=4)
    assert len(list(tmp_path.glob("new.csv*"))) == 0


def test_the_table_of_errors_of_any_name_is_known_again(folder, tmp_path):
    (folder / "37.jpg").rename(folder / "37\r.jpg")
    first = write_predictions("run", folder, tmp_path / "out.csv", **GIVEN)
    before = first.errors.read_bytes()
    assert write_predictions("run", folder, tmp_path / "out.csv", **GIVEN) == first
    assert first.errors.read_bytes() == before
    for other in (b"", b"PK\3\4", b"image,path\n"):
        first.errors.write_bytes(other)
        with pytest.raises(UserError, match="but is something else"):
            write_predictions("run", folder, tmp_path / "out.csv", **GIVEN)


def test_groups_are_those_of_all_parts(folder, tmp_path):
    manifest = read_manifest(folder, labelled=False)
    manifest["group"] = [f"patient {k % 7}" for k in range(COUNT)]
    done = write_predictions("run", manifest, tmp_path / "out.csv", per="group", **GIVEN)
    with pytest.warns(UserWarning, match=r"37\.jpg"):
        table = cx.predict("run", manifest, per="group", **GIVEN)
    assert (done.rows, done.unreadable) == (7, 1)
    pd.testing.assert_frame_equal(pd.read_csv(done.path), table, check_dtype=False)


def test_a_group_without_a_readable_photograph_is_named(folder, tmp_path, recwarn):
    manifest = read_manifest(folder, labelled=False).iloc[35:39]
    manifest["group"] = ["a", "a", "b", "b"]  # the third photograph is empty
    given = {"per": "group", **GIVEN}

    def said(call):
        recwarn.clear()
        table = call("run", manifest, **given)
        return table, [str(one.message) for one in recwarn if one.category is UserWarning]

    def write(*run, **given):
        return write_predictions(*run, tmp_path / "out.csv", **given).rows

    assert said(write) == (2, [])
    (folder / "36.jpg").write_bytes(b"")
    (folder / "38.jpg").write_bytes(b"")
    named = "groups have no photograph that can be read, and so no row"
    assert said(write) == (1, [f"1 {named}: b."])
    table, words = said(cx.predict)
    assert table["group"].tolist() == ["a"]
    assert words[1:] == [f"1 {named}: b."]
    (folder / "35.jpg").write_bytes(b"")
    assert said(write) == (0, [f"2 {named}: a, b."])


@pytest.mark.slow
def test_sets_and_flags_of_an_ensemble(finished, phantoms, tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_stream, "PART", 2)
    ensemble = ensemble_of(finished, tmp_path / "ensemble")
    given = {"sets": 0.5, "flags": True, "batch_size": 2}
    done = write_predictions(ensemble, phantoms / "test", tmp_path / "out.csv", **given)
    table = cx.predict(ensemble, phantoms / "test", **given)
    assert list(table) == ["image", "path", *CLASSES, "set", "flags", "distance"]
    stored = read_table(done.path, ("image", "path", "set", "flags"))
    pd.testing.assert_frame_equal(stored.fillna(""), table.fillna(""), check_dtype=False)


def test_parquet(folder, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    manifest = read_manifest(folder, labelled=False)
    for per in ("photograph", "group"):
        given = {"per": per, **GIVEN}
        manifest["group"] = [f"patient {k % 7}" for k in range(COUNT)]
        done = write_predictions("run", manifest, tmp_path / "out.parquet", **given)
        text = write_predictions("run", manifest, tmp_path / "out.csv", **given)
        table = parquet.read_table(done.path)
        assert set(map(str, table.schema.types)) <= {"string", "double", "int64"}
        expected = pd.read_csv(text.path)
        pd.testing.assert_frame_equal(
            pd.DataFrame(table.to_pydict()), expected, check_dtype=False, rtol=0
        )
        assert done.errors == tmp_path / "out.errors.csv"


@pytest.mark.parametrize("path", [None, "", b"out.csv"])
def test_what_is_no_path_is_called_so(folder, path):
    with pytest.raises(UserError, match="^path is .*: give a path"):
        write_predictions("run", folder, path)


def test_parquet_needs_pyarrow(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'pyarrow is not installed: .*"cervix-tf\[parquet\]"'):
        write_predictions("run", folder, tmp_path / "out.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_pictures_in_memory_are_refused(folder, tmp_path):
    with pytest.raises(UserError, match="in memory"):
        write_predictions("run", np.zeros((8, 8, 3), "uint8"), tmp_path / "out.csv")


def test_the_verb(finished, phantoms, tmp_path, run, mistake):
    out = tmp_path / "out.csv"
    folder = tmp_path / "in"
    folder.mkdir()
    for k, path in enumerate(sorted((phantoms / "test").glob("*.jpg"))):
        (folder / f"{k}.jpg").hardlink_to(path)
    (folder / "broken.jpg").write_bytes(b"")
    words = ["predict", finished.folder, folder, "--out", out]
    assert "broken.jpg" in mistake(*words)
    code, said, _ = run(*words, "--on-error", "record")
    assert code == 0
    assert said.splitlines() == [
        f"5 photographs in {out}",
        f"1 photographs that cannot be read in {tmp_path}/out.errors.csv",
    ]
    (folder / "broken.jpg").unlink()
    for k in (1, 2):
        assert run(*words, "--shard", f"{k}/2")[1] == f"{k + 1} photographs in {out}\n"
    assert not (tmp_path / "out.errors.csv").exists()
    assert "I/N" in mistake(*words, "--shard", "3/2")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_classes_of_any_name(folder, tmp_path, monkeypatch, ending):
    names = ["None", "a\nb, c", "7"]
    plant(monkeypatch, replace(colours(tmp_path / "in/0.jpg"), class_names=names))
    path = write_predictions("run", folder, tmp_path / f"out.{ending}", **GIVEN).path
    table = read_table(path) if ending == "csv" else pd.read_parquet(path)
    assert list(table) == ["image", "path", *names]
    assert table["image"].tolist() == [f"{k}.jpg" for k in range(COUNT) if k != 37]
