import cv2
import numpy as np
import pandas as pd
import pytest

from cervix_tf.data import read_manifest, read_square
from cervix_tf.errors import UserError
from cervix_tf.explanation import examine, overlay, saliency
from cervix_tf.inference import predict
from cervix_tf.segmentation import load_localizer, segment


@pytest.fixture(scope="module")
def paths(phantoms):
    return sorted((phantoms / "test").glob("*.jpg"))


@pytest.fixture(scope="module")
def examined(finished, paths):
    return examine(finished, paths)[0]


def test_probabilities_are_those_of_predict(finished, phantoms, examined):
    table = predict(finished, read_manifest(phantoms / "test", labelled=False))
    by_name = table.set_index("image")[finished.class_names]
    for one in examined:
        np.testing.assert_allclose(one.probabilities, by_name.loc[one.path.name], atol=1e-6)


def test_what_is_shown_is_what_the_network_saw(finished, examined):
    margin = (finished.square_size - finished.image_size) // 2
    for one in examined:
        square = read_square(one.path, finished.square_size)
        np.testing.assert_array_equal(one.seen, square[margin:-margin, margin:-margin])
        target = one.probabilities.argmax()
        (cam,) = saliency(finished.model, one.seen[None], [target], "gradcam")
        # 1 level: other images in the batch change the last digits of a map.
        difference = overlay(one.seen, cam).astype(int) - one.gradcam
        assert np.abs(difference).max() <= 1
        assert one.blank == (not cam.any())
        assert one.located


def test_the_frame_holds_what_the_network_saw(examined):
    shapes = set()
    for one in examined:
        photograph = cv2.imread(str(one.path))[..., ::-1]
        height, width = photograph.shape[:2]
        shapes.add(height < width)
        left, top, right, bottom = frame_in_pixels(one, height, width)
        assert right - left == bottom - top
        part = np.ascontiguousarray(photograph[top:bottom, left:right])
        small = cv2.resize(part, one.seen.shape[:2], interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - one.seen).mean() < 12
        moved = np.roll(small, 4, axis=1)
        assert np.abs(moved.astype(int) - one.seen).mean() > 12
    assert shapes == {True, False}, "upright and lying ones"


def frame_in_pixels(one, height, width):
    left, top, wide, high = one.frame
    sides = np.array([left * width, top * height, (left + wide) * width, (top + high) * height])
    return sides.round().astype(int)


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(finished, paths, tmp_path):
    empty, page, cut = (tmp_path / name for name in ("empty.png", "page.jpg", "cut.jpg"))
    empty.write_bytes(b"")
    page.write_text("<html></html>")
    cut.write_bytes(paths[0].read_bytes()[:1500])
    given = [empty, paths[1], page, paths[0], cut, paths[1], tmp_path / "gone.jpg"]
    examined, reasons = examine(finished, given)
    assert [one.path for one in examined] == [paths[1], paths[0]]
    assert reasons == {
        empty: "the file is empty (zero bytes)",
        page: "not a picture, or damaged",
        cut: "truncated JPEG",
        tmp_path / "gone.jpg": "no such file or directory",
    }
    assert examine(finished, [empty]) == ([], {empty: reasons[empty]})
    assert examine(finished, []) == ([], {})


def test_a_run_trained_on_boxes_sees_the_box_that_the_localizer_finds(with_crop, paths, tmp_path):
    boxed = with_crop("box")
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((120, 160, 3), 90, "uint8"))
    localizer = load_localizer()
    photographs = pd.DataFrame({"path": [*map(str, paths), str(blank)]})
    table = segment(photographs, method="localizer", model=localizer)
    with pytest.warns(UserWarning, match="keep their whole"):
        expected = predict(boxed, table)[boxed.class_names].to_numpy()
    examined, reasons = examine(boxed, [*paths, blank], localizer)
    assert not reasons
    np.testing.assert_allclose([one.probabilities for one in examined], expected, atol=1e-6)
    assert [one.located for one in examined] == table["flags"].isna().tolist()
    assert not examined[-1].located
    assert any(one.located for one in examined)
    for one, (_, row) in zip(examined, table.iterrows(), strict=True):
        if one.located:
            height, width = cv2.imread(str(one.path)).shape[:2]
            left, top, right, bottom = frame_in_pixels(one, height, width)
            assert left <= row["box_x"] + row["box_w"] / 2 <= right
            assert top <= row["box_y"] + row["box_h"] / 2 <= bottom


def test_crops_that_cannot_be_made_are_refused(finished, with_crop, paths, tmp_path):
    masked = with_crop("mask")
    with pytest.raises(UserError, match=r"crop: mask.*cervix-tf segment"):
        examine(masked, paths)
    with pytest.raises(UserError, match="needs no localiser"):
        examine(finished, paths, tmp_path / "localizer.keras")
