import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cervix_tf.data.dimensions import measure
from cervix_tf.errors import UserError


def table(*paths) -> pd.DataFrame:
    return pd.DataFrame({"path": [str(p) for p in paths]})


def test_width_height_and_bytes_in_order(photograph, tmp_path):
    wide = photograph(tmp_path / "wide.jpg", size=(20, 50))
    png = photograph(tmp_path / "tall.png", size=(40, 30))
    found = measure(table(wide, png))
    assert found[["width", "height"]].to_numpy().tolist() == [[50, 20], [30, 40]]
    assert found["bytes"].tolist() == [wide.stat().st_size, png.stat().st_size]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_as_it_is_decoded(tmp_path, orientation):
    from cervix_tf.data.decoding import decode

    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.zeros((20, 50, 3), "uint8")).save(path, exif=exif)
    found = measure(table(path)).iloc[0]
    assert (found["height"], found["width"]) == decode(path.read_bytes(), size=50).shape[:2]


def test_nothing_is_decoded(tmp_path):
    whole = tmp_path / "whole.jpg"
    cv2.imwrite(str(whole), np.random.default_rng(0).integers(0, 256, (600, 800, 3), "uint8"))
    truncated = tmp_path / "truncated.jpg"
    truncated.write_bytes(whole.read_bytes()[:5000])
    assert measure(table(truncated)).iloc[0].tolist() == [800, 600, 5000]


@pytest.mark.parametrize("content", [b"", b"no picture at all"])
def test_what_is_no_picture_is_named(tmp_path, content):
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    with pytest.raises(UserError, match="broken.jpg cannot be read"):
        measure(table(path))
