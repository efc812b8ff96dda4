import pytest

from cervix_tf.data.limits import check_bytes, check_pixels, max_pixels
from cervix_tf.data.photographs import read_square
from cervix_tf.data.picture_formats import UnreadableError
from cervix_tf.errors import UserError


def test_the_limit_is_named_and_can_be_raised(monkeypatch):
    monkeypatch.delenv("CERVIX_TF_MAX_PIXELS", raising=False)
    check_pixels(13400, 13400)
    with pytest.raises(
        UnreadableError,
        match=r"^400 x 1000000 pixels, over the limit of 200000000 .set CERVIX_TF_MAX_PIXELS",
    ):
        check_pixels(1000000, 400)
    monkeypatch.setenv("CERVIX_TF_MAX_PIXELS", " 400_000_000")
    check_pixels(1000000, 400)
    with pytest.raises(UnreadableError):
        check_pixels(1000000, 401)


@pytest.mark.parametrize("value", ["0", "-5", "many", "2e8", "²", "1.5"])
def test_the_variable_is_a_whole_number(monkeypatch, value):
    monkeypatch.setenv("CERVIX_TF_MAX_PIXELS", value)
    with pytest.raises(UserError, match=f"CERVIX_TF_MAX_PIXELS={value}: give a whole number"):
        max_pixels()


def test_a_file_too_large_is_not_read(tmp_path, monkeypatch):
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(8 * 200_000_000 + 1)  # it takes no room on the disk
    with pytest.raises(UserError, match=r"a\.jpg cannot be read: 1600000001 bytes, over the limit"):
        read_square(tmp_path / "a.jpg", 8)
    monkeypatch.setenv("CERVIX_TF_MAX_PIXELS", "200_000_001")
    check_bytes(tmp_path / "a.jpg")
