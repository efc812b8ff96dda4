"""Photographs of kinds that OpenCV does not read well: HEIC and AVIF of phones, DICOM of clinics, some TIFF.

Nothing but the picture is taken: what a DICOM file says of the patient is never read into a table.
"""

import io
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image, ImageOps, features

_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF = {b"avif", b"avis"}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT", "YBR_PARTIAL_420")


class UnreadableError(Exception):
    """A photograph that cannot be decoded; its text is the reason, without the file's name."""


def decode_other(data: bytes) -> np.ndarray | None:
    """Decode HEIC, AVIF, DICOM, and TIFF.

    Args:
        data: The content of the file.

    Returns:
        RGB, uint8, (H, W, 3), upright; None if it is of another kind.

    Raises:
        UnreadableError: It is damaged, or the package that reads it is not installed.
    """
    kind = picture_kind(data)
    if kind is None:
        return None
    if kind == "DICOM":
        return _dicom_picture(_dicom(data))
    try:
        with _opened(data, kind) as picture:
            upright = ImageOps.exif_transpose(picture)
            return np.asarray(_eight_bits(upright))
    except UnreadableError:
        raise
    except Exception as error:  # Pillow's plugins raise whatever their libraries do
        raise UnreadableError(f"damaged {kind}") from error


def other_size(data: bytes) -> tuple[int, int] | None:
    """Read height and width, upright, of what `decode_other` decodes, without decoding it.

    Args:
        data: The content of the file, or its head.

    Returns:
        Height and width; None if it is of another kind, or only decoding tells.
    """
    kind = picture_kind(data)
    if kind is None or kind == "TIFF":
        return None
    if kind == "DICOM":
        found = _dicom(data, pixels=False)
        return (int(found.Rows), int(found.Columns)) if "Rows" in found else None
    try:
        with _opened(data, kind) as picture:
            turned = picture.getexif().get(0x0112, 1) >= 5
            width, height = picture.size
    except UnreadableError:
        raise
    except Exception as error:  # a head alone
        raise UnreadableError(f"damaged {kind}") from error
    return (width, height) if turned else (height, width)


def picture_kind(data: bytes) -> str | None:
    """Tell HEIC, AVIF, DICOM and TIFF by what a file begins with; None for all other kinds.

    Args:
        data: The content of the file, or its first 132 bytes.

    Returns:
        `HEIC`, `AVIF`, `DICOM`, `TIFF` or None.
    """
    if data[4:8] == b"ftyp":
        brands = {data[8:12], *(data[k : k + 4] for k in range(16, min(data[3], 64), 4))}
        return "AVIF" if brands & _AVIF else "HEIC" if brands & _HEIC else None
    if data[128:132] == b"DICM":
        return "DICOM"
    return "TIFF" if data.startswith(_TIFF) else None


def _opened(data: bytes, kind: str) -> Image.Image:
    if kind == "HEIC":
        heif = _needed("pillow_heif", "heif", kind)
        return heif.open_heif(io.BytesIO(data)).to_pillow()
    if kind == "AVIF" and not features.check("avif"):
        raise UnreadableError("an AVIF photograph: this Pillow reads none; pip install -U pillow")
    return Image.open(io.BytesIO(data))


def _eight_bits(picture: Image.Image) -> Image.Image:
    """RGB of 8 bits; of deep greys the upper ones."""
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        values = np.asarray(picture).astype("float64")
        if picture.mode != "F" and values.max(initial=0) <= 65535:
            values = values / 257
        picture = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    return picture.convert("RGB")


def _needed(name: str, extra: str, kind: str) -> ModuleType:
    try:
        return __import__(name)
    except ImportError as error:
        raise UnreadableError(
            f'a {kind} photograph: pip install "cervix-tf[{extra}]" reads it'
        ) from error


def _dicom(data: bytes, pixels: bool = True) -> Any:
    pydicom = _needed("pydicom", "dicom", "DICOM")
    try:
        return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=not pixels)
    except Exception as error:
        raise UnreadableError("damaged DICOM") from error


def _dicom_picture(found: Any) -> np.ndarray:
    """The first picture of a DICOM file as it is meant to be shown."""
    from pydicom.pixels import apply_color_lut, apply_rescale, apply_windowing, pixel_array

    if "PixelData" not in found:
        raise UnreadableError("a DICOM file without a picture")
    kind = str(found.get("PhotometricInterpretation", ""))
    try:
        values = pixel_array(found, index=0)  # YBR becomes RGB
        if kind == "PALETTE COLOR":
            values = apply_color_lut(values, found)
        depth = int(found.BitsStored)
        if kind.startswith("MONOCHROME"):
            values = apply_rescale(values, found).astype("float64")
            if "WindowCenter" in found or "VOILUTSequence" in found:
                values = apply_windowing(values, found)
            return _grey(values, inverted=kind == "MONOCHROME1")
    except Exception as error:  # pydicom's decoders raise whatever theirs do
        transfer = found.file_meta.get("TransferSyntaxUID")
        stored = getattr(transfer, "name", "unknown compression")
        raise UnreadableError(f"damaged DICOM, or one compressed as {stored}") from error
    if kind != "PALETTE COLOR" and kind not in _COLOURS:
        raise UnreadableError(f"a DICOM file of colours {kind or 'unknown'}")
    if values.dtype != np.uint8:
        full = float(np.iinfo(values.dtype).max) if kind == "PALETTE COLOR" else 2.0**depth - 1
        values = np.clip(np.rint(values * (255 / full)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(values[..., :3])


def _grey(values: np.ndarray, inverted: bool) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    shares = (values - low) / (high - low) if high > low else np.zeros_like(values)
    shares = 1 - shares if inverted else shares
    return np.repeat(np.rint(255 * shares).astype(np.uint8)[..., None], 3, axis=-1)
