import sys

import cv2
import numpy as np
import pytest

from cervix_tf.data import read_manifest
from cervix_tf.data.flags import has_flag
from cervix_tf.errors import UserError
from cervix_tf.quality import flag_with_cleanvision


@pytest.fixture
def planted(tmp_path, photograph):
    """Twelve plain photographs, a black one, one without colour and one cut short."""
    pytest.importorskip("cleanvision")
    for k in range(12):
        photograph(tmp_path / f"{k}.jpg", k, (96, 128))
    cv2.imwrite(str(tmp_path / "black.jpg"), np.full((96, 128, 3), 3, "uint8"))
    grey = cv2.imread(str(tmp_path / "3.jpg"), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    whole = (tmp_path / "5.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    return read_manifest(tmp_path, labelled=False)


def named(manifest, flag: str) -> set[str]:
    return set(manifest["image"][has_flag(manifest, flag)])


def test_findings_have_cleanvisions_own_names(planted, capfd):
    planted["flags"] = ["truncated" if name == "cut.jpg" else None for name in planted["image"]]
    done = flag_with_cleanvision(planted)
    assert named(done, "cleanvision: dark") == {"black.jpg"}
    assert "grey.png" in named(done, "cleanvision: grayscale")
    assert named(done, "truncated") == {"cut.jpg"}
    assert done.drop(columns="flags").equals(planted.drop(columns="flags"))
    assert capfd.readouterr() == ("", ""), "no bars where there is no terminal"


def test_what_cleanvision_cannot_read_is_named_and_the_rest_is_looked_at(planted):
    with pytest.warns(UserWarning, match=r"cannot read 1 photographs .*cut\.jpg"):
        done = flag_with_cleanvision(planted)
    assert named(done, "cleanvision: dark") == {"black.jpg"}


def test_nothing_to_look_at(planted):
    done = flag_with_cleanvision(planted.assign(flags="zero bytes"))
    assert set(done["flags"]) == {"zero bytes"}


def test_not_installed(planted, monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanvision", None)
    with pytest.raises(UserError, match=r'pip install "cervix-tf\[audit\]"'):
        flag_with_cleanvision(planted)
