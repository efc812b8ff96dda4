import base64

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from cervix_tf.pages.pictures import data_address, thumbnails


def pixels(address: str, kind: str) -> np.ndarray:
    head, _, data = address.partition(",")
    assert head == f"data:image/{kind};base64"
    content = np.frombuffer(base64.b64decode(data), np.uint8)
    return cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1]


def test_an_array_a_figure_and_a_file_become_addresses(tmp_path, photograph):
    array = np.random.default_rng(0).integers(0, 256, (9, 7, 3), "uint8")
    assert (pixels(data_address(array), "png") == array).all()
    assert pixels(data_address(array, quality=90), "jpeg").shape == (9, 7, 3)
    figure = Figure(figsize=(2, 1), dpi=50, facecolor="red")
    assert (pixels(data_address(figure), "png") == np.tile([255, 0, 0], (50, 100, 1))).all()
    path = photograph(tmp_path / "a.jpg", size=(30, 40))
    assert pixels(data_address(path), "jpeg").shape == (30, 40, 3)
    with pytest.raises(FileNotFoundError):
        data_address(tmp_path / "none.png")


def test_whole_photographs_in_small(tmp_path, photograph):
    wide = photograph(tmp_path / "wide.jpg", size=(300, 800))
    small = photograph(tmp_path / "small.jpg", size=(40, 30))
    (tmp_path / "empty.jpg").write_bytes(b"")
    done = thumbnails([str(wide), str(small), str(tmp_path / "empty.jpg"), str(wide)], side=100)
    assert done[str(tmp_path / "empty.jpg")] is None
    assert len(done) == 3
    shapes = []
    for path in (wide, small):
        address = done[str(path)]
        shapes.append(pixels(address, "jpeg").shape)
    assert shapes == [(38, 100, 3), (40, 30, 3)]
