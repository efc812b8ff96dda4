import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from skimage.draw import polygon2mask

from cervix_tf.errors import UserError
from cervix_tf.segmentation.annotations.shapes import (
    Box,
    Picture,
    box,
    drawn,
    ellipse,
    hull,
    polygon,
    runs,
)

# No side of such polygons meets the centre of a pixel, where either answer is right.
CORNER = st.tuples(
    *(st.floats(-5, 25).map(lambda x, off=off: round(x, 2) + off) for off in (0.00317, 0.00731))
)


@settings(deadline=None, max_examples=40)
@given(st.lists(CORNER, min_size=3, max_size=9))
def test_a_pixel_is_set_if_its_centre_lies_within(points):
    assume(np.linalg.matrix_rank(np.subtract(points, points[0]), tol=1e-3) == 2)
    mask = drawn([polygon(points, "a")], (20, 17), (20, 17))
    centres = np.array(points)[:, ::-1] - 0.5
    assert np.array_equal(mask, polygon2mask((20, 17), centres))


def test_a_smaller_mask_and_a_long_ring():
    ring = ellipse((200, 100, 100, 50), "a")
    mask = drawn([ring], (200, 400), (50, 100))
    assert mask.mean() == pytest.approx(np.pi / 16, rel=0.02)
    assert (mask[:, 24].any(), mask[:, 25].any(), mask[25, 25:75].all()) == (False, True, True)
    many = polygon(np.repeat(ring.points, 2000, axis=0), "a")
    assert np.array_equal(drawn([many], (200, 400), (50, 100)), mask)


@pytest.mark.parametrize("by_rows", [False, True])
def test_runs_fill_their_window(by_rows):
    inside = np.array([[0, 1, 1], [1, 0, 1]], bool)
    flat = (inside if by_rows else inside.T).ravel()
    ends = np.flatnonzero(np.diff(flat, prepend=False, append=not flat[-1]))
    mask = drawn([runs(np.diff(ends, prepend=0), (4, 1, 3, 2), "a", by_rows)], (5, 8), (5, 8))
    assert np.array_equal(mask[1:3, 4:7], inside)
    assert mask.sum() == inside.sum()


def test_boxes_turned_and_joined():
    assert box((10, 20, 4, 2), "a", degrees=90).sides == pytest.approx((8, 20, 2, 4))
    joined = hull([Box((10, 10, 10, 10)), Box((40, 20, 100, 10))], (100, 50))
    assert joined == pytest.approx((0.2, 0.1, 0.8, 0.2))
    assert hull([Box((60, 10, 10, 10))], (100, 50)) is None


@pytest.mark.parametrize("make", [
    lambda: polygon([0, 0, 1, 1], "f, a.jpg"),
    lambda: polygon([0, 0, 1, 1, float("nan"), 2], "f, a.jpg"),
    lambda: polygon([0, 0, 1, 1, 1e300, 2], "f, a.jpg"),
    lambda: box((0, 0, 0, 2), "f, a.jpg"),
    lambda: box((0, 0, float("inf"), 2), "f, a.jpg"),
    lambda: runs([3, 4], (0, 0, 2, 3), "f, a.jpg"),
    lambda: box((0, 0, 3, -2), "f, a.jpg"),
    lambda: ellipse((5, 5, 0, 3), "f, a.jpg"),
    lambda: ellipse((5, 5, 3, -3), "f, a.jpg"),
    lambda: polygon([0.1, 0.1, 0.2, 0.2, 0.3, 0.3], "f, a.jpg"),
    lambda: runs([6, 0], (0, 0, 2, 3), "f, a.jpg"),
    lambda: runs([8, -2], (0, 0, 2, 3), "f, a.jpg"),
    lambda: runs([2**62] * 4 + [6], (0, 0, 2, 3), "f, a.jpg"),
])  # fmt: skip
def test_shapes_without_an_area_are_named(make):
    with pytest.raises(UserError, match=r"^f, a.jpg: "):
        make()


def test_a_copy_is_scaled_and_a_turned_one_refused():
    assert Picture("a.jpg", (300, 401)).whole((1200, 1600)) == (300, 401)
    assert Picture("a.jpg").whole((1200, 1600)) == (1200, 1600)
    with pytest.raises(UserError, match=r"a.jpg: .*1600 x 1200 pixels.*1200 x 1600.*upright"):
        Picture("a.jpg", (1200, 1600)).whole((1600, 1200))


def test_corners_on_one_line_are_no_polygon():
    for points in ([(1, 1), (2, 2), (5, 5)], 4 * [(3, 4)], [(0, 0), (9, 0), (0, 0)]):
        with pytest.raises(UserError, match="a: the corners of a polygon lie on one line"):
            polygon(points, "a")
    polygon([(0, 0), (2, 2), (2, 0), (0, 2)], "a")  # a bow tie has no net area, and is one
