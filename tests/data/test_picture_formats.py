import builtins
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, features

from cervix_tf.data import read_manifest, unreadable
from cervix_tf.data.decoding import decode, dimensions
from cervix_tf.data.picture_formats import UnreadableError, picture_kind
from cervix_tf.quality.file_faults import fault
from tests.planted.formats import dicom, smooth

PICTURE = smooth(48, 60)
GREY = np.asarray(Image.fromarray(PICTURE).convert("L"))


def encoded(image, form, **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        file, form, **options
    )
    return file.getvalue()


def heic(image):
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(image)).save(file, quality=95)
    return file.getvalue()


def difference(one, other):
    assert one.shape == other.shape
    assert one.dtype == np.uint8
    return np.abs(one.astype(float) - other).mean()


def test_heic_of_a_phone():
    data = heic(PICTURE)
    assert picture_kind(data) == "HEIC"
    assert difference(decode(data), PICTURE) < 4
    assert dimensions(data) == (48, 60)
    assert fault(Path("1.heic"), data, None) is None
    for part in (data[: len(data) // 2], data[:40]):
        with pytest.raises(UnreadableError, match="damaged HEIC"):
            decode(part)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
@pytest.mark.parametrize("orientation", [1, 6])
def test_avif_upright(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(PICTURE, "AVIF", quality=95, exif=exif)
    exif[0x0112] = orientation
    turned = Image.fromarray(PICTURE)
    turned.getexif()[0x0112] = orientation
    assert difference(decode(data), np.asarray(ImageOps.exif_transpose(turned))) < 4
    assert dimensions(data) == decode(data).shape[:2]
    with pytest.raises(UnreadableError, match="damaged AVIF"):
        decode(data[: len(data) // 2])


@pytest.mark.parametrize("mode", ["CMYK", "RGBA", "P", "1", "L"])
def test_tiff_of_every_colour(mode):
    image = Image.fromarray(PICTURE).convert(mode)
    assert difference(decode(encoded(image, "TIFF")), np.asarray(image.convert("RGB"))) < 4
    with pytest.raises(UnreadableError, match="damaged TIFF"):
        decode(encoded(image, "TIFF")[:100])


def luminance(rgb):
    """Full-range YCbCr, as the standard has it."""
    return np.asarray(Image.fromarray(rgb).convert("YCbCr"))


DEEP = GREY.astype(np.uint16) * 4 + 1000  # 1000 to 2020, of 12 bits
WINDOW = {"WindowCenter": 1000 + 512, "WindowWidth": 1024}


@pytest.mark.parametrize(
    ("pixels", "kind", "more", "expected"),
    [
        (PICTURE, "RGB", {}, PICTURE),
        (PICTURE.astype(np.uint16) * 257, "RGB", {}, PICTURE),
        (luminance(PICTURE), "YBR_FULL", {}, PICTURE),
        (np.stack([PICTURE, 255 - PICTURE]), "RGB", {"NumberOfFrames": 2}, PICTURE),
        (GREY, "MONOCHROME2", {}, GREY),
        (255 - GREY, "MONOCHROME1", {}, GREY),
        (DEEP, "MONOCHROME2", {"BitsStored": 12, **WINDOW}, GREY),
        (GREY, "MONOCHROME2", {"RescaleSlope": 0.00392, "RescaleIntercept": 0}, GREY),
        (GREY, "MONOCHROME2", {"RescaleSlope": 257, "RescaleIntercept": -1024}, GREY),
        (GREY // 4, "MONOCHROME2", {"BitsStored": 6}, GREY),
        (GREY, "MONOCHROME2", {"WindowCenter": None, "WindowWidth": None}, GREY),
        (GREY, "MONOCHROME2", {"WindowCenter": 128}, GREY),
        (GREY, "MONOCHROME2", {"WindowCenter": 128, "WindowWidth": 0}, GREY),
        (GREY, "MONOCHROME2", {"VOILUTSequence": []}, GREY),
        (PICTURE.astype(np.uint16), "RGB", {}, PICTURE),
    ],
)
def test_dicom_as_it_is_meant_to_be_shown(pixels, kind, more, expected):
    pytest.importorskip("pydicom")
    data = dicom(pixels, kind, **more)
    expected = expected if expected.ndim == 3 else np.repeat(expected[..., None], 3, axis=-1)
    assert difference(decode(data), expected) < 1.5
    assert dimensions(data[:2000]) == (48, 60)


@pytest.mark.parametrize(
    ("pixels", "kind", "more", "reason"),
    [
        (
            DEEP,
            "MONOCHROME2",
            {"BitsStored": 12, "WindowCenter": 9000, "WindowWidth": 2},
            "nothing to be",
        ),
        (GREY, "MONOCHROME2", {"RescaleSlope": 0, "RescaleIntercept": 5}, "nothing to be seen"),
        (PICTURE, "MONOCHROME2", {}, "colours MONOCHROME2 with 3 values a pixel"),
        (PICTURE, "HSV", {}, "colours HSV with 3 values a pixel"),
        (GREY, "RGB", {}, "colours RGB"),
        (PICTURE.astype("u2") * 257, "YBR_FULL", {}, "not read: colours YBR_FULL of 16 bits"),
    ],
)
def test_dicom_that_cannot_be_shown_rightly_is_named(pixels, kind, more, reason):
    pytest.importorskip("pydicom")
    with pytest.raises(UnreadableError, match=reason):
        decode(dicom(pixels, kind, **more))


def test_dicom_needs_no_ending(tmp_path):
    pytest.importorskip("pydicom")
    for name in ("IM0001", "1.2.840.10008"):
        (tmp_path / name).write_bytes(dicom(PICTURE, "RGB"))
    (tmp_path / "README").write_text("no picture")
    table = read_manifest(tmp_path, labelled=False)
    assert sorted(table["image"]) == ["1.2.840.10008", "IM0001"]
    assert table.attrs["left_out"] == {"files of other kinds": 1}
    assert len(read_manifest(tmp_path / "IM0001", labelled=False)) == 1
    assert unreadable(table["path"]) == {}


def test_dicom_of_more_than_eight_bits_without_a_window_spans_what_it_holds():
    pytest.importorskip("pydicom")
    shown = decode(dicom(DEEP, "MONOCHROME2", BitsStored=12))
    assert (shown.min(), shown.max()) == (0, 255)


def test_of_a_dicom_file_nothing_is_known_but_the_picture(tmp_path, caplog, capfd):
    pytest.importorskip("pydicom")
    data = dicom(PICTURE, "RGB", PatientName="Doe^Jane", PatientBirthDate="no date", PatientID="77")
    assert b"Doe^Jane" in data
    (tmp_path / "1.dcm").write_bytes(data)
    (tmp_path / "cut.dcm").write_bytes(data[: len(data) // 2])
    table = read_manifest(tmp_path, labelled=False)
    reasons = unreadable(table["path"])
    assert list(reasons) == [str(tmp_path / "cut.dcm")]
    assert "damaged DICOM" in reasons[str(tmp_path / "cut.dcm")]
    said = f"{table.to_csv()}{reasons}{caplog.text}{capfd.readouterr()}"
    assert "Doe" not in said
    assert "no date" not in said


@pytest.mark.parametrize(
    ("package", "name", "hint"),
    [
        ("pillow_heif", "1.heic", 'pip install "cervix-tf[heif]"'),
        ("pydicom", "1.dcm", 'pip install "cervix-tf[dicom]"'),
    ],
)
def test_without_the_extra_the_photograph_is_named_with_what_to_install(
    tmp_path, monkeypatch, package, name, hint
):
    pytest.importorskip(package)
    data = heic(PICTURE) if name.endswith("heic") else dicom(PICTURE, "RGB")
    (tmp_path / name).write_bytes(data)
    for module in [m for m in sys.modules if m.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    real = builtins.__import__

    def without(wanted, *args):
        if wanted.split(".")[0] == package:
            raise ImportError(wanted)
        return real(wanted, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    (reason,) = unreadable([tmp_path / name]).values()
    assert hint in reason
    assert fault(tmp_path / name, data, reason) == "unreadable"


def test_a_phones_photograph_under_another_ending_is_of_the_wrong_type(tmp_path):
    jpeg = encoded(PICTURE, "JPEG")
    assert fault(tmp_path / "1.heic", jpeg, None) == "wrong type"
    assert fault(tmp_path / "1.jfif", jpeg, None) is None
    assert fault(tmp_path / "1.jpg", heic(PICTURE), None) == "wrong type"
