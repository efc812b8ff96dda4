import warnings

import cv2
import keras
import numpy as np
import pandas as pd
import pytest

from cervix_tf.data import phantom, prepare
from cervix_tf.data.cropping import BOX, NOT_LOCATED
from cervix_tf.errors import UserError
from cervix_tf.segmentation import Localizer, load_localizer, locate, overlap, squeezed
from cervix_tf.segmentation.localizing import SHIPPED, locator


class Red(keras.layers.Layer):
    """A stand-in that finds what is red: its logits are known."""

    def call(self, images):
        images = keras.ops.cast(images, "float32")
        excess = images[..., :1] - images[..., 1:2] - 60.0
        return keras.ops.average_pool(excess, 4, 4) / 6.0

    def compute_output_shape(self, shape):
        return (shape[0], shape[1] // 4, shape[2] // 4, 1)


@pytest.fixture(scope="module")
def red():
    inputs = keras.Input((64, 64, 3))
    return Localizer(keras.Model(inputs, Red()(inputs)), threshold=0.8)


def picture(height, width, box=None, hole=False):
    image = np.full((height, width, 3), 90, np.uint8)
    if box:
        x, y, w, h = box
        image[y : y + h, x : x + w] = (200, 40, 40)
        if hole:
            image[y + h // 3 : y + h // 2, x + w // 3 : x + w // 2] = 90
    return image


def test_mask_box_and_confidence(red):
    images = np.stack([picture(64, 64, (16, 8, 32, 40), hole=True), picture(64, 64)])
    masks, boxes, confidence = red.predict(images, batch_size=1)
    assert masks.shape == (2, 64, 64)
    assert masks[0, 10:46, 18:46].all(), "holes are filled"
    assert boxes[0] == pytest.approx([0.25, 0.125, 0.5, 0.625], abs=2 / 64)
    assert confidence[0] > 0.9
    assert not masks[1].any()
    assert boxes[1].tolist() == [0, 0, 1, 1]
    assert confidence[1] == 0


def test_two_places_alike_make_it_unsure(red):
    one = picture(64, 64, (4, 4, 20, 20))
    two = one.copy()
    two[40:60, 40:60] = (200, 40, 40)
    masks, _, confidence = red.predict(np.stack([one, two]))
    assert cv2.connectedComponents(masks[1].astype("uint8"))[0] == 2
    assert confidence[1] < red.threshold < confidence[0]


def test_shapes_are_checked(red):
    with pytest.raises(UserError, match="squeezed"):
        red.predict(np.zeros((1, 32, 32, 3), "uint8"))
    assert red.predict(np.zeros((0, 64, 64, 3), "uint8"))[0].shape == (0, 64, 64)


@pytest.fixture
def folder(tmp_path):
    """A wide red box, a grey photograph, a black one, one a pixel wide, and a damaged file."""
    wide = picture(200, 400, (40, 20, 120, 160))
    odd = [wide, picture(100, 100), picture(50, 80) * 0, picture(90, 1)]
    paths = []
    for k, image in enumerate(odd):
        paths.append(tmp_path / f"{k}.png")
        cv2.imwrite(str(paths[-1]), image[..., ::-1])
    paths.append(tmp_path / "broken.jpg")
    paths[-1].write_bytes(b"\xff\xd8 no photograph")
    return pd.DataFrame({"path": [str(p) for p in paths], "label": "Type_1"})


def test_locate_a_folder_with_odd_ones(red, folder, tmp_path):
    calls = []
    with pytest.warns(UserWarning, match="in 3 of 5 .* not located; 1 of 5 cannot be read"):
        table = locate(folder, red, tmp_path / "masks", 2, lambda *call: calls.append(call))
    assert calls == [(2, 5), (4, 5), (5, 5)]
    assert table.loc[0, list(BOX)].astype(float).tolist() == pytest.approx(
        [40, 20, 120, 160], abs=400 / 64
    )
    assert table["flags"].fillna("").tolist() == [
        "", *[NOT_LOCATED] * 3, f"cannot be read; {NOT_LOCATED}",
    ]  # fmt: skip
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


def test_save_and_load(tmp_path):
    from cervix_tf.segmentation import localizer_network

    localizer = Localizer(localizer_network(32, width=4), 0.7, {"iou": 0.5})
    localizer.save(tmp_path / "a.keras")
    again = load_localizer(tmp_path / "a.keras")
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), "uint8")
    assert (again.threshold, again.card, again.size) == (0.7, {"iou": 0.5}, 32)
    for one, other in zip(localizer.predict(images), again.predict(images), strict=True):
        assert np.array_equal(one, other)


def test_files_that_are_no_localiser(tmp_path, red):
    with pytest.raises(UserError, match="does not exist"):
        load_localizer(tmp_path / "gone.keras")
    (tmp_path / "text.keras").write_text("nothing")
    with pytest.raises(UserError, match="no localiser"):
        load_localizer(tmp_path / "text.keras")
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    with pytest.raises(UserError, match="no localiser"):
        load_localizer(tmp_path / "other.keras")
    with pytest.raises(UserError, match="ends in .keras"):
        red.save(tmp_path / "file.h5")


def test_squeezed_names_what_it_cannot_read(folder):
    images, reasons = squeezed(folder["path"].tolist(), 16)
    assert images.shape == (5, 16, 16, 3)
    assert list(reasons) == [4]
    assert images[0, 8, 5].tolist() == [200, 40, 40], "squeezed, nothing is lost"
    assert images[0, 8, 14].tolist() == [90, 90, 90]


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


def test_the_shipped_localiser_on_real_photographs(shared):
    """Its outlines were looked at; here only that it finds something in nearly all of them."""
    paths = sorted((shared / "data/annocerv/images").glob("*.jpg"))[::6]
    localizer = load_localizer()
    masks, _, confidence = localizer.predict(squeezed(paths, localizer.size)[0])
    assert (confidence >= localizer.threshold).mean() > 0.9
    assert 0.3 < np.median(masks.mean(axis=(1, 2))) < 0.95
