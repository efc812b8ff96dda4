from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import cervix_tf as cx
from cervix_tf.segmentation import highlight_mask, reference_colours, shipped_reference

ROOT = Path(__file__).parents[2]


def painted(colour, size=(20, 20)):
    return np.full((*size, 3), colour, np.uint8)


def test_reference_is_the_mean_within_the_mask():
    image = painted((10, 200, 10))
    image[5:15, 5:15] = (180, 100, 110)
    mask = np.zeros((20, 20), bool)
    mask[5:15, 5:15] = True
    assert reference_colours([image], [mask]).tolist() == [[180, 100, 110]]


def test_highlights_are_left_out_unless_asked_for():
    image, mask = painted((180, 100, 110), (40, 40)), np.ones((40, 40), bool)
    image[10:20, 10:20] = 255
    assert np.allclose(reference_colours([image], [mask]), [[180, 100, 110]])
    assert (reference_colours([image], [mask], highlights=True) > [180, 100, 110]).all()


def test_a_photograph_that_is_all_highlight_still_has_a_colour():
    image = painted((255, 255, 255))
    assert reference_colours([image], [np.ones((20, 20), bool)]).tolist() == [[255, 255, 255]]


def test_many_photographs_are_drawn_together():
    colours = [(100 + k // 4 * 60, 50, 60 + k % 4) for k in range(12)]
    images, masks = [painted(c) for c in colours], [np.ones((20, 20), bool)] * 12
    found = reference_colours(images, masks, number=3)
    assert sorted(found[:, 0].round().tolist()) == [100, 160, 220]
    assert len(reference_colours(images, masks, number=12)) == 12


def test_mistakes():
    image, mask = painted((1, 2, 3)), np.ones((20, 20), bool)
    for images, masks, words in (
        ([], [], "mask for each"),
        ([image], [], "mask for each"),
        ([image], [mask[:5]], "as large as"),
        ([image], [~mask], "not empty"),
        ([image.astype(float)], [mask], "uint8"),
        ([image], [mask * -1.0], "Mask 0 cannot be read: its values from -1 to 0"),
        ([image], [mask * np.nan], "Mask 0 cannot be read: it holds values that are no numbers"),
        ([image], [mask * 0.3], "Mask 0 cannot be read: its values from 0 to 0.3 stay below half"),
    ):
        with pytest.raises(cx.UserError, match=words):
            reference_colours(images, masks)
    with pytest.raises(cx.UserError, match="at least 1"):
        reference_colours([image], [mask], number=0)


def test_highlights_are_bright_and_without_colour():
    image = painted((190, 120, 130), (30, 30))
    image[10, 10] = (250, 240, 245)
    image[20, 20] = (250, 120, 120)  # bright red is blood, not a mirrored lamp
    found = highlight_mask(image)
    assert found[10, 10]
    assert not found[20, 20]
    assert 1 <= found.sum() <= 9
    assert not highlight_mask(painted((120, 120, 120))).any()


def test_ten_colours_are_shipped_and_are_those_of_tissue():
    colours = shipped_reference()
    assert colours.shape == (10, 3)
    assert (colours[:, 0] > 1.3 * colours[:, 1]).all()
    colours[:] = 0
    assert shipped_reference().any()  # a copy was given away


def test_the_shipped_colours_follow_from_the_outlines(shared):
    table = pd.read_csv(ROOT / "benchmarks/outlines.csv")
    table = table[table["use"] == "reference"]
    images = [cx.data.read_square(shared / "data/annocerv" / name, 384) for name in table["image"]]
    masks = []
    for outline in table["outline"]:
        corners = np.array([corner.split(":") for corner in outline.split()], np.int32)
        masks.append(cv2.fillPoly(np.zeros((384, 384), np.uint8), [corners], 1) > 0)
    assert np.abs(reference_colours(images, masks) - shipped_reference()).max() < 1
