import base64
import os

import cv2
import numpy as np

from cervix_tf.segmentation import mask_files


def test_a_picture_and_its_note_come_back(tmp_path):
    rng = np.random.default_rng(0)
    for picture in (rng.integers(0, 256, (7, 9)), rng.integers(0, 256, (7, 9, 3))):
        path, note = tmp_path / "masks/a.png", {"key": "k", "box_x": 1.5, "flag": "é"}
        mask_files.write_png(path, picture.astype(np.uint8), note)
        assert mask_files.read_note(path) == note
        read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert (read == (picture if picture.ndim == 2 else picture[..., ::-1])).all()
        assert [p.name for p in path.parent.iterdir()] == ["a.png"]


def test_a_file_of_an_earlier_version_is_read(tmp_path):
    written = (
        "iVBORw0KGgoAAAANSUhEUgAAAAYAAAAECAAAAACIbxGfAAAANnRFWHRjZXJ2aXhfdGYAeyJrZXkiOiAiayIsICJib3hfeCI6"
        "IDEuNSwgImZsYWciOiAiXHUwMGU5In1leuC6AAAAGklEQVQIHR3BAQ0AAAzDIOpf9J8MMnEUR5kHHVwCBUhIMAcAAAAASUVO"
        "RK5CYII="
    )
    (tmp_path / "a.png").write_bytes(base64.b64decode(written))
    assert mask_files.read_note(tmp_path / "a.png") == {"key": "k", "box_x": 1.5, "flag": "é"}
    assert mask_files.read_mask(tmp_path / "a.png").sum() == 6


def test_masks_come_back(tmp_path):
    mask = np.random.default_rng(0).random((30, 40)) > 0.5
    mask_files.write_png(tmp_path / "a.png", mask.astype(np.uint8) * 255, {})
    assert (mask_files.read_mask(tmp_path / "a.png") == mask).all()
    assert mask_files.read_mask(tmp_path / "b.png") is None
    cv2.imwrite(str(tmp_path / "b.tif"), np.full((4, 4), np.nan, np.float32))
    assert mask_files.read_mask(tmp_path / "b.tif") is None
    (tmp_path / "b.png").write_bytes(b"")
    assert mask_files.read_mask(tmp_path / "b.png") is None


def test_files_of_others_have_no_note(tmp_path):
    assert mask_files.read_note(tmp_path / "missing.png") == {}
    plain = tmp_path / "plain.png"
    cv2.imwrite(str(plain), np.zeros((5, 5), np.uint8))
    assert mask_files.read_note(plain) == {}
    mask_files.write_png(plain, np.zeros((5, 5), np.uint8), {"key": "k"})
    whole = plain.read_bytes()
    for length in range(0, 60, 3):
        plain.write_bytes(whole[:length])
        assert mask_files.read_note(plain) == {}


def test_fingerprint_follows_file_and_settings(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"1")
    first = mask_files.fingerprint(path, {"keep": 5, "segments": 10})
    assert first == mask_files.fingerprint(path, {"segments": 10, "keep": 5})
    assert first != mask_files.fingerprint(path, {"segments": 10, "keep": 6})
    os.utime(path, (1, 1))
    assert first != mask_files.fingerprint(path, {"keep": 5, "segments": 10})


def test_box_and_centre_are_those_of_the_largest_part():
    mask = np.zeros((100, 200), bool)
    mask[10:30, 40:80] = True
    mask[90:95, 0:10] = True
    found = mask_files.box_and_centre(mask, (1000, 2000))
    assert found == {
        "box_x": 400, "box_y": 100, "box_w": 400, "box_h": 200, "centre_x": 600, "centre_y": 200,
    }  # fmt: skip
    assert mask_files.largest_part(mask).sum() == 800
    assert not mask_files.largest_part(np.zeros((4, 4), bool)).any()


def test_a_note_that_is_no_object_is_none(tmp_path):
    mask_files.write_png(tmp_path / "a.png", np.zeros((2, 2), np.uint8), [1, 2])
    assert mask_files.read_note(tmp_path / "a.png") == {}
