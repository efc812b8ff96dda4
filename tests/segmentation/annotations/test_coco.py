import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cervix_tf.segmentation.annotations.coco import annotation, pictures, unpacked, write_coco
from cervix_tf.segmentation.annotations.shapes import drawn

HOLED = np.zeros((6, 9), bool)
HOLED[1:5, 2:8] = True
HOLED[2, 4] = False
HOLED[5, 0] = True


def back(segmentation, shape, size):
    one = {"image_id": 1, "category_id": 1, "segmentation": segmentation}
    image = {"id": 1, "file_name": "a.jpg", "height": size[0], "width": size[1]}
    (picture,) = pictures({"images": [image], "annotations": [one]}, "f")
    return drawn([shape for _, shape in picture.shapes], size, shape)


@settings(deadline=None, max_examples=40)
@given(
    arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    st.tuples(st.integers(0, 40), st.integers(0, 40)),
)
def test_any_mask_comes_back_bit_for_bit(mask, more):
    size = mask.shape[0] + more[0], mask.shape[1] + more[1]
    one = annotation(mask, size)
    if mask.any():
        assert np.array_equal(back(one["segmentation"], mask.shape, size), mask)
        y, x = np.nonzero(mask)
        assert one["bbox"][0] == pytest.approx(x.min() * size[1] / mask.shape[1], abs=0.01)
        assert one["bbox"][3] == pytest.approx(
            (y.max() + 1 - y.min()) * size[0] / mask.shape[0], abs=0.011
        )
    else:
        assert one == {}


def test_a_smooth_mask_is_a_polygon_of_few_corners():
    y, x = np.mgrid[:256, :340]
    mask = (x - 170) ** 2 + 1.5 * (y - 120) ** 2 < 90**2
    one = annotation(mask, (3000, 4000))
    (ring,) = one["segmentation"]
    assert len(ring) < 500  # of some 1500
    assert one["iscrowd"] == 0
    assert np.array_equal(back(one["segmentation"], mask.shape, (3000, 4000)), mask)
    holed = mask & ((x - 170) ** 2 + (y - 120) ** 2 > 100)
    assert annotation(holed, (3000, 4000))["iscrowd"] == 1


def test_compressed_runs_are_those_of_pycocotools():
    text = "5173K00MO11200005"  # pycocotools 2.0.11 of HOLED
    assert np.array_equal(back({"counts": text, "size": [6, 9]}, (6, 9), (6, 9)), HOLED)
    flat = HOLED.T.ravel()
    assert (
        unpacked(text) == np.diff(np.flatnonzero(np.diff(flat)) + 1, prepend=0, append=54).tolist()
    )
    for odd in ("5173K", "51~", "é", "o" * 40):
        with pytest.raises(ValueError):  # noqa: PT011
            back({"counts": odd, "size": [6, 9]}, (6, 9), (6, 9))


def test_written_photographs_are_read_back(tmp_path):
    file = tmp_path / "a.json"
    write_coco(file, [
        (name, (12, 18), annotation(mask, (12, 18), (1.0, 2.0, 3.0, 4.0)))
        for name, mask in (("x/a.jpg", HOLED), ("x/b.jpg", HOLED & False), ("x/c.jpg", None))
    ])  # fmt: skip
    content = json.loads(file.read_text())
    assert [one["name"] for one in content["categories"]] == ["cervix"]
    first, empty, boxed = pictures(content, "f")
    assert np.array_equal(drawn([first.shapes[0][1]], (12, 18), (6, 9)), HOLED)
    assert (empty.name, empty.shapes) == ("x/b.jpg", [])
    assert boxed.shapes[0][0] == "cervix"
    assert boxed.shapes[0][1].sides == (1, 2, 3, 4)
