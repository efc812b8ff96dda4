"""Photographs that OpenCV does not read well: HEIC and AVIF of phones, DICOM of clinics, TIFF.

Nothing but the picture is taken: what a DICOM file says of the patient is never read into a table.
"""

import io
import logging
import warnings
from types import ModuleType
from typing import Any

import numpy as np
from PIL import AvifImagePlugin, Image, TiffImagePlugin, features

from cervix_tf.data.picture_values import UnreadableError, of_pillow
from cervix_tf.screen import libraries_silenced

# They would warn of a damaged file without its name, which the caller gives.
warnings.filterwarnings("ignore", module=r"PIL\.|pydicom\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())

_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF = {b"avif", b"avis"}
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


# All that is read of a DICOM file: what tells how its picture is to be shown.
_DICOM_TAGS = [
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows",
    "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleIntercept",
    "RescaleSlope", "ModalityLUTSequence", "VOILUTSequence", "VOILUTFunction", "WindowCenter",
    "WindowWidth", "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData", "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    "PixelData",
]  # fmt: skip


def decode_other(data: bytes) -> np.ndarray | None:
    """Decode HEIC, AVIF, DICOM, and TIFF where Pillow can: OpenCV lets opacity darken its colours.

    Args:
        data: The content of the file.

    Returns:
        RGB, uint8, (H, W, 3), upright; None if it is of another kind, which OpenCV may read.

    Raises:
        UnreadableError: It is damaged, or the package that reads it is not installed.
    """
    if data.startswith(TIFF):
        return _by_pillow(data, "TIFF") if _known_tiff(data) else None
    kind = picture_kind(data)
    if kind is None:
        return None
    if kind == "DICOM":
        return _dicom_picture(_dicom(data))
    return _by_pillow(data, kind)


def other_size(data: bytes) -> tuple[int, int] | None:
    """Read height and width, upright, of a HEIC, AVIF or DICOM, without decoding it.

    Args:
        data: The content of the file, or its head.

    Returns:
        Height and width; None if it is of another kind, or only decoding tells.
    """
    kind = picture_kind(data)
    if kind is None:
        return None
    if kind == "DICOM":
        found = _dicom(data, pixels=False)
        return (int(found.Rows), int(found.Columns)) if "Rows" in found else None
    turned = False
    try:
        if kind == "HEIC":  # upright already
            width, height = _heif().open_heif(io.BytesIO(data)).size
        else:
            with _opened(data, kind) as picture:
                width, height = picture.size
                turned = picture.getexif().get(0x0112, 1) >= 5
    except UnreadableError:
        raise
    except Exception as error:  # a head alone
        raise UnreadableError(f"damaged {kind}") from error
    return (width, height) if turned else (height, width)


def picture_kind(data: bytes) -> str | None:
    """Tell HEIC, AVIF and DICOM by what a file begins with; None for all other kinds.

    Args:
        data: The content of the file, or its first 132 bytes.

    Returns:
        `HEIC`, `AVIF`, `DICOM` or None.
    """
    if data[4:8] == b"ftyp":
        brands = {data[8:12], *(data[k : k + 4] for k in range(16, min(data[3], 64), 4))}
        return "AVIF" if brands & _AVIF else "HEIC" if brands & _HEIC else None
    return "DICOM" if data[128:132] == b"DICM" else None


def _by_pillow(data: bytes, kind: str) -> np.ndarray:
    try:
        with libraries_silenced(), _opened(data, kind) as picture:
            return of_pillow(picture)
    except UnreadableError:
        raise
    except Exception as error:  # Pillow's plugins raise whatever their libraries do
        raise UnreadableError(f"damaged {kind}") from error


def _known_tiff(data: bytes) -> bool:
    """Whether Pillow knows the kind of a TIFF; that it fails later on is damage."""
    try:
        _opened(data, "TIFF").close()
    except Exception:  # its reader raises whatever it does
        return False
    return True


def _opened(data: bytes, kind: str) -> Image.Image:
    if kind == "HEIC":
        return _heif().open_heif(io.BytesIO(data)).to_pillow()
    if kind == "AVIF" and not features.check("avif"):
        raise UnreadableError("an AVIF photograph: this Pillow reads none; pip install -U pillow")
    if kind == "AVIF":  # Pillow's readers themselves: `Image.open` has a limit of its own
        return AvifImagePlugin.AvifImageFile(io.BytesIO(data), "")
    return TiffImagePlugin.TiffImageFile(io.BytesIO(data), "")


def _heif() -> ModuleType:
    return _needed("pillow_heif", "heif", "HEIC")


def _needed(name: str, extra: str, kind: str) -> ModuleType:
    try:
        return __import__(name)
    except ImportError as error:
        raise UnreadableError(
            f'a {kind} photograph: pip install "cervix-tf[{extra}]" reads it'
        ) from error


def _dicom(data: bytes, pixels: bool = True) -> Any:
    pydicom = _needed("pydicom", "dicom", "DICOM")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # it would print what it cannot read
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    try:
        return pydicom.dcmread(
            io.BytesIO(data), stop_before_pixels=not pixels, specific_tags=_DICOM_TAGS
        )
    except Exception as error:
        raise UnreadableError("damaged DICOM") from error


def _dicom_picture(found: Any) -> np.ndarray:
    """The first picture of a DICOM file as it is meant to be shown."""
    from pydicom.pixels import apply_color_lut, pixel_array

    if "PixelData" not in found:
        raise UnreadableError("a DICOM file without a picture")
    kind = str(found.get("PhotometricInterpretation", ""))
    try:
        values = pixel_array(found, index=0)  # YBR becomes RGB
        if kind.startswith("MONOCHROME") and values.ndim == 2:
            return _grey(values, found)
        full = 2 ** int(found.BitsStored) - 1
        if kind == "PALETTE COLOR":
            values = apply_color_lut(values, found)
            full = np.iinfo(values.dtype).max
    except UnreadableError:
        raise
    except Exception as error:  # pydicom's decoders raise whatever theirs do
        stored = getattr(found.file_meta.get("TransferSyntaxUID"), "name", "nothing known")
        raise UnreadableError(
            f"damaged DICOM, or one that is not read: colours {kind or 'unknown'} of "
            f"{found.get('BitsStored', 'unknown')} bits, stored as {stored}"
        ) from error
    known = kind in ("RGB", "PALETTE COLOR") or kind.startswith("YBR_")
    if not known or values.ndim != 3 or values.shape[2] < 3:
        channels = values.shape[2] if values.ndim == 3 else 1
        raise UnreadableError(
            f"a DICOM file of colours {kind or 'unknown'} with {channels} values a pixel"
        )
    # Eight bits in a wider type are common.
    return _bytes(values[..., :3], 0, 255 if full > 255 >= values.max() else full)


def _grey(values: np.ndarray, found: Any) -> np.ndarray:
    """Grey by the file's window; without one up to 8 bits as they are, deeper ones from least to most."""
    from pydicom.pixels import apply_modality_lut, apply_voi, apply_windowing

    bits, flat = int(found.BitsStored), values.min() == values.max()
    deep = bits > 8 or found.get("PixelRepresentation", 0) == 1
    values = apply_modality_lut(values, found)
    if found.get("VOILUTSequence"):
        values = apply_voi(values.astype(np.int64), found)
        low, high = 0.0, 2.0 ** int(found.VOILUTSequence[0].LUTDescriptor[2]) - 1
    elif _has_window(found):
        low, high = apply_windowing(np.array([-1e12, 1e12]), found).tolist()
        values = apply_windowing(values, found)
    elif deep:
        low, high = float(values.min()), float(values.max())
    else:
        ends = apply_modality_lut(np.array([0, 2**bits - 1]), found)
        low, high = float(ends.min()), float(ends.max())
    shown = _bytes(values, low, high)
    if not flat and shown.min() == shown.max():
        raise UnreadableError("a DICOM file whose window or rescaling leaves nothing to be seen")
    shown = 255 - shown if found.PhotometricInterpretation == "MONOCHROME1" else shown
    return np.repeat(shown[..., None], 3, axis=-1)


def _has_window(found: Any) -> bool:
    """Whether a window has a centre and a width; both may be there and empty."""
    sides = [np.ravel(found.get(name)) for name in ("WindowCenter", "WindowWidth")]
    return all(side.size and side[0] not in (None, "") for side in sides) and float(sides[1][0]) > 0


def _bytes(values: np.ndarray, low: float, high: float) -> np.ndarray:
    shares = (values.astype("float64") - low) / max(high - low, 1e-12)
    return np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)
