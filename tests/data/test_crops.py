import os
import warnings

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from cervix_tf.data import batches, phantom, prepare, read_manifest
from cervix_tf.data.crops import MARGIN, painted_out, regions, square_around
from cervix_tf.data.decoding import UnreadableError, dimensions
from cervix_tf.data.flags import NOT_LOCATED
from cervix_tf.data.photographs import square
from cervix_tf.errors import UserError

SIZE = 32
SIDE = st.integers(1, 5000)
PLACE = st.floats(-200, 5200)


@settings(deadline=None)
@given(height=SIDE, width=SIDE, x=PLACE, y=PLACE, w=st.floats(0.1, 6000), h=st.floats(0.1, 6000))
def test_square_around_a_box(height, width, x, y, w, h):
    left, top, side = square_around((x, y, w, h), height, width)
    near = 1e-6 * max(height, width)
    assert 1 <= side <= min(height, width)
    assert left >= 0
    assert top >= 0
    assert left + side <= width + near
    assert top + side <= height + near
    wanted = max(w, h) * (1 + 2 * MARGIN)
    assert side == pytest.approx(min(max(wanted, 1), height, width))
    inside = x >= 0 and y >= 0 and x + w <= width and y + h <= height
    if inside and wanted <= min(height, width):
        assert left <= x + near
        assert top <= y + near
        assert left + side >= x + w - near
        assert top + side >= y + h - near


@pytest.fixture
def field(tmp_path):
    """A photograph of 600 x 800 whose colours tell the place: red the column, green the row."""
    rows, columns = np.mgrid[:600, :800]
    picture = np.stack([columns * 255 / 799, rows * 255 / 599, 0 * rows], 2).astype("uint8")

    def write(name, turned=False):
        path = tmp_path / name
        cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])
        if turned:  # EXIF orientation 6: stored lying, to be turned clockwise
            data = path.read_bytes()
            entry = b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
            tiff = b"MM\x00*\x00\x00\x00\x08\x00\x01" + entry + b"\x00\x00\x00\x00"
            segment = b"Exif\x00\x00" + tiff
            size = (len(segment) + 2).to_bytes(2, "big")
            path.write_bytes(data[:2] + b"\xff\xe1" + size + segment + data[2:])
        return path

    return write


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("size", [20, 64, 400])
def test_box_is_cut_out_of_the_full_photograph(field, name, size):
    path = field(name)
    assert dimensions(path.read_bytes()) == (600, 800)
    cut = square(path, size, (500.0, 100.0, 200.0, 150.0))  # the square is 480 to 720, 55 to 295
    assert cut.shape == (size, size, 3)
    step = 240 / size
    for place in (0, size // 2, size - 1):
        centre = (place + 0.5) * step - 0.5
        assert cut[0, place, 0] == pytest.approx((480 + centre) * 255 / 799, abs=3)
        assert cut[place, 0, 1] == pytest.approx((55 + centre) * 255 / 599, abs=3)


def test_box_is_that_of_the_upright_photograph(field):
    path = field("turned.jpg", turned=True)
    assert dimensions(path.read_bytes()) == (800, 600)
    cut = square(path, 50, (100.0, 500.0, 200.0, 200.0))
    # Upright, the row is the stored column, and the column counts the stored rows from below.
    assert cut[25, 25, 0] == pytest.approx(600 * 255 / 799, abs=4)
    assert cut[25, 25, 1] == pytest.approx((599 - 200) * 255 / 599, abs=4)


def test_a_crop_shows_more_pixels_than_an_enlarged_square(tmp_path):
    """The scale of decoding is that of the crop: detail of the full photograph stays."""
    noise = np.random.default_rng(0).integers(0, 2, (1024, 1024, 1), np.uint8).repeat(3, 2) * 255
    path = tmp_path / "detail.jpg"
    cv2.imwrite(str(path), noise, [cv2.IMWRITE_JPEG_QUALITY, 95])
    cut = square(path, 64, (400.0, 400.0, 53.3, 53.3))
    assert cut.std() > 80
    assert square(path, 64).std() < 20


def located(folder):
    table = phantom(folder, per_class=2, seed=1, sizes=[(96, 128), (128, 96)])
    return table.assign(box_x=10.0, box_y=20.0, box_w=50.0, box_h=40.0)


def test_mask_paints_out_the_rest(tmp_path):
    table = located(tmp_path)
    plain, masked = (prepare(table, SIZE, "memory", crop=c).array for c in ("square", "mask"))
    black = (masked == 0).all(axis=3)
    assert 0.1 < black.mean() < 0.9
    assert np.array_equal(masked[~black], plain[~black])
    # A mask of the centred square alone says the same.
    for row in table.index:
        mask = cv2.imread(table["mask"][row], 0)
        top, left = (mask.shape[0] - 96) // 2, (mask.shape[1] - 96) // 2
        cv2.imwrite(table["mask"][row], mask[top : top + 96, left : left + 96])
    assert np.array_equal(prepare(table, SIZE, "memory", crop="mask").array, masked)


@pytest.mark.parametrize("bright", [1, 38, 127])
def test_dark_masks_of_other_tools_keep_what_is_not_black(tmp_path, bright):
    """0 and 1, numbers of classes, or the colours of a palette seen as grey."""
    table = located(tmp_path)
    expected = prepare(table, SIZE, "memory", crop="mask").array
    for path in table["mask"]:
        cv2.imwrite(path, cv2.imread(path, 0) // 255 * bright)
    assert np.array_equal(prepare(table, SIZE, "memory", crop="mask").array, expected)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (1, "u2"),
        (255, "u2"),
        (4095, "u2"),
        (65535, "u2"),
        (1, "f4"),
        (255, "f4"),
        (1, "i4"),
        (0.8, "f4"),
    ],
)
def test_masks_of_every_kind_of_number_keep_the_same(tmp_path, values, kind):
    whole, path = np.zeros((8, 12)), tmp_path / "mask.tif"
    whole[2:6, 3:7] = values
    assert cv2.imwrite(str(path), whole.astype(kind))
    kept = painted_out(np.full((8, 8, 3), 7, np.uint8), path, 8, 12)
    assert np.array_equal(kept[..., 0] == 7, whole[:, 2:10] > 0)


