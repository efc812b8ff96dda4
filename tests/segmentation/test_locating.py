import warnings

import cv2
import numpy as np
import pandas as pd
import pytest

from cervix_tf.data import phantom, prepare, read_manifest
from cervix_tf.data.crops import BOX
from cervix_tf.data.flags import NOT_LOCATED
from cervix_tf.errors import UserError
from cervix_tf.quality import drop_flagged
from cervix_tf.segmentation import load_localizer, locate, overlap, segment
from cervix_tf.segmentation.localizer.model import SHIPPED
from cervix_tf.segmentation.locating import locator


def test_locate_a_folder_with_odd_ones(red, folder, tmp_path):
    calls = []
    with pytest.warns(UserWarning, match="in 3 of 5 .* not located; 1 of 5 cannot be read"):
        table = locate(folder, red, tmp_path / "masks", 2, lambda *call: calls.append(call))
    assert calls == [(2, 5), (4, 5), (5, 5)]
    assert table.loc[0, list(BOX)].astype(float).tolist() == pytest.approx(
        [40, 20, 120, 160], abs=400 / 64
    )
    assert table["flags"].fillna("").tolist() == [
        "", *[NOT_LOCATED] * 3, f"unreadable; {NOT_LOCATED}",
    ]  # fmt: skip
    assert drop_flagged(table, ["unreadable"])["path"].tolist() == table["path"].tolist()[:4]
    assert table.loc[1:, list(BOX)].isna().all(axis=None)
    assert cv2.imread(table["mask"][0], 0).shape == (200, 400)
    assert not cv2.imread(table["mask"][1], 0).any()
    with pytest.warns(UserWarning, match="3 of 4 photographs keep their whole square"):
        assert len(prepare(table[:4], 16, "memory", crop="box")) == 4
    with pytest.raises(UserError, match="broken.jpg"), pytest.warns(UserWarning, match="whole"):
        prepare(table, 16, "memory", crop="box")


def test_locating_again_gives_the_same(red, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        once = locate(folder[:3].assign(flags=["blurred", None, None]), red)
        again = locate(once, red)
    pd.testing.assert_frame_equal(once, again)
    assert once["flags"][0] == "blurred"
    assert once.loc[0, list(BOX)].notna().all()


def test_the_shipped_localiser_finds_the_cervix_of_phantoms(tmp_path):
    table = phantom(tmp_path, per_class=4, seed=31, sizes=[(300, 400), (500, 300)])
    pictures = [cv2.imread(path)[..., ::-1] for path in table["path"]]
    find, settings = locator()
    assert len(settings["localizer"]) == 16
    true = [cv2.imread(path, 0) > 127 for path in table["mask"]]
    ious = []
    for (mask, box, flag), own, x, y in zip(
        find(pictures), true, table["os_x"], table["os_y"], strict=True
    ):
        assert flag is None
        assert box[0] <= x / own.shape[1] <= box[0] + box[2]
        assert box[1] <= y / own.shape[0] <= box[1] + box[3]
        ious.append(overlap(mask[None], own[None])[1][0])
    assert np.mean(ious) > 0.85
    assert SHIPPED.stat().st_size < 1_000_000
    assert load_localizer().card["data"].startswith("phantoms")

    black = np.zeros((1, 30, 3), np.uint8)
    assert [(m.shape, m.any(), b, f) for m, b, f in find([black])] == [
        ((1, 30), False, None, NOT_LOCATED)
    ]
    assert find([]) == []
    with pytest.raises(UserError, match="no option 'segments'"):
        locator(None, {"segments": 5})


def test_it_is_a_method_of_segment(red, folder, tmp_path, monkeypatch):
    """Its flags mean to the crop what they say: the whole square is kept."""
    monkeypatch.setattr("cervix_tf.segmentation.locating.load_localizer", lambda path: red)
    table = segment(folder[:4], tmp_path / "out", "localizer")
    assert table["flags"].notna().tolist() == [False, True, True, True]
    assert table.loc[0, list(BOX)].astype(float).tolist() == pytest.approx(
        [40, 20, 120, 160], abs=400 / 64
    )
    again = read_manifest(tmp_path / "out/manifest.csv")
    for crop in ("box", "mask"):
        with pytest.warns(UserWarning, match="3 of 4 photographs keep their whole square"):
            cut = prepare(again, 16, "memory", crop=crop).array
        assert np.array_equal(cut[1:], prepare(again, 16, "memory").array[1:])
    assert (cut[0] == 0).all(axis=2).any()
