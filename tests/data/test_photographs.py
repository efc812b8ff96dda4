import cv2
import numpy as np
import pandas as pd
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cervix_tf.data import phantom, read_square, unreadable
from cervix_tf.data.decoding import decode
from cervix_tf.data.photographs import picture_sizes, square, whole
from cervix_tf.errors import UserError


def psnr(one, other):
    error = np.mean((one.astype(float) - other) ** 2)
    return 10 * np.log10(255**2 / error)


def slow_square(path, size):
    """Full decode, centre square, area resize: what the fast way stands for."""
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    centre = image[top : top + side, left : left + side]
    return cv2.resize(centre, (size, size), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("size", [64, 100, 256])
def test_square_is_that_of_a_full_decode_and_area_resize(tmp_path, size):
    manifest = phantom(tmp_path, per_class=1, seed=2, sizes=[(816, 1088), (1088, 816)])
    for path in manifest["path"]:
        square = read_square(path, size)
        assert square.shape == (size, size, 3)
        assert square.dtype == np.uint8
        assert square.flags.c_contiguous
        assert psnr(square, slow_square(path, size)) > 35


@settings(deadline=None, max_examples=15)
@given(
    height=st.integers(1, 180),
    width=st.integers(1, 180),
    size=st.integers(1, 100),
    orientation=st.integers(1, 8),
    place=st.tuples(*[st.floats(0, 0.6)] * 2),
)
def test_scaled_decode_shows_the_same_region(
    tmp_path_factory, height, width, size, orientation, place
):
    """Colours tell the place, as in a PNG of the same pixels: a region that moves changes all of them."""
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([columns + 30, rows + 30, 0 * rows], 2).astype("uint8")
    tag = Image.Exif()
    tag[0x0112] = orientation
    folder = tmp_path_factory.mktemp("turned")
    Image.fromarray(pixels).save(folder / "a.jpg", quality=98, subsampling=0, exif=tag)
    full = decode((folder / "a.jpg").read_bytes(), 1000)
    Image.fromarray(np.ascontiguousarray(full)).save(folder / "a.png")
    tall, wide = full.shape[:2]
    box = (place[0] * wide, place[1] * tall, 0.4 * wide, 0.4 * tall)
    for region in (None, box):
        one, other = (square(folder / name, size, region) for name in ("a.jpg", "a.png"))
        shift = (one.astype(float) - other).mean((0, 1))  # in pixels of the photograph
        assert np.abs(shift).max() < 1.6  # by half a pixel of an eighth: 4
    one, other = (whole(folder / name, size).astype(float) for name in ("a.jpg", "a.png"))
    assert np.abs(one.mean((0, 1)) - other.mean((0, 1))).max() < 1.6


@pytest.mark.parametrize("shape", [(120, 160), (163, 121)])
def test_square_of_a_small_jpeg_is_that_of_its_full_decode(tmp_path, shape):
    for path in phantom(tmp_path, per_class=1, seed=1, sizes=[shape])["path"]:
        for size in (36, 48, 64, 72):
            assert psnr(read_square(path, size), slow_square(path, size)) > 35, (path, size)


def test_scaled_decode_keeps_the_quality_of_real_photographs(shared, tmp_path):
    """AnnoCerv photographs enlarged to what a camera makes of them."""
    for source in sorted((shared / "data/annocerv/images").glob("*.jpg"))[::60]:
        large = cv2.resize(cv2.imread(str(source)), (3264, 2448), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(tmp_path / "large.jpg"), large, [cv2.IMWRITE_JPEG_QUALITY, 90])
        square = read_square(tmp_path / "large.jpg", 256)
        assert psnr(square, slow_square(tmp_path / "large.jpg", 256)) > 35, source.name


def test_same_size_leaves_pixels_alone_and_small_ones_are_enlarged(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), pixels[..., ::-1])
    assert np.array_equal(read_square(tmp_path / "a.png", 20), pixels[:, 5:25])
    assert read_square(tmp_path / "a.png", 57).shape == (57, 57, 3)
    assert read_square(tmp_path / "a.png", 1).shape == (1, 1, 3)


def test_unreadable_names_all_and_only_those(tmp_path, photograph):
    good = [photograph(tmp_path / f"{k}.jpg", k) for k in range(5)]
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("no photograph")
    (tmp_path / "half.jpg").write_bytes(good[0].read_bytes()[:-200])
    bad = [tmp_path / n for n in ("empty.jpg", "text.jpg", "half.jpg", "gone.jpg")]
    calls = []
    found = unreadable([*good[:3], *bad, *good[3:]], progress=lambda *call: calls.append(call))
    assert list(found) == bad
    assert ["zero bytes" in found[bad[0]], "not a picture" in found[bad[1]]] == [True, True]
    assert ["truncated" in found[bad[2]], "no such file" in found[bad[3]]] == [True, True]
    assert calls == [(k, 9) for k in range(1, 10)]


def test_read_square_names_the_photograph(tmp_path):
    (tmp_path / "text.jpg").write_text("no photograph")
    for name in ("text.jpg", "gone.jpg"):
        with pytest.raises(UserError, match=f"{name} cannot be read: .*replace it") as caught:
            read_square(tmp_path / name, 32)
        assert "\n" not in str(caught.value)


def test_grey_large_photograph(tmp_path):
    grey = np.tile(np.arange(400, dtype=np.uint8)[None, :, None] // 2, (300, 1, 1))
    (tmp_path / "g.jpg").write_bytes(simplejpeg.encode_jpeg(grey, colorspace="GRAY"))
    square = read_square(tmp_path / "g.jpg", 50)
    assert np.ptp(square, axis=2).max() == 0


def test_sizes_of_pictures_in_order(photograph, tmp_path):
    wide = photograph(tmp_path / "wide.jpg", size=(20, 50))
    png = photograph(tmp_path / "tall.png", size=(40, 30))
    table = picture_sizes(pd.DataFrame({"path": [str(wide), str(png)]}, index=[7, 3]))
    assert table.index.tolist() == [7, 3]
    assert table[["width", "height"]].to_numpy().tolist() == [[50, 20], [30, 40]]
    assert table["bytes"].tolist() == [wide.stat().st_size, png.stat().st_size]


def test_sizes_of_what_has_a_long_head(photograph, tmp_path):
    path = photograph(tmp_path / "long.jpg", size=(20, 50))
    data = path.read_bytes()
    comment = b"\xff\xfe\xff\xff" + bytes(0xFFFD)
    path.write_bytes(data[:2] + 3 * comment + data[2:])
    assert picture_sizes(pd.DataFrame({"path": [path]})).iloc[0].tolist()[:2] == [50, 20]


@pytest.mark.parametrize("content", [b"", b"no picture at all"])
def test_sizes_of_no_picture(tmp_path, content):
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    with pytest.raises(UserError, match="broken.jpg cannot be read"):
        picture_sizes(pd.DataFrame({"path": [str(path)]}))
