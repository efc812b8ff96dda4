import os

import cv2
import numpy as np
import pandas as pd
import pytest

from cervix_tf.data import phantom, prepare, read_manifest
from cervix_tf.data.crops import BOX
from cervix_tf.data.flags import NOT_LOCATED
from cervix_tf.errors import UserError
from cervix_tf.segmentation import load_localizer, overlap, segment
from cervix_tf.segmentation.localizer.model import SHIPPED
from cervix_tf.segmentation.methods import METHODS


def test_boxes_of_a_folder_with_odd_ones_without_writing(red, folder, tmp_path):
    calls, before = [], sorted(tmp_path.rglob("*"))
    odd = folder[:4].assign(flags=["blurred", f"dark; {NOT_LOCATED}", None, None], mask="own.png")
    table = segment(odd, method="localizer", model=red, progress=lambda *call: calls.append(call))
    assert calls == [(4, 4)]
    assert sorted(tmp_path.rglob("*")) == before
    assert table.loc[0, list(BOX)].tolist() == pytest.approx([40, 20, 120, 160], abs=400 / 64)
    assert table[["width", "height"]].to_numpy().tolist() == [
        [400, 200],
        [100, 100],
        [80, 50],
        [1, 90],
    ]
    assert table.loc[1:, list(BOX)].isna().all(axis=None)
    assert table["confidence"][0] > 0.9
    assert table["confidence"].tolist()[1:] == [0, 0, 0]
    assert table["flags"].tolist() == ["blurred", f"dark; {NOT_LOCATED}", *[NOT_LOCATED] * 2]
    assert (table["mask"].map(os.path.basename) == "own.png").all(), "as it was given"
    with pytest.warns(UserWarning, match="3 of 4 photographs keep their whole square"):
        assert len(prepare(table, 16, "memory", crop="box")) == 4
    again = segment(table, method="localizer", model=red)
    pd.testing.assert_frame_equal(again, table)
    with pytest.raises(UserError, match=r"1 photographs cannot be read: .*broken.jpg"):
        segment(folder, method="localizer", model=red)


def test_boxes_are_the_same_with_and_without_masks(red, folder, tmp_path):
    for options in ({"method": "localizer", "model": red}, {"segments": 20}):
        masked = segment(folder[:4], tmp_path / str(len(options)), **options)
        boxed = segment(folder[:4], **options)
        measured = boxed.drop(columns=["split", "group", "source", "flags"], errors="ignore")
        pd.testing.assert_frame_equal(masked[measured.columns], measured, check_dtype=False)
        assert masked["flags"].fillna("").tolist() == boxed["flags"].fillna("").tolist()


def test_the_shipped_localiser_finds_the_cervix_of_phantoms(tmp_path):
    table = phantom(tmp_path, per_class=4, seed=31, sizes=[(300, 400), (500, 300)])
    pictures = [cv2.imread(path)[..., ::-1] for path in table["path"]]
    find, settings = METHODS["localizer"](None, {})
    assert len(settings["localizer"]) == 16
    masks = [cv2.imread(path, 0) > 127 for path in table["mask"]]
    ious = []
    for finding, mask, x, y in zip(
        find(pictures, map), masks, table["os_x"], table["os_y"], strict=True
    ):
        assert finding.flag is None
        left, top, width, height = finding.box
        assert left <= x / mask.shape[1] <= left + width
        assert top <= y / mask.shape[0] <= top + height
        ious.append(overlap(finding.mask[None], mask[None])[1][0])
    assert np.mean(ious) > 0.85
    assert SHIPPED.stat().st_size < 1_000_000
    assert load_localizer().card["data"].startswith("phantoms")

    (black,) = find([np.zeros((1, 30, 3), np.uint8)], map)
    assert (black.mask.shape, black.mask.any()) == ((1, 30), False)
    assert (black.box, black.flag) == (None, NOT_LOCATED)
    assert find([], map) == []
    with pytest.raises(UserError, match="no option 'segments'"):
        METHODS["localizer"](None, {"segments": 5})


def test_the_flags_keep_the_whole_square(red, folder, tmp_path):
    table = segment(folder[:4], tmp_path / "out", "localizer", model=red)
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
