"""Headers of JPEGs that are odd, though the photograph is whole: put in order, to be read strictly.

Of libjpeg's warnings these are about headers alone: the parameters of a scan (some phones write zeros),
a code of Adobe's or a version of JFIF that the standard does not know, bytes between two segments, and
the order of a progressive file's scans. All others tell of data that is missing or damaged.
"""

_SEQUENTIAL = (0xC0, 0xC1)
_PROGRESSIVE = 0xC2
_SCAN = b"\xff\xda"
_WHOLE_SCAN = b"\0\x3f\0"  # of a sequential JPEG: all 64 coefficients with all their bits


def mended(data: bytes) -> bytes | None:
    """Put the odd headers of a JPEG in order; its picture stays as it is.

    Args:
        data: The content of a JPEG file.

    Returns:
        The content that libjpeg reads without a warning about its headers; None if nothing is odd that
        can be put in order.
    """
    try:
        return _mended(data)
    except IndexError:  # it ends within its header
        return None


def odd_header(data: bytes) -> bool:
    """Tell whether libjpeg reads a photograph, though with a warning about its headers.

    Args:
        data: The content of a file; only of a JPEG can it be true.
    """
    if not data.startswith(b"\xff\xd8"):
        return False
    return mended(data) is not None or odd_progression(data)


def odd_progression(data: bytes) -> bool:
    """Tell whether the scans of a whole progressive JPEG refine what no scan before them gave.

    Args:
        data: The content of a JPEG file.
    """
    start = data.find(b"\xff\xc2")
    at = data.find(_SCAN, start)
    if start < 0 or at < 0 or data.find(b"\xff\xd9", data.rfind(_SCAN)) < 0:
        return False
    bits: dict[tuple[int, int], int] = {}  # by component and coefficient
    odd = False
    try:
        while at >= 0:
            count = data[at + 4]
            first, last, high_low = data[at + 5 + 2 * count : at + 8 + 2 * count]
            for component in data[at + 5 : at + 5 + 2 * count : 2]:
                odd |= first > 0 and (component, 0) not in bits
                for k in range(first, min(last, 63) + 1):
                    odd |= bits.get((component, k), 0) != high_low >> 4
                    bits[component, k] = high_low & 15
            at = data.find(_SCAN, at + 2)
    except (IndexError, ValueError):
        return False
    return odd


def _mended(data: bytes) -> bytes | None:
    kept = bytearray(data[:2])
    odd, at, frame, components = False, 2, 0, 0
    jfif, adobe = False, -1  # where the code of Adobe's lies
    while True:
        marker = data.find(b"\xff", at)
        if marker < 0:
            return None
        odd |= marker > at
        while data[marker + 1] == 0xFF:  # as many as a writer likes
            marker += 1
        kind = data[marker + 1]
        if kind == 0 or kind == 0xD9 or 0xD0 <= kind <= 0xD8:  # nothing of a header
            return None
        length = 2 + 256 * data[marker + 2] + data[marker + 3]
        segment = bytearray(data[marker : marker + length])
        at = marker + length
        if kind in (*_SEQUENTIAL, _PROGRESSIVE):
            frame, components = kind, segment[9]
        elif kind == 0xE0 and segment[4:9] == b"JFIF\0":
            jfif = True
            odd |= segment[9] != 1
            segment[9] = 1
        elif kind == 0xEE and segment[4:9] == b"Adobe" and len(segment) >= 16:
            adobe = len(kept) + 15
        elif kind == 0xDA:
            break
        kept += segment
    if adobe > 0 and (components == 4 or (components == 3 and not jfif)):
        known = (0, 1) if components == 3 else (0, 2)
        odd |= kept[adobe] not in known
        kept[adobe] = kept[adobe] if kept[adobe] in known else known[1]
    scans = bytearray(segment + data[at:])
    if frame in _SEQUENTIAL:
        scan = 0
        while scan >= 0:
            place = scan + 5 + 2 * scans[scan + 4]
            odd |= scans[place : place + 3] != _WHOLE_SCAN
            scans[place : place + 3] = _WHOLE_SCAN
            scan = scans.find(_SCAN, scan + 2)
    return bytes(kept + scans) if odd else None