@pytest.mark.parametrize(
    ("values", "kind", "reason"),
    [
        (np.nan, "f4", "no numbers"),
        (np.inf, "f4", "from 0 to inf"),
        (-1, "f4", "from -1 to 0 do not lie"),
        (-1, "i2", "from -1 to 0 do not lie"),
        (0.4, "f4", "from 0 to 0.4 stay below half of their range"),
        (70000, "i4", "from 0 to 70000 do not lie"),
        (2.5, "f4", "from 0 to 2.5 reach neither to 1"),
    ],
)
def test_masks_of_no_known_range_are_named(tmp_path, values, kind, reason):
    whole, path = np.zeros((8, 12)), tmp_path / "mask.tif"
    whole[2:6, 3:7] = values
    assert cv2.imwrite(str(path), whole.astype(kind))
    with pytest.raises(UnreadableError, match=rf"its mask .*mask\.tif cannot be read: .*{reason}"):
        painted_out(np.full((8, 8, 3), 7, np.uint8), path, 8, 12)


@pytest.mark.parametrize("kind", ["f2", "f4", "i4", "damaged"])
def test_masks_of_numbers_that_are_not_read_are_not_called_missing(tmp_path, kind):
    path = tmp_path / "mask.tif"
    if kind == "damaged":
        path = tmp_path / "mask.png"
        cv2.imwrite(str(path), np.eye(64, dtype=np.uint8))
        path.write_bytes(path.read_bytes()[:60])
    else:
        tifffile.imwrite(path, np.ones((8, 12) if kind == "f2" else (8, 12, 3), kind))
    with pytest.raises(
        UnreadableError, match=r"cannot be read: damaged, or of numbers that are not"
    ):
        painted_out(np.full((8, 8, 3), 7, np.uint8), path, 8, 12)


def test_masks_that_cannot_be_meant_are_all_named(tmp_path):
    table = located(tmp_path)
    for row, change in enumerate((np.zeros_like, np.transpose, lambda mask: mask[:40])):
        path = table["mask"][row]
        cv2.imwrite(path, np.ascontiguousarray(change(cv2.imread(path, 0))))
    with pytest.raises(UserError, match="3 of 6 photographs") as told:
        prepare(table, SIZE, "memory", crop="mask")
    assert str(told.value).count("is not in the proportions") == 2
    assert "keeps nothing of the centred square" in str(told.value)


@given(
    st.integers(200, 4000), st.integers(200, 4000), st.floats(0.02, 1), st.sampled_from([128, 255])
)
def test_smaller_masks_are_in_proportion(tmp_path_factory, height, width, scale, bright):
    shape = max(round(height * scale), 1), max(round(width * scale), 1)
    path = tmp_path_factory.mktemp("mask") / "mask.png"
    cv2.imwrite(str(path), np.full(shape, bright, np.uint8))
    picture = np.full((8, 8, 3), 7, np.uint8)
    assert (painted_out(picture, path, height, width) == 7).all()


