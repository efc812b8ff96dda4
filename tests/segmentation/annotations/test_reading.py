import json
import logging
import os

import pytest

from cervix_tf.errors import UserError
from cervix_tf.segmentation import read_annotations
from cervix_tf.segmentation.annotations import reading

COCO = {
    "categories": [{"id": 1, "name": "cervix"}, {"id": 5, "name": "os"}],
    "images": [{"id": k, "file_name": f"{k}.jpg", "height": 30, "width": 40} for k in (1, 2)],
    "annotations": [
        {"image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]},
        {"image_id": 1, "category_id": 5, "bbox": [3, 3, 2, 2]},
    ],
}
LABELME = {"imagePath": "a.jpg", "shapes": [{"label": "os", "points": [[1, 1], [9, 1], [9, 9]]}]}
TASK = {"data": {"image": "t.jpg"}, "annotations": [{"result": []}]}
CVAT = '<annotations><image name="v.jpg" width="4" height="3"/></annotations>'


@pytest.fixture
def read(tmp_path):
    """Write files, text or what becomes JSON, and read the folder, or the one file."""

    def call(category=None, **contents):
        for name, content in contents.items():
            text = content if isinstance(content, str | bytes) else json.dumps(content)
            data = text if isinstance(text, bytes) else text.encode()
            (tmp_path / name.replace("_", ".")).write_bytes(data)
        files = list(tmp_path.iterdir())
        return read_annotations(files[0] if len(files) == 1 else tmp_path, category)

    call.folder = tmp_path
    return call


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ({**COCO, "annotations": []}, ["1.jpg", "2.jpg"]),
        (LABELME, ["a.jpg"]),
        ([TASK, TASK], ["t.jpg", "t.jpg"]),
        (CVAT, ["v.jpg"]),
        (CVAT.encode("utf-16"), ["v.jpg"]),
        ("0 0.5 0.5 0.25 0.25", ["some"]),
        ("x\\a.jpg 1 2 3 4 5\nb.jpg 0", ["x/a.jpg", "b.jpg"]),
    ],
)
def test_the_content_tells_the_format(read, content, names):
    assert [one.name for one in read(some_any=content).pictures] == names


def test_a_category_is_chosen_by_name(read):
    with pytest.raises(UserError, match=r"several categories \(cervix, os\): choose one"):
        read(a_json=COCO)
    first, second = read("os").pictures
    assert [label for label, _ in first.shapes] == ["os"]
    assert (first.size, second.shapes) == ((30, 40), [])
    with pytest.raises(UserError, match="Unknown category 'Cervix': did you mean 'cervix'"):
        read("Cervix")
    assert read("os").digest == read("os").digest != read("cervix").digest


def test_a_folder_of_several(read, tmp_path, caplog):
    caplog.set_level(logging.WARNING, "cervix_tf")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/10.txt").write_text("0 0.5 0.5 0.25 0.25")
    (tmp_path / "labels/9.txt").write_text("")
    os.symlink(tmp_path / "labels/9.txt", tmp_path / "labels/link.txt")
    found = read(classes_txt="os\n", read_txt="read me", a_json=LABELME, b_xml=CVAT, c_jpg="")
    assert [one.name for one in found.pictures] == ["a.jpg", "v.jpg", "labels/9", "labels/10"]
    assert found.pictures[3].shapes[0][0] == "os"
    assert caplog.messages == [f"{tmp_path}: 1 files are no annotations: read.txt."]
    assert list(found.others) == [tmp_path / "read.txt"]


@pytest.mark.parametrize(
    "text",
    [
        "0 0,5 0,5 0,2 0,2",
        "0 nan 0.5 0.2 0.2",
        "0,0.5,0.5,0.2,0.2",
        "cervix 0.5 0.5 0.2 0.2",
        "null",
    ],
)
def test_a_file_of_no_format_is_told_with_its_line(read, text):
    said = f"a.txt, line 2: '{text}' is none of COCO, LabelMe .*a point for decimals"
    with pytest.raises(UserError, match=said):
        read(a_txt="\n" + text)
    with pytest.raises(UserError, match=f"holds no annotated picture: .*{said}"):
        read(b_json={"shapes": []})
    (other,) = read(b_json=LABELME).others.values()
    assert text in other


