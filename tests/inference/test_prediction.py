import numpy as np
import pytest

from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.inference import predict, probabilities

TYPES = ["Type_1", "Type_2", "Type_3"]


@pytest.fixture(scope="module")
def test_photographs(phantoms):
    return read_manifest(phantoms / "test", labelled=False)


def test_table(finished, test_photographs):
    table = predict(finished, test_photographs)
    assert list(table.columns) == ["image", *TYPES]
    assert table["image"].tolist() == test_photographs["image"].tolist()
    assert table[TYPES].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-12)
    assert table[TYPES].to_numpy().std(axis=0).min() > 0, "photographs differ, so do predictions"


def test_validation_predictions_are_those_of_fit(finished):
    own = finished.manifest[finished.manifest["split"] == "validation"]
    table = predict(finished.folder, own)
    assert table[TYPES].to_numpy() == pytest.approx(
        finished.predictions[TYPES].to_numpy(), abs=1e-6
    )


def test_order_and_batch_size_do_not_matter(finished, test_photographs):
    one = predict(finished, test_photographs, batch_size=1)
    other = predict(finished, test_photographs.iloc[::-1], batch_size=3)
    assert one[TYPES].to_numpy() == pytest.approx(other[TYPES].to_numpy()[::-1], abs=1e-6)


def test_several_runs_are_averaged(finished, test_photographs):
    one = predict(finished, test_photographs)
    both = predict([finished, finished.folder], test_photographs)
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
