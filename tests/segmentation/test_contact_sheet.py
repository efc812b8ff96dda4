import numpy as np

from cervix_tf.segmentation.contact_sheet import (
    BOX,
    CELL,
    COLUMNS,
    EMPTY,
    OUTLINE,
    TEXT,
    Cell,
    draw_page,
)


def has(page, colour):
    return (np.abs(page.astype(int) - colour).max(axis=2) < 12).any()


def cell(**changes):
    mask = np.zeros((60, 80), bool)
    mask[20:40, 30:60] = True
    drawn = {"name": "1.jpg", "picture": np.full((60, 80, 3), 100, np.uint8), "mask": mask}
    return Cell(**(drawn | changes))


def test_outline_box_and_flag_are_drawn():
    page = draw_page([cell(box=(0.2, 0.2, 0.6, 0.6))])
    assert page.shape == (CELL + TEXT, COLUMNS * CELL, 3)
    assert has(page, OUTLINE)
    assert has(page, BOX)
    assert not has(page, EMPTY)
    empty = draw_page([cell(mask=np.zeros((60, 80), bool), flag="no cervix found")])
    assert has(empty, EMPTY)
    assert not has(empty, OUTLINE)


def test_what_is_left_out_is_dark():
    page = draw_page([cell()])
    middle, corner = page[CELL // 2, CELL // 2], page[CELL // 2, 8]
    assert middle.tolist() == [100, 100, 100]
    assert corner.tolist() == [50, 50, 50]


def test_pages_hold_forty_of_any_shape_and_name():
    shapes = [(1, 300), (300, 1), (30, 30), (500, 700)]
    cells = [
        cell(name=f"œ{k}" * 20, picture=np.zeros((*s, 3), np.uint8), mask=np.ones(s, bool))
        for k, s in enumerate(shapes * 10)
    ]
    assert draw_page(cells).shape == (5 * (CELL + TEXT), COLUMNS * CELL, 3)
    assert len(draw_page(cells[:9])) == 2 * (CELL + TEXT)
