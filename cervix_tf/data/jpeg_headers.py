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
        return _mended(data, _Header(data))
    except (IndexError, ValueError):  # it ends within its header
        return None


def odd_header(data: bytes) -> bool:
    """Tell whether libjpeg reads a photograph, though with a warning about its headers.

    Args:
        data: The content of a file; only of a JPEG can it be true.
    """
    if not data.startswith(b"\xff\xd8"):
        return False
    try:
        header = _Header(data)
        return _mended(data, header) is not None or _odd_progression(data, header)
    except (IndexError, ValueError):
        return False


def odd_progression(data: bytes) -> bool:
    """Tell whether the scans of a whole progressive JPEG refine what no scan before them gave.

    Args:
        data: The content of a JPEG file.
    """
    try:
        return _odd_progression(data, _Header(data))
    except (IndexError, ValueError):
        return False


class _Header:
    """The segments before the first scan, put in order.

    Attributes:
        kept: They and the mark before them.
        odd: Whether any of them was odd.
        frame: The kind of JPEG, as its mark says.
        components: Their number.
        scan: Where the first scan's header begins in the file.
    """

    def __init__(self, data: bytes):
        self.kept = bytearray(data[:2])
        self.odd, self.frame, self.components = False, 0, 0
        at, jfif, adobe = 2, False, 0
        while True:
            start = data.index(b"\xff", at)
            self.odd |= start > at
            while data[start + 1] == 0xFF:  # as many as a writer likes
                start += 1
            kind = data[start + 1]
            if kind == 0 or 0xD0 <= kind <= 0xD9:  # nothing of a header
                raise ValueError
            if kind == 0xDA:
                self.scan = start
                break
            at = start + 2 + 256 * data[start + 2] + data[start + 3]
            segment = bytearray(data[start:at])
            if kind in (*_SEQUENTIAL, _PROGRESSIVE):
                self.frame, self.components = kind, segment[9]
            elif kind == 0xE0 and segment[4:9] == b"JFIF\0":
                jfif = True
                self.odd |= segment[9] != 1
                segment[9] = 1
            elif kind == 0xEE and segment[4:9] == b"Adobe" and len(segment) >= 16:
                adobe = len(self.kept) + 15  # where its code lies
            self.kept += segment
        if adobe and (self.components == 4 or (self.components == 3 and not jfif)):
            known = (0, 1) if self.components == 3 else (0, 2)
            if self.kept[adobe] not in known:
                self.odd, self.kept[adobe] = True, known[1]  # as libjpeg takes it


def _mended(data: bytes, header: _Header) -> bytes | None:
    scans, at = [], header.scan
    while header.frame in _SEQUENTIAL and at >= 0:
        place = at + 5 + 2 * data[at + 4]
        if data[place : place + 3] != _WHOLE_SCAN:
            scans.append(place)
        whole = data[at + 4] == header.components  # then no other scan follows
        at = -1 if whole else data.find(_SCAN, at + 2)
    if not (header.odd or scans):
        return None
    better = header.kept + data[header.scan :]
    for place in scans:
        place += len(header.kept) - header.scan
        better[place : place + 3] = _WHOLE_SCAN
    return bytes(better)


def _odd_progression(data: bytes, header: _Header) -> bool:
    bits: dict[tuple[int, int], int] = {}  # by component and coefficient
    odd = False
    if header.frame != _PROGRESSIVE or data.find(b"\xff\xd9", data.rfind(_SCAN)) < 0:
        return False
    at = header.scan
    while at >= 0:
        count = data[at + 4]
        first, last, high_low = data[at + 5 + 2 * count : at + 8 + 2 * count]
        for component in data[at + 5 : at + 5 + 2 * count : 2]:
            odd |= first > 0 and (component, 0) not in bits
            for k in range(first, min(last, 63) + 1):
                odd |= bits.get((component, k), 0) != high_low >> 4
                bits[component, k] = high_low & 15
        at = data.find(_SCAN, at + 2)
    return odd
