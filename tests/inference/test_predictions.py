import shutil

import cv2
import numpy as np
import pytest

from cervix_tf.data import prepare, read_manifest
from cervix_tf.errors import UserError
from cervix_tf.evaluation import evaluate
from cervix_tf.inference import predict, predictions_of, probabilities
from cervix_tf.inference.out_of_fold import held_out
from cervix_tf.training import fit
from tests.planted import shortcuts

TYPES = ["Type_1", "Type_2", "Type_3"]


@pytest.fixture(scope="module")
def test_photographs(phantoms):
    return read_manifest(phantoms / "test", labelled=False)


def test_table(finished, test_photographs):
    table = predict(finished, test_photographs)
    assert list(table.columns) == ["image", "path", *TYPES]
    assert table["path"].tolist() == test_photographs["path"].tolist()
    assert table["image"].tolist() == test_photographs["image"].tolist()
    assert table[TYPES].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-12)
    assert table[TYPES].to_numpy().std(axis=0).min() > 0, "photographs differ, so do predictions"


def test_validation_predictions_are_those_of_fit(finished):
    own = finished.manifest[finished.manifest["split"] == "validation"]
    raw = predict(finished.folder, own, raw=True)[TYPES].to_numpy()
    stored = finished.predictions
    assert raw == pytest.approx(stored[[f"raw:{name}" for name in TYPES]].to_numpy(), abs=1e-6)
    calibrated = predict(finished.folder, own)[TYPES].to_numpy()
    assert calibrated == pytest.approx(finished.calibration(raw), abs=1e-9)
    others = held_out(finished).probabilities
    assert others == pytest.approx(stored[TYPES].to_numpy(), abs=1e-6)
    assert abs(others - calibrated).max() > 1e-4, "its own calibration is by others alone"


def test_order_and_batch_size_do_not_matter(finished, test_photographs):
    one = predict(finished, test_photographs, batch_size=1)
    other = predict(finished, test_photographs.iloc[::-1], batch_size=3)
    assert one[TYPES].to_numpy() == pytest.approx(other[TYPES].to_numpy()[::-1], abs=1e-6)


def test_several_runs_are_averaged(finished, test_photographs, tmp_path):
    one = predict(finished, test_photographs)
    other = shutil.copytree(finished.folder, tmp_path / "other")
    both = predict([finished, other], test_photographs)
    assert both[TYPES].to_numpy() == pytest.approx(one[TYPES].to_numpy(), abs=1e-9)


def test_eight_views_do_not_care_how_the_square_is_turned(finished):
    squares = np.random.default_rng(0).integers(0, 256, (3, 36, 36, 3), "uint8")
    turned = np.ascontiguousarray(np.rot90(squares, axes=(1, 2))[:, :, ::-1])
    plain = probabilities(finished.model, squares, tta=8)
    assert probabilities(finished.model, turned, tta=8) == pytest.approx(plain, abs=1e-6)
    assert np.abs(probabilities(finished.model, squares) - plain).max() > 1e-6


def test_mistakes(finished, test_photographs):
    with pytest.raises(UserError, match="tta=9"):
        predict(finished, test_photographs, tta=9)
    with pytest.raises(UserError, match="No run"):
        predict([], test_photographs)
    for given in (predict, predictions_of):
        with pytest.raises(UserError, match="run is given twice: give every run once"):
            given([finished, finished.folder], test_photographs)


@pytest.mark.slow
def test_a_run_on_boxes_predicts_on_boxes(phantoms, recipe, tmp_path, monkeypatch):
    """Fit, evaluate and predict take the same crop, which the model file tells."""
    shortcuts.bare_fits(monkeypatch)
    manifest = read_manifest(phantoms)
    boxes = [cv2.boundingRect(cv2.imread(path, cv2.IMREAD_GRAYSCALE)) for path in manifest["mask"]]
    manifest[["box_x", "box_y", "box_w", "box_h"]] = boxes
    short = [{"train": "all", "steps": 4}]
    run = fit(manifest, recipe(crop="box", stages=short), run=tmp_path / "run", cache="memory")
    assert run.crop == run.card["crop"] == "box"
    own = run.manifest[run.manifest["split"] == "validation"]
    again = predict(run.folder, own, raw=True)[TYPES].to_numpy()
    stored = run.predictions[[f"raw:{name}" for name in TYPES]].to_numpy()
    assert again == pytest.approx(stored, abs=1e-6)
    assert evaluate(run)["log_loss"] == pytest.approx(run.metrics["log_loss"], abs=1e-5)

    with pytest.raises(UserError, match=r"column 'box_x': run `cervix-tf segment`"):
        predict(run, own.drop(columns="box_x"))
    with pytest.raises(UserError, match="column 'box_x'"):
        fit(read_manifest(phantoms), recipe(crop="box"), run=tmp_path / "other", cache="memory")
    assert not (tmp_path / "other").exists()
    lost = own.assign(flags="cervix not located")
    with pytest.warns(UserWarning, match=f"{len(own)} of {len(own)} photographs keep"):
        whole = predict(run, lost, raw=True)[TYPES].to_numpy()
    square = prepare(own, run.square_size, "memory").array
    assert whole == pytest.approx(probabilities(run.model, square), abs=1e-6)


@pytest.mark.parametrize(("given", "message"), [
    ({"batch_size": 0}, "batch_size=0: give at least 1"),
    ({"batch_size": 1.5}, "batch_size=1.5: give"),
    ({"batch_size": None}, "batch_size=None: give"),
    ({"tta": 1.5}, "tta=1.5: give 1 to 8"),
    ({"tta": "2"}, "tta='2': give 1 to 8"),
    ({"tta": None}, "tta=None: give 1 to 8"),
    ({"per": None}, "Unknown unit 'None'"),
    ({"engine": None}, "Unknown engine 'None'"),
    ({"on_error": None}, "Unknown way .* 'None'"),
    ({"sets": "a"}, "A level of a: give one between 0 and 1"),
    ({"shard": (1, 2)}, "shard .1, 2.: give I/N"),
    ({"shard": 1}, "shard 1: give I/N"),
])  # fmt: skip
def test_options_of_another_kind(finished, test_photographs, given, message):
    with pytest.raises(UserError, match=message):
        predict(finished, test_photographs, **given)


def test_numbers_of_numpy_are_taken(finished, test_photographs):
    table = predict(finished, test_photographs, tta=np.int64(1), batch_size=np.int32(2))
    assert len(table) == len(test_photographs)


def test_views_of_another_kind_in_an_evaluation(finished):
    for given in (1.5, "2", None, 9):
        with pytest.raises(UserError, match="tta=.*give 1 to 8"):
            evaluate(finished, tta=given)
