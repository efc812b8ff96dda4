import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import cervix_tf as cx
from cervix_tf.data.decoding import decode
from cervix_tf.data.flags import NOT_FOUND
from cervix_tf.segmentation import methods, segment, segmenter
from cervix_tf.segmentation.methods import Finding


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A manifest of 9 phantoms."""
    folder = tmp_path_factory.mktemp("drawn")
    return cx.data.phantom(folder, per_class=3, seed=4, sizes=[(300, 400), (640, 480)])


@pytest.fixture(scope="module")
def segmented(drawn, tmp_path_factory):
    """The folder and the table that `segment` made of them."""
    out = tmp_path_factory.mktemp("segmented") / "out"
    return out, segment(drawn, out)


def pictures(folder: Path, **contents) -> pd.DataFrame:
    for name, content in contents.items():
        cv2.imwrite(str(folder / f"{name}.png"), np.asarray(content, np.uint8)[..., ::-1])
    return cx.data.read_manifest(folder, labelled=False)


def tissue(height, width):
    return np.full((height, width, 3), (180, 110, 115), np.uint8)


def times(out: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in sorted(out.rglob("*.png"))}


def test_manifest_with_masks_boxes_and_centres(drawn, segmented):
    out, table = segmented
    assert table["image"].tolist() == drawn["image"].tolist()
    assert table["label"].tolist() == drawn["label"].tolist()
    assert table["path"].tolist() == drawn["path"].tolist()
    found = table[table["box_x"].notna()]
    assert len(found) > len(table) / 2
    for _, row in found.iterrows():
        height, width = cv2.imread(row["path"]).shape[:2]
        assert (row["height"], row["width"]) == (height, width)
        mask = cv2.imread(row["mask"], cv2.IMREAD_UNCHANGED)
        assert min(mask.shape) == 256
        assert mask.shape[1] / mask.shape[0] == pytest.approx(width / height, rel=0.01)
        assert set(np.unique(mask)) == {0, 255}
        assert 0 <= row["box_x"] <= row["centre_x"] <= row["box_x"] + row["box_w"] <= width + 0.1
        assert 0 <= row["box_y"] <= row["centre_y"] <= row["box_y"] + row["box_h"] <= height + 0.1
    inside = found["os_x"].between(found["box_x"], found["box_x"] + found["box_w"])
    assert inside.mean() > 0.7
    assert Path(table["mask"][0]).relative_to(out / "masks").parts[0] == table["label"][0]
    assert [p.name for p in (out / "sheets").iterdir()] == ["page-001.png"]
    again = cx.data.read_manifest(out, labelled=False)
    pd.testing.assert_frame_equal(again, table)
    assert all(Path(p).is_file() for p in again["tz_mask"])


def test_masks_are_those_of_superpixel_mask(drawn, segmented):
    for path, mask in zip(drawn["path"], segmented[1]["mask"], strict=True):
        found = cv2.imread(mask, cv2.IMREAD_GRAYSCALE) > 127
        picture = cv2.imread(path)[..., ::-1]
        small = cv2.resize(picture, found.shape[::-1], interpolation=cv2.INTER_AREA)
        assert (cx.segmentation.superpixel_mask(small) == found).mean() > 0.9


def test_nothing_is_made_twice(drawn, segmented, tmp_path):
    shutil.copytree(segmented[0], tmp_path / "out")
    before = times(tmp_path / "out")
    # The copy is known by what stands in the masks, not by the place of the folder.
    segment(drawn, tmp_path / "out", workers=1)
    masks = {p: t for p, t in times(tmp_path / "out").items() if "masks" in p}
    assert masks == {p: t for p, t in before.items() if "masks" in p}
    after = times(tmp_path / "out")
    segment(drawn, tmp_path / "out")
    assert times(tmp_path / "out") == after


def test_only_what_is_missing_damaged_or_changed_is_made(tmp_path):
    (tmp_path / "in").mkdir()
    shades = {f"p{k}": tissue(40, 50 + k) for k in range(5)}
    table, out = pictures(tmp_path / "in", **shades), tmp_path / "out"
    segment(table, out)
    before = times(out)
    (out / "masks/p0.png").unlink()
    (out / "masks/p1.png").write_bytes((out / "masks/p1.png").read_bytes()[:50])
    os.utime(tmp_path / "in/p2.png", (1, 1))
    segment(table, out)
    after = times(out)
    changed = {Path(p).name for p in before if before[p] != after[p]}
    assert changed >= {"p0.png", "p1.png", "p2.png"}
    assert not changed & {"p3.png", "p4.png"}
    segment(table, out, keep=1)  # other settings, other masks
    assert all(times(out)[p] != after[p] for p in after if "masks" in p)


def test_a_killed_call_is_completed_by_the_same_call(drawn, segmented, tmp_path):
    out = tmp_path / "out"
    drawn.to_csv(tmp_path / "list.csv", index=False)
    program = (
        "import sys, cervix_tf as cx; table = cx.data.read_manifest(sys.argv[1]);"
        "cx.segmentation.segment(table, sys.argv[2], workers=1)"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "list.csv"), str(out)]
    going = subprocess.Popen(words)
    while going.poll() is None and not list(out.glob("masks/**/*.png")):
        time.sleep(0.002)
    going.kill()
    going.wait()
    for mask in out.glob("masks/**/[!.]*.png"):  # what is there is whole
        assert cv2.imread(str(mask)) is not None
    table = segment(drawn, out)
    for one, other in zip(table["mask"], segmented[1]["mask"], strict=True):
        assert (cv2.imread(one) == cv2.imread(other)).all()


def test_odd_photographs_are_flagged_and_stop_nothing(tmp_path):
    (tmp_path / "in").mkdir()
    contents = {
        "black": np.zeros((30, 40, 3)),
        "grey": np.full((300, 400, 3), 120),
        "green": np.full((30, 40, 3), (40, 120, 40)),
        "line": tissue(500, 1),
        "pixel": tissue(1, 1),
        "whole": tissue(600, 700),
    }
    table = pictures(tmp_path / "in", **contents)
    table["flags"] = [f"blurred; {NOT_FOUND}" if n == "whole.png" else None for n in table["image"]]
    found = segment(table, tmp_path / "out", keep=50).set_index("image")
    whole = found.loc["whole.png"]
    assert whole["flags"] == "blurred"
    assert whole[["box_x", "box_y", "box_w", "box_h"]].tolist() == [0, 0, 700, 600]
    assert whole[["centre_x", "centre_y"]].tolist() == [350, 300]
    for name in contents:
        if name != "whole":
            row = found.loc[f"{name}.png"]
            assert row["flags"] == NOT_FOUND
            assert row[["box_x", "box_w", "centre_x"]].isna().all()
            assert not cv2.imread(row["mask"]).any()


def test_photographs_of_one_name_have_masks_of_their_own(tmp_path):
    for folder, name in (("a", "1.png"), ("b", "1.png"), ("b", "1.jpg")):
        (tmp_path / "in" / folder).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "in" / folder / name), tissue(30, 40))
    table = segment(cx.data.read_manifest(tmp_path / "in"), tmp_path / "out")
    assert table["mask"].nunique() == 3


def test_exif_orientation_is_honoured(tmp_path):
    picture = np.full((60, 120, 3), (60, 70, 60), np.uint8)
    picture[10:50, 70:110] = (180, 110, 115)
    _, jpeg = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    head = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (tmp_path / "in").mkdir()
    (tmp_path / "in/turned.jpg").write_bytes(jpeg.tobytes()[:2] + head + jpeg.tobytes()[2:])
    manifest = cx.data.read_manifest(tmp_path / "in", labelled=False)
    row = segment(manifest, tmp_path / "out", segments=30, keep=30).iloc[0]
    assert (row["width"], row["height"]) == (60, 120)
    # turned a quarter to the right, the block lies lower left to upper right: y 70..110, x 10..50
    assert row["centre_y"] == pytest.approx(90, abs=6)
    assert row["centre_x"] == pytest.approx(30, abs=6)


@pytest.fixture
def decoded(monkeypatch):
    """The number of times that each photograph was read and decoded, by its content's length."""
    counts = Counter()

    def count(data, size):
        counts[len(data)] += 1
        return decode(data, size)

    monkeypatch.setattr(segmenter, "decode", count)
    return counts