def test_flagged_photographs_keep_the_square_with_one_warning(tmp_path):
    table = located(tmp_path).assign(flags=None)
    table["flags"] = table["flags"].astype("object")
    table.loc[[1, 3, 4], "flags"] = [NOT_LOCATED, f"blurred; {NOT_LOCATED}", "no cervix found"]
    table.loc[1, "box_x"] = np.nan
    with pytest.warns(UserWarning, match="3 of 6 photographs keep their whole square") as caught:
        array = prepare(table, SIZE, "memory", crop="box").array
    assert len(caught) == 1
    plain = prepare(table, SIZE, "memory").array
    same = [k for k in range(6) if np.array_equal(array[k], plain[k])]
    assert same == [1, 3, 4]


def test_missing_columns_and_rows_are_named(tmp_path):
    table = located(tmp_path)
    with pytest.raises(UserError, match=r"column 'box_w': run `cervix-tf segment`"):
        prepare(table.drop(columns="box_w"), SIZE, "memory", crop="box")
    with pytest.raises(UserError, match=r"1 of 6 .*2\.jpg.*cervix-tf segment"):
        prepare(table.assign(box_h=[1, 1, 0, 1, 1, 1]), SIZE, "memory", crop="box")
    shares = table.assign(box_x=0.1, box_y=0.1, box_w=0.5, box_h=0.5)
    with pytest.raises(UserError, match="6 of 6 photographs have nothing valid"):
        prepare(shares, SIZE, "memory", crop="box")
    for aside in ({"box_x": 1e9}, {"box_y": -40.0}):
        with pytest.raises(UserError, match="50 x 40 at .* lies outside its"):
            prepare(table.assign(**aside), SIZE, "memory", crop="box")
    with pytest.raises(UserError, match="column 'mask'"):
        prepare(table.drop(columns="mask"), SIZE, "memory", crop="mask")
    with pytest.raises(UserError, match=r"6 of 6 .*mask .*gone\.png is missing"):
        prepare(table.assign(mask="gone.png"), SIZE, "memory", crop="mask")
    with pytest.raises(UserError, match="give square, box or mask"):
        regions(table, "circle")


def test_cache_follows_boxes_and_masks(tmp_path):
    table, cache = located(tmp_path / "in"), tmp_path / "cache"
    plain = prepare(table, SIZE, cache)
    first = prepare(table, SIZE, cache, crop="box")
    assert prepare(table, SIZE, cache, crop="box").path == first.path
    table.loc[2, "box_x"] += 5
    moved = prepare(table, SIZE, cache, crop="box")
    assert len({plain.path, first.path, moved.path}) == 3
    assert len({plain.fingerprint, first.fingerprint, moved.fingerprint}) == 3
    changed = [k for k in range(6) if not np.array_equal(first.array[k], moved.array[k])]
    assert changed == [2]

    masked = prepare(table, SIZE, cache, crop="mask")
    few = np.zeros_like(cv2.imread(table["mask"][4], 0))
    few[48:64, 48:64] = 255
    cv2.imwrite(table["mask"][4], few)
    os.utime(table["mask"][4], ns=(1, 1))
    again = prepare(table, SIZE, cache, crop="mask")
    assert again.path != masked.path
    assert again.array[4].any(axis=2).mean() < 0.1
    assert np.array_equal(again.array[5], masked.array[5])
    none = prepare(table, SIZE, "none", crop="mask")
    assert np.array_equal(none.array[[5, 0]], again.array[[5, 0]])


def test_batches_take_the_crop(tmp_path):
    table = located(tmp_path)
    (box, _), (plain, _) = (next(iter(batches(table, 28, 6, crop=c))) for c in ("box", "square"))
    assert (box.numpy() != plain.numpy()).any()


@pytest.mark.parametrize("shape", [(40, 1), (1, 40), (1, 1), (3, 500)])
def test_odd_photographs_never_crash(tmp_path, shape):
    path = tmp_path / "odd.png"
    cv2.imwrite(str(path), np.full(shape, 255, np.uint8))
    manifest = pd.DataFrame({"path": [str(path)]})
    boxed = manifest.assign(box_x=0.0, box_y=0.0, box_w=float(shape[1]), box_h=float(shape[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert prepare(boxed, 8, "memory", crop="box").array.shape == (1, 8, 8, 3)
        masked = prepare(manifest.assign(mask=str(path)), 8, "memory", crop="mask")
    assert (masked.array == 255).all()


def test_manifest_of_boxes_is_read_back(tmp_path):
    table = located(tmp_path / "in")
    table.to_csv(tmp_path / "boxes.csv", index=False)
    again = read_manifest(tmp_path / "boxes.csv")
    assert regions(again, "box") == regions(table, "box")
    assert regions(again, "mask") == regions(table, "mask")
