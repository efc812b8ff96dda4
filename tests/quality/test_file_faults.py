from pathlib import Path

import cv2
import numpy as np
import pytest

from cervix_tf.data.decoding import UnreadableError, decode
from cervix_tf.quality.file_faults import fault

PICTURE = np.random.default_rng(0).integers(0, 256, (48, 80, 3), "uint8")


def content(kind: str) -> bytes:
    return cv2.imencode(kind, PICTURE)[1].tobytes()


def found(name: str, data: bytes) -> str | None:
    try:
        decode(data)
        reason = None
    except UnreadableError as error:
        reason = str(error)
    return fault(Path(name), data, reason)


@pytest.mark.parametrize("kind", [".jpg", ".png", ".bmp"])
def test_whole_and_cut_off_pictures(kind):
    data = content(kind)
    assert found(f"1{kind}", data) is None
    assert found(f"1{kind.upper()}", data) is None
    for part in (len(data) // 2, len(data) - 30, 100):
        assert found(f"1{kind}", data[:part]) == "truncated"


def test_no_picture_at_all():
    assert found("1.jpg", b"") == "zero bytes"
    for data in (b"<html><body>Not found</body></html>", b"\0" * 5000, b"%PDF-1.4"):
        assert found("1.jpg", data) == "wrong type"
    assert fault(Path("1.jpg"), None, "permission denied") == "unreadable"


def test_another_kind_than_the_name_says_and_damage():
    assert found("1.jpg", content(".png")) == "wrong type"
    assert found("1.png", content(".jpg")) == "wrong type"
    assert found("1.jpeg", content(".jpg")) is None
    data = content(".jpg")
    assert found("1.jpg", data[:800] + bytes(300) + data[1100:]) == "unreadable"


def test_odd_headers_and_large_pictures_have_flags_of_their_own(monkeypatch):
    data = bytearray(content(".jpg"))
    scan = data.index(b"\xff\xda")
    first = scan + 5 + 2 * data[scan + 4]
    data[first : first + 3] = b"\0\0\0"
    assert found("1.jpg", bytes(data)) == "odd header"
    assert found("1.png", bytes(data)) == "wrong type"
    assert found("1.jpg", bytes(data[:-2])) == "truncated"
    monkeypatch.setenv("CERVIX_TF_MAX_PIXELS", "100")
    for kind in (".jpg", ".png"):
        assert found(f"1{kind}", content(kind)) == "too large"
