"""What is wrong with the file of a photograph, in the words that flags use."""

import os

from cervix_tf.data.flags import (
    ODD_HEADER,
    TOO_LARGE,
    TRUNCATED,
    UNREADABLE,
    WRONG_TYPE,
    ZERO_BYTES,
)
from cervix_tf.data.jpeg_headers import odd_header
from cervix_tf.data.picture_formats import picture_kind

# What the content of a file begins with, by the endings its name may have.
_SIGNATURES = {
    (".jpg", ".jpeg", ".jpe", ".jfif"): (b"\xff\xd8\xff",),
    (".png",): (b"\x89PNG\r\n\x1a\n",),
    (".bmp",): (b"BM",),
    (".gif",): (b"GIF87a", b"GIF89a"),
    (".tif", ".tiff"): (b"II*\0", b"MM\0*"),
    (".webp",): (b"RIFF",),
}
_KINDS = {
    "HEIC": (".heic", ".heif", ".hif"),
    "AVIF": (".avif",),
    "DICOM": (".dcm", ".dicom"),
}  # told by more than the first bytes
_STARTS = {ending: starts for endings, starts in _SIGNATURES.items() for ending in endings}
_ENDINGS = {ending for endings in (*_SIGNATURES, *_KINDS.values()) for ending in endings}


def fault(path: str | os.PathLike, data: bytes | None, reason: str | None) -> str | None:
    """Name what is wrong with a file.

    Args:
        path: The file.
        data: Its content; None if the file is gone or may not be read.
        reason: Why it cannot be decoded, as `decode` words it; None if it can.

    Returns:
        `zero bytes`, `truncated`, `wrong type`, `unreadable`, `too large`, `odd header` or None.
        Of the wrong type is what is no picture, and what is another kind of picture than its name says,
        which may be readable.
    """
    if not data:
        return UNREADABLE if data is None else ZERO_BYTES
    ending = os.path.splitext(path)[1].lower()  # a `Path` takes longer than all the rest
    if reason is None and (ending not in _ENDINGS or data.startswith(_STARTS.get(ending, ()))):
        return ODD_HEADER if odd_header(data) else None  # as nearly all are: there are many
    if reason and "over the limit" in reason:
        return TOO_LARGE
    endings = next((e for e, starts in _SIGNATURES.items() if data.startswith(starts)), None)
    endings = endings or _KINDS.get(picture_kind(data) or "")
    if reason is None:
        return WRONG_TYPE if endings and ending not in endings else None
    if endings is None:
        return WRONG_TYPE
    # A file cut off in its header ends as one cut off later: without its end.
    lacks_end = (
        (".jpg" in endings and b"\xff\xd9" not in data[-4096:])
        or (".png" in endings and b"IEND" not in data[-64:])
        or (".bmp" in endings and len(data) < int.from_bytes(data[2:6], "little"))
    )
    return TRUNCATED if "truncated" in reason or lacks_end else UNREADABLE