def test_each_photograph_is_decoded_once(drawn, tmp_path, decoded):
    sizes = Counter(os.path.getsize(path) for path in drawn["path"])
    segment(drawn)
    assert decoded == sizes
    decoded.clear()
    segment(drawn, tmp_path / "out")
    assert decoded == sizes
    decoded.clear()
    segment(drawn, tmp_path / "out")
    assert not decoded, "all is there"


def test_unreadable_photographs_are_all_named_and_the_same_call_completes(
    drawn, segmented, tmp_path, decoded
):
    (tmp_path / "in").mkdir()
    for k, path in enumerate(drawn["path"]):
        shutil.copy(path, tmp_path / f"in/{k}.jpg")
    first, second = tmp_path / "in/0.jpg", tmp_path / "in/5.jpg"
    first.write_bytes(b"")
    second.write_bytes(second.read_bytes()[: second.stat().st_size // 2])
    manifest = cx.data.read_manifest(tmp_path / "in", labelled=False)
    with pytest.raises(cx.UserError, match="2 photographs cannot be read") as mistake:
        segment(manifest, tmp_path / "out")
    assert f"{first} (the file is empty" in str(mistake.value)
    assert f"{second} (truncated JPEG)" in str(mistake.value)
    assert max(decoded.values()) == 1
    assert not (tmp_path / "out/manifest.csv").exists()
    assert not (tmp_path / "out/sheets").exists()
    before = times(tmp_path / "out")
    assert len(before) == len(drawn) - 2

    shutil.copy(drawn["path"][0], first)
    shutil.copy(drawn["path"][5], second)
    table = segment(manifest, tmp_path / "out")
    after = times(tmp_path / "out")
    assert {p: t for p, t in after.items() if p in before} == before
    for one, other in zip(table["mask"], segmented[1]["mask"], strict=True):
        assert (cv2.imread(one) == cv2.imread(other)).all()


def test_progress_ends_at_all(drawn, tmp_path):
    seen = []
    segment(drawn, tmp_path / "out", progress=lambda *step: seen.append(step))
    assert seen[-1] == (9, 9)


def test_stale_pages_are_removed(tmp_path):
    (tmp_path / "in").mkdir()
    table = pictures(tmp_path / "in", **{f"p{k}": tissue(9, 9 + k % 3) for k in range(41)})
    segment(table, tmp_path / "out")
    assert len(list((tmp_path / "out/sheets").iterdir())) == 2
    segment(table[:3], tmp_path / "out")
    assert [p.name for p in (tmp_path / "out/sheets").iterdir()] == ["page-001.png"]


def test_a_method_of_ones_own_joins_by_its_name(drawn, tmp_path, monkeypatch):
    def make(model, options):
        def find(batch, map_):
            assert all(p.dtype == np.uint8 and min(p.shape[:2]) == 256 for p in batch)
            left = [Finding(np.ones(p.shape[:2], bool), (0.1, 0.2, 0.5, 0.25)) for p in batch]
            return [*left[:-1], Finding(left[-1].mask, flag="not sure")]

        return find, {"model": model, **options}

    monkeypatch.setitem(methods.METHODS, "left", make)
    table = segment(drawn, tmp_path / "out", "left", model="m.keras", threshold=3)
    first, last = table.iloc[0], table.iloc[-1]
    assert first["box_x"] == pytest.approx(0.1 * first["width"], abs=0.06)
    assert first["box_h"] == pytest.approx(0.25 * first["height"], abs=0.06)
    assert pd.isna(first["flags"])
    assert last["flags"] == "not sure"
    assert last["box_w"] == last["width"]
    assert "m.keras" in (tmp_path / "out/segmentation.json").read_text()


def test_mistakes(drawn, tmp_path):
    out = tmp_path / "out"
    for options, words in (
        ({"method": "superpixel"}, "did you mean 'superpixels'"),
        ({"segment": 3}, "did you mean 'segments'"),
        ({"segments": 0}, "at least 1"),
        ({"model": "x.keras"}, "takes no model"),
    ):
        with pytest.raises(cx.UserError, match=words):
            segment(drawn, out, **options)
        assert not out.exists()
    with pytest.raises(cx.UserError, match="names no photograph"):
        segment(drawn[:0], out)
    out.mkdir()
    (out / "manifest.csv").write_text("mine")
    with pytest.raises(cx.UserError, match="is not empty"):
        segment(drawn, out)
    assert (out / "manifest.csv").read_text() == "mine"
    with pytest.raises(cx.UserError, match="is a file"):
        segment(drawn, out / "manifest.csv")
