import shutil
import warnings

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import cervix_tf as cx
from cervix_tf.errors import UserError
from cervix_tf.inference.photographs import as_photographs

TYPES = ["Type_1", "Type_2", "Type_3"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Small PNG files: every way of reading them gives the same pixels."""
    folder = tmp_path_factory.mktemp("files")
    draw = np.random.default_rng(5)
    for k, size in enumerate([(40, 60), (60, 40), (36, 36), (33, 90)]):
        picture = cv2.blur(draw.integers(0, 256, (*size, 3), "uint8"), (9, 9))
        cv2.imwrite(str(folder / f"{k}.png"), picture)
    return sorted(folder.glob("*.png"))


def test_every_form_of_a_photograph_is_predicted_alike(finished, files):
    run = cx.load(finished.folder)
    by_path = cx.predict(run, files)
    assert by_path["image"].tolist() == [file.name for file in files]
    arrays = [cv2.imread(str(file))[..., ::-1] for file in files]
    pictures = [Image.open(file) for file in files]
    mixed = [str(files[0]), arrays[1].astype("float32"), pictures[2], files[3]]
    folder, list_of_paths = files[0].parent, pd.Series([str(file) for file in files])
    for given in (folder, list_of_paths, iter(files), arrays, pictures, mixed):
        shares = cx.predict(run, given)[TYPES].to_numpy()
        assert shares == pytest.approx(by_path[TYPES].to_numpy(), abs=1e-6)
    assert cx.predict(run, mixed)["image"].tolist() == ["0.png", "picture 2", "2.png", "3.png"]
    assert by_path[TYPES].to_numpy().std(axis=0).min() > 1e-4, "the photographs differ"


def test_one_photograph_and_a_batch(finished, files):
    array = cv2.imread(str(files[0]))[..., ::-1]
    one = cx.predict(finished, array)
    assert one["image"].tolist() == ["picture 1"]
    for given in (files[0], str(files[0]), Image.open(files[0])):
        other = cx.predict(finished, given)
        assert other["image"].tolist() == ["0.png"]
        assert other[TYPES].to_numpy() == pytest.approx(one[TYPES].to_numpy(), abs=1e-6)
    batch = cx.predict(finished, np.stack([array, array[:, ::-1]]), tta=8)
    assert batch["image"].tolist() == ["picture 1", "picture 2"]
    assert batch[TYPES].iloc[0].to_numpy() == pytest.approx(
        batch[TYPES].iloc[1].to_numpy(), abs=1e-6
    )


def test_the_content_of_a_scaled_jpeg_is_the_square_of_its_file(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    file = tmp_path / "odd.jpg"
    pixels = np.random.default_rng(0).integers(0, 256, (121, 163, 3), "uint8")
    Image.fromarray(pixels).save(file, exif=exif)
    given = as_photographs(file.read_bytes())
    assert np.array_equal(given.squares(48)[0], cx.data.read_square(file, 48))


def test_a_pil_image_is_turned_upright(finished, files, tmp_path):
    upright = Image.open(files[3])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "t.png", exif=exif)
    turned = cx.predict(finished, Image.open(tmp_path / "t.png"))
    assert turned[TYPES].to_numpy() == pytest.approx(
        cx.predict(finished, upright)[TYPES].to_numpy(), abs=1e-6
    )


def test_grey_and_transparent_pil_images_are_taken_as_rgb(finished, files):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        modes = cx.predict(finished, [Image.open(files[0]).convert(mode) for mode in ("RGBA", "L")])
    plain = cx.predict(finished, files[0])
    assert modes[TYPES].iloc[0].to_numpy() == pytest.approx(
        plain[TYPES].iloc[0].to_numpy(), abs=1e-6
    )


@pytest.mark.parametrize("mode", ["I;16", "I", "F", "LA", "P", "RGBA", "CMYK", "1"])
def test_any_mode_is_the_same_by_path_bytes_pil_and_array(files, tmp_path, mode):
    colours = Image.open(files[3])
    grey = np.asarray(colours.convert("L"))
    if mode == "I;16":
        picture = Image.fromarray(grey.astype("uint16") * 257 - grey // 2)
    else:
        picture = colours.convert("L" if mode in "IF" else "RGB").convert(mode)
    if mode in ("LA", "RGBA"):
        picture.putalpha(Image.fromarray(255 - grey))
    path = tmp_path / "a.tif"
    picture.save(path)
    expected = as_photographs(path).squares(20)
    assert 80 < expected.mean() < 180
    ways = [path.read_bytes(), bytearray(path.read_bytes()), Image.open(path), picture]
    if mode not in ("P", "CMYK"):  # whose values are no greys, nor red, green and blue
        ways.append(np.asarray(picture))
    squares = as_photographs(ways).squares(20)
    assert (squares == expected).all()
    with as_photographs(ways).reader(20) as read:
        assert (read(0) == expected[0]).all()


def test_pictures_over_the_limit_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    Image.new("RGB", (50, 30)).save(tmp_path / "a.png")
    monkeypatch.setenv("CERVIX_TF_MAX_PIXELS", "1499")
    for given in (Image.open(tmp_path / "a.png"), (tmp_path / "a.png").read_bytes()):
        with pytest.raises(
            UserError, match=r"cannot be read: 50 x 30 pixels, over the limit of 1499"
        ):
            as_photographs([given]).squares(20)


def test_several_runs_take_arrays_too(finished, tmp_path):
    picture = np.full((20, 30, 3), 90, "uint8")
    other = shutil.copytree(finished.folder, tmp_path / "other")
    both = cx.predict([finished, other], picture)
    assert both[TYPES].to_numpy() == pytest.approx(cx.predict(finished, picture)[TYPES].to_numpy())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "the list is empty"),
        (3, "picture 1 is of type int"),
        (np.zeros((4, 5, 5), "uint8"), r"picture 1 has the shape \(4, 5, 5\)"),
        (np.zeros((0, 5, 3), "uint8"), r"shape \(0, 5, 3\)"),
        (np.full((4, 5, 3), 0.5), "picture 1 is float64 from 0.5 to 0.5: .* by 255"),
        (np.full((4, 5, 3), -3.0), "from -3 to -3"),
        (np.full((4, 5, 3), -7), "picture 1 is int64 from -7 to -7: give uint8"),
        (np.full((4, 5, 3), 7j), "picture 1 is complex128: give uint8"),
        (b"no picture", "picture 1 cannot be read: not a picture"),
        (["nowhere.jpg"], "1 photographs do not exist"),
        ("nowhere", "nowhere does not exist"),
    ],
)
def test_mistakes(finished, given, message):
    with pytest.raises(UserError, match=message):
        cx.predict(finished, given)


def test_paths_in_an_array_are_paths_and_paths_as_bytes_are_called_so(files):
    paths = np.array([str(file) for file in files[:2]])
    for given in (paths, paths.astype(object)):
        assert as_photographs(given).table["path"].tolist() == paths.tolist()
    with pytest.raises(UserError, match="is a path as bytes: give it as text"):
        as_photographs(str(files[0]).encode())


def test_a_damaged_pil_image_is_named(finished, files, tmp_path):
    whole = files[0].read_bytes()
    (tmp_path / "broken.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"broken\.png cannot be read"):
        cx.predict(finished, [Image.open(tmp_path / "broken.png")])
    with pytest.raises(UserError, match=r"broken\.png"):
        cx.predict(finished, [files[0], tmp_path / "broken.png"])


def test_a_run_on_boxes_refuses_pictures_without(finished, monkeypatch):
    run = cx.load(finished.folder)
    monkeypatch.setitem(run.card, "crop", "box")
    with pytest.raises(UserError, match=r"crop: box.*cervix-tf segment"):
        cx.predict(run, np.zeros((20, 20, 3), "uint8"))


@pytest.mark.parametrize("most", [255, 65000])
def test_half_precision_is_read_as_single(most):
    values = np.linspace(0, most, 12 * 12 * 3).reshape(12, 12, 3).astype("float16")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        half, single = (
            as_photographs(one).squares(8) for one in (values, values.astype("float32"))
        )
    assert (half == single).all()
    assert half.std() > 0


def test_half_precision_without_end_is_refused():
    values = np.full((4, 4, 3), np.inf, "float16")
    with pytest.raises(UserError, match="float16 from inf to inf"):
        as_photographs(values)