def test_a_damaged_box_file_is_named_by_its_line(read):
    for _ in range(2):  # alone, and in a folder
        with pytest.raises(UserError, match="^[^ ]*a.tsv, line 2: write `path count x y w h"):
            read(a_tsv="a.jpg 1 2 3 4 5\nb.jpg 1 2 3 4")
        (read.folder / "b.txt").write_text("0 0.5 0.5 0.2 0.2")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{" * 9, "line 1: the JSON is broken or cut off there"),
        ("[1,\n2,", "line 2: the JSON is broken or cut off there"),
        ("[" * 200_000, "is not as its format has it"),
        (b'{"a": "\xff"}', "is no text in UTF-8 or UTF-16: save it as UTF-8"),
        ("null", "is none of COCO, LabelMe"),
        ([1, None], "is none of COCO, LabelMe"),
        ({"images": None, "annotations": []}, "its images are no list"),
        ({**COCO, "annotations": {}}, "its annotations are no list"),
        ({**COCO, "annotations": [None]}, "number 1 of its annotations has no keys"),
        ({"images": [{"id": 1, "file_name": None}], "annotations": []},
         "number 1 of its images: its file_name is None, not a name"),
        ({**COCO, "categories": [{"id": 1, "name": " "}]}, "of its categories: its name is ' ', not"),
        ({**COCO, "images": [{"id": True, "file_name": "a"}]}, "its id is True, not a number"),
        ({}, "is none of COCO, LabelMe"),
        ("words", "is none of COCO, LabelMe"),
        ({"images": [{"file_name": "a"}], "annotations": []}, "number 1 of its images has no id"),
        ({"images": [{"id": 1}], "annotations": []}, "number 1 of its images has no file_name"),
        ({"images": [{"id": [1], "file_name": "a"}], "annotations": []},
         r"its id is \[1\], not a number"),
        ({"images": [{"id": 1, "file_name": "a", "height": "x"}], "annotations": []},
         "its height and width are 'x' and None"),
        ({"images": 3, "annotations": []}, "its images are no list"),
        ({**COCO, "categories": ["a"]}, "number 1 of its categories has no keys"),
        ({**COCO, "annotations": [COCO["annotations"][0], {}]},
         "number 2 of its annotations has no image_id"),
        ({**COCO, "annotations": [{"image_id": [1]}]}, r"its image_id is \[1\], not a number"),
        ({**COCO, "annotations": [{"image_id": 1, "bbox": [1, 2]}]},
         "number 1 of its annotations, of 1.jpg: a box needs left, top, width and height, as numbers"),
        ({**COCO, "annotations": [{"image_id": 1, "segmentation": [[1, 2, 3]]}]},
         "of 1.jpg: a polygon needs x and y of each corner"),
        ({**COCO, "annotations": [{"image_id": 1, "segmentation": 5}]}, "neither polygons nor runs"),
        ({**COCO, "annotations": [{"image_id": 1}]}, "neither a segmentation nor a bbox"),
        ({**COCO, "annotations": [{"image_id": 1, "segmentation": {"counts": [], "size": [3]}}]},
         "the size of its mask is no height and width"),
        ({**COCO, "annotations": [{"image_id": 1, "segmentation": {"counts": "~", "size": [30, 40]}}]},
         "it has letters in a mask that COCO does not write"),
        ({**COCO, "annotations": [{"image_id": 1, "segmentation": {"counts": ["x"], "size": [30, 40]}}]},
         "runs are no whole numbers"),
        ({**COCO, "images": [*COCO["images"], COCO["images"][0]]},
         "of its images: an earlier one has its id 1 already"),
        ({**COCO, "categories": 2 * [{"id": 4, "name": "os"}]},
         "number 2 of its categories: an earlier one has its id 4 already"),
        ({**COCO, "annotations": [{"image_id": 1, "segmentation": [[1, 2, 3, 4, 5, 6]]}]},
         "of 1.jpg: the corners of a polygon lie on one line"),
        ({**COCO, "annotations": [{"id": 3, **one} for one in COCO["annotations"]]},
         "number 2 of its annotations: an earlier one has its id 3 already"),
        ({**COCO, "annotations": [{**COCO["annotations"][1], "category_id": 7}]},
         "number 1 of its annotations: there is no category of its category_id 7"),
        ({**COCO, "annotations": [{"image_id": 1, "bbox": [1, 2, 3, 3]}]},
         "there is no category of its category_id None"),
        ({**COCO, "annotations": [{"image_id": 1, "segmentation": {"counts": [1200], "size": [30, 40]}}]},
         "number 1 of its annotations, of 1.jpg: its mask marks no pixel"),
        ({**COCO, "annotations": [{"image_id": 7}]}, "there is no image of its image_id 7"),
        ({**COCO, "annotations": [{"image_id": 1, "segmentation": {"counts": [9], "size": [3, 3]}}]},
         "of 1.jpg: its mask is of 3 x 3 pixels, its image of 40 x 30"),
        ({**LABELME, "shapes": [{"label": "a", "points": [["x", 1]]}]}, "a polygon needs x and y"),
        ({**LABELME, "shapes": None}, "its shapes are no list"),
        ({**LABELME, "shapes": [None]}, "number 1 of its shapes is not as its format has it"),
        ({**LABELME, "imagePath": None}, "its imagePath is None, not a name"),
        ({**LABELME, "shapes": [{**LABELME["shapes"][0], "label": None}]},
         "number 1 of its shapes, of a.jpg: its label is None, not a name"),
        ({**LABELME, "shapes": [{"label": "a", "points": [[1, 1]] * 2, "shape_type": "rectangle"}]},
         "number 1 of its shapes, of a.jpg: a box needs a width and a height above 0"),
        ({**LABELME, "shapes": [{"label": "a", "points": [[1, 1]] * 2, "shape_type": "circle"}]},
         "number 1 of its shapes, of a.jpg: an ellipse needs a width and a height above 0"),
        ([{**TASK, "annotations": None}], "number 1 of its tasks is not as its format has it"),
        ({**LABELME, "shapes": [{"label": "a"}]}, "number 1 of its shapes has no points"),
        ([TASK, {**TASK, "annotations": [{}]}], "number 2 of its tasks has no result"),
        (CVAT.replace("width", "breadth"), "number 1 of its images has no width"),
        ("<annotations>", "line 1: the XML is broken or cut off there"),
        (b"PK\3\4", "is an archive"),
        ([], "is none of COCO"),
        ("", "is none of COCO"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_said_in_a_line(read, content, reason):
    with pytest.raises(UserError, match=reason) as error:
        read(some_json=content)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [("\n0 0.5 0.5 0.25", 2), ("0 0.5 0.5 0.25 x", 1), ("1 20 30 40 50", 1)],
)
def test_a_damaged_yolo_file_is_named_by_its_line(read, tmp_path, text, line):
    with pytest.raises(UserError, match=f"a.txt, line {line}: it is not `class x y width height`"):
        read(a_txt=text)
    with pytest.raises(UserError, match=f"a.txt, line {line}: it is not `class x y width height`"):
        read(a_txt=text, b_txt="0 0.5 0.5 0.25 0.25")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0 0.25")
    with pytest.raises(UserError, match="a.txt, line 1: a box needs a width"):
        read_annotations(tmp_path)


def test_sizes_are_looked_at_first(read, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", 50)
    with pytest.raises(UserError, match="over the limit of 50"):
        read(a_json=LABELME)
    with pytest.raises(UserError, match="does not exist"):
        read_annotations(tmp_path / "none.json")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="is no file"):
        read_annotations(tmp_path / "pipe")
