import sys

import cv2
import numpy as np
import pytest

from cervix_tf import cli
from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.explanation import explain


@pytest.fixture(scope="module")
def explained(finished, tmp_path_factory):
    out = tmp_path_factory.mktemp("sheet") / "saliency.png"
    return explain(finished, out=out, methods=["gradient", "gradcam"], photographs=4, seed=1)


def test_the_validation_photographs_right_and_wrong(finished, explained):
    table = explained.table
    own = finished.manifest[finished.manifest["split"] == "validation"]
    assert set(table["path"]) <= set(own["path"])
    assert len(table) == min(4, len(own))
    right = (table["label"] == table["predicted"]).to_numpy()
    everyone = finished.predictions.set_index("image")[finished.class_names].idxmax(axis=1)
    truth = own.set_index("image")["label"]
    all_right = int((everyone == truth.reindex(everyone.index)).sum())
    wanted = min(all_right, max(2, 4 - (len(own) - all_right)))
    assert right.sum() == wanted
    assert (np.diff(right.astype(int)) <= 0).all(), "the right ones come first"
    assert (table["explained"] == table["label"]).all()
    shown = table.set_index("image")[finished.class_names]
    expected = finished.predictions.set_index("image")[finished.class_names].loc[shown.index]
    np.testing.assert_allclose(shown.to_numpy(), expected.to_numpy(), atol=1e-5)


def test_the_sheet_and_the_maps(finished, explained):
    size = finished.image_size
    assert explained.images.shape == (len(explained.table), size, size, 3)
    assert list(explained.maps) == ["gradient", "gradcam"]
    assert explained.maps["gradient"].shape == explained.images.shape[:3]
    picture = cv2.imread(str(explained.path))
    assert min(picture.shape[:2]) > 400
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 500


def test_the_same_seed_draws_the_same_sheet(finished, tmp_path):
    files = [tmp_path / f"{k}.png" for k in range(3)]
    for path, seed in zip(files, (0, 0, 7), strict=True):
        explain(finished, out=path, methods=["smoothgrad"], photographs=2, seed=seed)
    one, same, other = (path.read_bytes() for path in files)
    assert one == same
    assert one != other


def test_without_labels_the_predicted_class_is_explained(finished, phantoms, tmp_path):
    test = read_manifest(phantoms / "test", labelled=False)
    found = explain(finished, test, tmp_path / "x.png", methods=["gradient"], photographs=3)
    assert len(found.table) == 3
    assert found.table["label"].isna().all()
    assert (found.table["explained"] == found.table["predicted"]).all()


def test_mistakes(finished, tmp_path):
    with pytest.raises(UserError, match="did you mean 'gradient'"):
        explain(finished, methods=["gradint"], out=tmp_path / "x.png")
    for number in (0, "2"):
        with pytest.raises(UserError, match="show 1 to 24"):
            explain(finished, photographs=number, out=tmp_path / "x.png")
    gone = finished.manifest.assign(path="nowhere.jpg").head(1)
    with pytest.raises(UserError, match="do not exist"):
        explain(finished, gone, out=tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


def test_the_verb(finished, monkeypatch, capsys, tmp_path):
    words = f"explain {finished.folder} --photographs 2 --method gradcam --out {tmp_path}/a.png"
    monkeypatch.setattr(sys, "argv", ["cervix-tf", *words.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code in (0, None)
    assert "Type_" in capsys.readouterr().out
    assert (tmp_path / "a.png").is_file()
