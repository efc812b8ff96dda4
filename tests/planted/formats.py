"""Photographs in the formats of clinics, drawn and written."""

import io

import cv2
import numpy as np


def smooth(height: int, width: int) -> np.ndarray:
    """A picture that lossy compression hardly changes, uint8 RGB."""
    noise = np.random.default_rng(0).integers(0, 256, (4, 5, 3), "uint8")
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def dicom(pixels: np.ndarray, kind: str, **more) -> bytes:
    """A DICOM file of pixels (H, W), (H, W, 3) or (frames, H, W, 3), and further elements by keyword."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, VLPhotographicImageStorage

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = VLPhotographicImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    coloured = pixels.ndim > 2
    file = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    file.Rows, file.Columns = pixels.shape[-3:-1] if coloured else pixels.shape
    file.SamplesPerPixel, file.PhotometricInterpretation = 3 if coloured else 1, kind
    if coloured:
        file.PlanarConfiguration = 0
    bits = 8 * pixels.itemsize
    stored = more.pop("BitsStored", bits)
    file.BitsAllocated, file.BitsStored, file.HighBit = bits, stored, stored - 1
    file.PixelRepresentation = 0
    for keyword, value in more.items():
        setattr(file, keyword, value)
    file.PixelData = pixels.tobytes()
    written = io.BytesIO()
    file.save_as(written, enforce_file_format=True)
    return written.getvalue()
