import cv2
import keras
import numpy as np
import pytest

from cervix_tf.errors import UserError
from cervix_tf.segmentation import Localizer, load_localizer, squeezed


def test_mask_box_and_confidence(red, picture):
    images = np.stack([picture(64, 64, (16, 8, 32, 40), hole=True), picture(64, 64)])
    masks, boxes, confidence = red.predict(images, batch_size=1)
    assert masks.shape == (2, 64, 64)
    assert masks[0, 10:46, 18:46].all(), "holes are filled"
    assert boxes[0] == pytest.approx([0.25, 0.125, 0.5, 0.625], abs=2 / 64)
    assert confidence[0] > 0.9
    assert not masks[1].any()
    assert boxes[1].tolist() == [0, 0, 1, 1]
    assert confidence[1] == 0


def test_two_places_alike_make_it_unsure(red, picture):
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


def test_the_shipped_localiser_on_real_photographs(shared):
    """Its outlines were looked at; here only that it finds something in nearly all of them."""
    paths = sorted((shared / "data/annocerv/images").glob("*.jpg"))[::6]
    localizer = load_localizer()
    masks, _, confidence = localizer.predict(squeezed(paths, localizer.size)[0])
    assert (confidence >= localizer.threshold).mean() > 0.9
    assert 0.3 < np.median(masks.mean(axis=(1, 2))) < 0.95
