import base64
import html
import re
import shutil
import sys

import cv2
import numpy as np
import pytest

from cervix_tf.data import read_manifest
from cervix_tf.demo_page import MOST, about_run, demo, demo_page, findings
from cervix_tf.errors import UserError
from cervix_tf.explanation import examine
from cervix_tf.inference import predict
from cervix_tf.runs import load


def words(page: str) -> str:
    """What of a page is read: its text without tags, white space as one blank."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_the_page_says_which_network_on_what_data_and_how_good(finished):
    text = words(about_run(finished))
    metrics = finished.metrics
    low, high = metrics["intervals"]["log_loss"]
    for part in (
        f"Network cervixnet1 {finished.folder}",
        "Trained on phantoms (drawn photographs)",
        f"Validation log loss {metrics['log_loss']:.4f} 95 % interval {low:.4f} to {high:.4f}",
        f"Class prior's {metrics['prior']['log_loss']:.4f}",
        "probabilities of Type_1, Type_2 and Type_3",
        "Not a medical device",
        "not disease",
        "trained on phantoms, drawn by a program",
    ):
        assert part in text, part
    assert "localiser" not in text


def test_photographs_are_not_called_phantoms(finished):
    real = load(finished.folder)  # another object, with figures of its own
    real.metrics["data"] = "photographs"
    text = words(about_run(real))
    assert "phantom" not in text.replace(str(real.folder), "")
    assert f"Log loss of {real.metrics['photographs']} photographs" in text


def test_each_photograph_with_name_probabilities_and_pictures(finished, phantoms, tmp_path):
    odd = tmp_path / "<b>odd & ends.jpg"
    shutil.copy(phantoms / "test/0.jpg", odd)
    paths = [odd, phantoms / "test/1.jpg"]
    page = findings(finished, paths)
    assert "<b>odd" not in page
    text = words(page)
    for path in paths:
        assert path.name in text
    table = predict(finished, read_manifest(phantoms / "test", labelled=False)).set_index("image")
    for image in ("0.jpg", "1.jpg"):
        row = table.loc[image, finished.class_names]
        assert " ".join(f"{name} {100 * share:.1f} %" for name, share in row.items()) in text
    seen = [one.seen for one in examine(finished, paths)[0]]
    shown = [
        cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        for data in re.findall(r'What the network saw of[^>]*base64,([^"]*)"', page)
    ]
    np.testing.assert_array_equal(shown, seen)


def test_flags_stand_with_the_photograph(finished, phantoms, tmp_path):
    dark = tmp_path / "dark.png"
    cv2.imwrite(str(dark), np.full((120, 160, 3), 8, "uint8"))
    page = findings(finished, [phantoms / "test/0.jpg", dark])
    assert "dark : Even the brightest parts are dark." in words(page[page.index("dark.png") :])
    assert "dark :" not in words(page[: page.index("dark.png")])
    assert "photographs unlike those it was trained on are flagged" in words(about_run(finished))


def test_a_run_without_references_flags_nothing_and_says_so(finished, phantoms, tmp_path):
    old = load(shutil.copytree(finished.folder, tmp_path / "old"))
    old.anew("references.npz").unlink()
    assert "no references to flag unlike ones by" in words(about_run(old))
    assert "flag" not in findings(old, [phantoms / "test/0.jpg"])


def test_unreadable_files_are_named_above_the_others(finished, phantoms, tmp_path):
    broken = tmp_path / "<i>notes.txt"
    broken.write_text("no picture")
    page = findings(finished, [phantoms / "test/0.jpg", broken])
    text = words(page)
    assert f"{broken.name} cannot be read: not a picture, or damaged." in text
    assert "Read are JPEG, PNG, BMP, WebP, TIFF, AVIF, HEIC (extra heif), DICOM" in text
    assert text.index("cannot be read") < text.index("0.jpg")
    assert page.count("<article>") == 1
    assert findings(finished, []).count("<article>") == 0


def test_too_many_are_counted(finished, photograph, tmp_path):
    paths = [photograph(tmp_path / f"{k}.jpg", seed=k) for k in range(MOST + 2)]
    page = findings(finished, paths)
    assert page.count("<article>") == MOST
    assert f"first {MOST}; 2 more were left out" in words(page)


@pytest.mark.slow
def test_a_run_trained_on_boxes_says_where_its_boxes_come_from(with_crop, phantoms, tmp_path):
    boxed, blank = with_crop("box"), tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((120, 160, 3), 90, "uint8"))
    assert "Here a localiser finds the box" in words(about_run(boxed))
    assert "cervix was not located" in words(findings(boxed, [blank]))
    with pytest.raises(UserError, match=r"nowhere\.keras does not exist"):
        demo_page(boxed, "nowhere.keras")
    with pytest.raises(UserError, match="crop: mask"):
        demo_page(with_crop("mask"))


def test_the_page_is_private(finished):
    config = demo_page(finished).get_config_file()
    assert config["analytics_enabled"] is False
    assert [each["api_visibility"] for each in config["dependencies"]] == ["private"]


def test_without_gradio_the_extra_is_named(finished, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(UserError, match=r"pip install 'cervix-tf\[demo\]'"):
        demo(finished)
