import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cervix_tf.data import read_manifest
from cervix_tf.data.crops import BOX
from cervix_tf.data.flags import NOT_FOUND, NOT_LOCATED
from cervix_tf.errors import UserError
from cervix_tf.segmentation import segment
from cervix_tf.segmentation.mask_files import read_mask

SIZES = [(300, 401), (640, 480), (90, 50), (1000, 130), (200, 200)]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A manifest of grey photographs, each with a patch of the colour of tissue; one has none."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for k, (height, width) in enumerate(SIZES):
        picture = np.full((height, width, 3), 120, np.uint8)
        if k < 4:
            centre, half = (width // 2, int(height * 0.4)), (width // 4, height // 4)
            cv2.ellipse(picture, centre, half, 20, 0, 360, (115, 110, 180), -1)
            picture += rng.integers(0, 9, picture.shape).astype(np.uint8)
        cv2.imwrite(str(folder / f"{k}.png"), picture)
    return read_manifest(folder, labelled=False)


def masks(table):
    return [read_mask(Path(path)) for path in table["mask"]]


def test_masks_out_one_edited_and_in_again(photographs, tmp_path):
    before = segment(photographs, tmp_path / "segmented")
    file = tmp_path / "segmented/annotations.coco.json"
    content = json.loads(file.read_text())
    assert [one["file_name"] for one in content["images"]] == [f"{k}.png" for k in range(5)]
    edited = next(one for one in content["annotations"] if one["image_id"] == 2)
    edited["segmentation"] = [[10, 20, 300, 20, 300, 500, 10, 500]]
    file.write_text(json.dumps(content))
    after = segment(photographs, tmp_path / "corrected", annotations=file)
    same = [np.array_equal(a, b) for a, b in zip(masks(before), masks(after), strict=True)]
    assert same == [True, False, True, True, True]
    assert after["flags"].tolist() == before["flags"].tolist() == [None] * 4 + [NOT_FOUND]
    assert after.loc[1, list(BOX)].tolist() == pytest.approx([10, 20, 290, 480], abs=2)
    kept = [0, 2, 3, 4]
    columns = [*BOX, "centre_x", "centre_y", "width", "height"]
    pd.testing.assert_frame_equal(after.loc[kept, columns], before.loc[kept, columns])


def test_boxes_alone_and_photographs_that_are_not_there(photographs, tmp_path):
    (tmp_path / "boxes.tsv").write_text(
        "0.png 2 40 20 100 50 60 30 120 90\n1.png 0\n4.png 1 900 0 9 9\n"
    )
    table = segment(photographs, tmp_path / "out", annotations=tmp_path / "boxes.tsv")
    assert table.loc[0, list(BOX)].tolist() == pytest.approx([40, 20, 140, 100], abs=0.1)
    assert table["mask"].notna().tolist() == [False, True, False, False, False]
    assert table["flags"].tolist() == [None, NOT_FOUND, *[NOT_LOCATED] * 3]
    assert (tmp_path / "out/sheets/page-001.png").is_file()
    content = json.loads((tmp_path / "out/annotations.coco.json").read_text())
    assert [one["file_name"] for one in content["images"]] == ["0.png", "1.png"]
    assert content["annotations"][0]["bbox"] == table.loc[0, list(BOX)].tolist()
    # Another file: what an earlier one had is gone.
    (tmp_path / "boxes.tsv").write_text("1.png 1 40 20 100 50\n")
    table = segment(photographs, tmp_path / "out", annotations=tmp_path / "boxes.tsv")
    assert table["mask"].isna().all()
    assert not list((tmp_path / "out/masks").iterdir())
    bare = segment(photographs, annotations=tmp_path / "boxes.tsv")
    pd.testing.assert_frame_equal(bare[list(BOX)], table[list(BOX)])


def test_a_photograph_turned_by_its_header_is_annotated_as_it_is_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, 80 x 60 pixels
    Image.new("RGB", (80, 60), (180, 110, 115)).save(tmp_path / "a.jpg", exif=exif)
    manifest = read_manifest(tmp_path / "a.jpg", labelled=False)
    (tmp_path / "a.txt").write_text("0 0.5 0.25 1 0.5")
    drawing = {"label": "cervix", "points": [[0, 0], [60, 0], [60, 40], [0, 40]]}
    content = {"imagePath": "a.jpg", "shapes": [drawing], "imageHeight": 80, "imageWidth": 60}
    (tmp_path / "a.json").write_text(json.dumps(content))
    for name in ("a.txt", "a.json"):
        boxed = segment(manifest, annotations=tmp_path / name)
        assert boxed.loc[0, [*BOX, "width", "height"]].tolist() == [0, 0, 60, 40, 60, 80]
    (tmp_path / "a.json").write_text(json.dumps({**content, "imageHeight": 60, "imageWidth": 80}))
    with pytest.raises(UserError, match="60 x 80 as it is seen upright"):
        segment(manifest, annotations=tmp_path / "a.json")


def test_what_lies_outside_is_not_located(photographs, tmp_path, caplog):
    for file, corners in (("a.json", [[900, 900], [990, 900], [990, 990]]),
                          ("b.json", [[5.0, 5], [5.001, 5], [5, 5.001]])):  # fmt: skip
        drawing = {"label": "cervix", "points": corners}
        (tmp_path / file).write_text(json.dumps({"imagePath": "0.png", "shapes": [drawing]}))
        table = segment(photographs, annotations=tmp_path / file)
        assert table["flags"].tolist() == [NOT_LOCATED] * len(photographs)
        assert f"{file}: 1 shapes lie outside" in caplog.messages[-1]
        assert "left out: 0.png (shape 1, cervix)." in caplog.messages[-1]


def test_of_several_shapes_those_outside_are_named_and_do_not_count(photographs, tmp_path, caplog):
    """A box outside would draw the box of all to the edge."""
    images = [
        {"id": k, "file_name": f"{k}.png", "height": h, "width": w}
        for k, (h, w) in enumerate(SIZES)
    ]
    far = [900, 20, 10, 10]
    drawings = [
        {"category_id": 1, "image_id": 0, "bbox": [40, 20, 100, 50]},
        {"category_id": 1, "image_id": 0, "bbox": far},
        {"category_id": 1, "image_id": 1, "segmentation": [[40, 20, 140, 20, 140, 70, 40, 70]]},
        {"category_id": 1, "image_id": 1, "segmentation": [[900, 20, 990, 20, 990, 70]]},
        {"category_id": 1, "image_id": 4, "segmentation": [[900, 20, 990, 20, 990, 70]]},
        {"category_id": 1, "image_id": 4, "bbox": [40, 20, 100, 50]},
    ]
    (tmp_path / "a.json").write_text(json.dumps({"images": images, "annotations": drawings}))
    table = segment(photographs, annotations=tmp_path / "a.json")
    for row in (0, 1, 4):
        assert table.loc[row, list(BOX)].tolist() == pytest.approx([40, 20, 100, 50], abs=2)
    assert table["flags"].tolist() == [None, None, NOT_FOUND, NOT_FOUND, None]
    (said,) = caplog.messages
    assert said.split("left out: ")[1].startswith(
        "0.png (shape 2, 1), 1.png (shape 2, 1), 4.png (s"
    )


def test_mistakes(photographs, tmp_path):
    (tmp_path / "boxes.tsv").write_text("0.png 1 40 20 100 50\n")
    for options in ({"category": "os"}, {"annotations": tmp_path / "boxes.tsv", "segments": 9}):
        with pytest.raises(UserError, match="in place of a method"):
            segment(photographs, tmp_path / "out", **options)
    with pytest.raises(UserError, match="Unknown category 'os'"):
        segment(photographs, tmp_path / "out", annotations=tmp_path / "boxes.tsv", category="os")
    assert not (tmp_path / "out").exists()
