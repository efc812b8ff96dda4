"""Every file that a verb reads of a run or an ensemble is damaged; each time one line names it."""

import json
import shutil

import pytest

from cervix_tf.errors import UserError
from cervix_tf.inference.familiarity import distance_limit
from cervix_tf.inference.out_of_fold import stored
from cervix_tf.runs import Run, load
from cervix_tf.runs.checked_folder import RECORDED, TABLE
from tests.planted.damages import DAMAGES, flipped
from tests.planted.ensembles import ensemble_of

# A file of a run that each verb reads, and how it is called on RUN and the phantoms DATA.
READ = {
    "report RUN --out o.html": "environment.json history.csv manifest.csv metrics.json",
    "evaluate RUN --cache squares": "recipe.yaml manifest.csv predictions.csv model.keras",
    "explain RUN --out o.png --method gradient --cache squares": "manifest.csv calibration.json",
    "export RUN --out o.onnx --format onnx": "recipe.yaml manifest.csv model.keras",
    "predict RUN DATA/test": "model.keras calibration.json",
    "submit RUN --test DATA/test --out o.csv": "model.keras calibration.json",
    "audit --data DATA --run RUN --out audit --cache squares": "manifest.csv predictions.csv",
    "fit --resume RUN": "recipe.yaml metrics.json",
}
PAIRS = [(verb, name) for verb, names in READ.items() for name in names.split()]
FIRST = {name: verb for verb, name in reversed(PAIRS)}  # the first of the verbs that read a file


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder to stand in, whose squares all verbs share."""
    return tmp_path_factory.mktemp("verbs")


@pytest.fixture(scope="module")
def unread(place, finished):
    """A copy of the finished run to damage."""
    shutil.copytree(finished.folder, place / "run")
    return place / "run"


@pytest.fixture
def refused(mistake, place, phantoms, monkeypatch):
    """Call a verb whose run is damaged: the one line it ends with."""
    monkeypatch.chdir(place)

    def call(verb: str, folder) -> str:
        words = verb.replace("RUN", str(folder)).replace("DATA", str(phantoms)).split()
        return mistake(*words)

    return call


@pytest.mark.parametrize("table", ["with its table", "of an earlier version"])
@pytest.mark.parametrize(("verb", "name"), PAIRS, ids=[f"{v.split()[0]} {n}" for v, n in PAIRS])
def test_a_damaged_file_is_named(refused, unread, verb, name, table):
    path, checks = unread / name, unread / TABLE
    whole, sums = path.read_bytes(), checks.read_bytes()
    damages = ["NUL bytes"]  # of the same size
    if table == "of an earlier version":
        checks.unlink()
        damages = list(DAMAGES) if verb == FIRST[name] else ["half"]
    try:
        for damage in damages:
            path.write_bytes(DAMAGES[damage](whole))
            assert str(path) in refused(verb, unread), damage
    finally:
        checks.write_bytes(sums)
        path.write_bytes(whole)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_table_and_damaged_references(finished, tmp_path, damage):
    folder = shutil.copytree(finished.folder, tmp_path / "run")
    table, references = folder / TABLE, folder / "references.npz"
    table.write_bytes(DAMAGES[damage](table.read_bytes()))
    with pytest.raises(UserError, match="files.json is damaged .* or delete it"):
        _ = load(folder).metrics
    table.unlink()
    references.write_bytes(DAMAGES[damage](references.read_bytes()))
    with pytest.raises(UserError, match="references.npz is damaged"):
        distance_limit(load(folder))


def test_one_byte_a_folder_and_nothing_in_place_of_a_file(finished, tmp_path):
    folder = shutil.copytree(finished.folder, tmp_path / "run")
    for name in set(RECORDED) - {"crossfit.json", "oof.csv", "tracking.json"}:
        path, whole = folder / name, (folder / name).read_bytes()
        path.write_bytes(flipped(whole))
        with pytest.raises(
            UserError, match=f"{name} is not what was written .*delete .*files.json"
        ):
            Run(folder).file(name)
        path.unlink()
        with pytest.raises(UserError, match=f"{name} does not exist: it was there"):
            Run(folder).file(name)
        path.mkdir()
        with pytest.raises(UserError, match=f"{name} does not exist: it is no file"):
            Run(folder).file(name)
        path.rmdir()
        path.write_bytes(whole)
        assert Run(folder).file(name) == path


def test_a_file_written_anew_is_no_longer_held_against_the_table(finished, tmp_path):
    run = load(shutil.copytree(finished.folder, tmp_path / "run"))
    before = json.loads(run.path(TABLE).read_text())
    assert set(before) == {path.name for path in run.folder.iterdir() if path.is_file()} - {
        TABLE, "report.html"
    }  # fmt: skip
    run.write_json("metrics.json", {**run.metrics, "log_loss": 9.0})
    assert load(run.folder).metrics["log_loss"] == 9.0
    assert set(before) - set(json.loads(run.path(TABLE).read_text())) == {"metrics.json"}
    run.seal()
    assert set(json.loads(run.path(TABLE).read_text())) == set(before)


def test_a_change_of_ones_own_is_read_without_the_table(finished, tmp_path):
    folder = shutil.copytree(finished.folder, tmp_path / "run")
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("phantom", "phantoms"))
    with pytest.raises(UserError, match="if the change is yours, delete .*files.json"):
        _ = load(folder).manifest
    (folder / TABLE).unlink()
    assert len(load(folder).manifest) == len(finished.manifest)


def test_an_ensembles_own_files(finished, tmp_path):
    ensemble = ensemble_of(finished, tmp_path / "ensemble")
    ensemble.seal()
    for name in ("crossfit.json", "oof.csv", "calibration.json"):
        path = ensemble.path(name)
        whole = path.read_bytes()
        for damage in DAMAGES.values():
            path.write_bytes(damage(whole))
            with pytest.raises(UserError, match=name):
                _ = (load(ensemble.folder).calibration, load(ensemble.folder).predictions)
        path.write_bytes(whole)
    ensemble.path("runs/1-2/model.keras").unlink()
    with pytest.raises(UserError, match=r"runs/1-2/model.keras does not exist"):
        _ = load(ensemble.folder).members[1].model


def test_manifest_and_predictions_that_do_not_belong_together(finished, tmp_path):
    folder = shutil.copytree(finished.folder, tmp_path / "run")
    (folder / TABLE).unlink()
    lines = (folder / "predictions.csv").read_text().splitlines(keepends=True)
    (folder / "predictions.csv").write_text("".join(lines[:-1]))
    with pytest.raises(UserError, match="predictions.csv is damaged .*of the manifest is missing"):
        stored(load(folder))
