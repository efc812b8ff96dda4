import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cervix_tf.data.crops import BOX, regions
from cervix_tf.data.flags import NOT_LOCATED
from cervix_tf.errors import UserError
from cervix_tf.segmentation import add_boxes, read_boxes
from cervix_tf.segmentation.boxes import holds_box

NUMBER = st.integers(0, 4000)
EDGE = st.integers(1, 4000)
NAME = st.from_regex(r"[A-Za-z0-9_]{1,8}( [0-9]{1,3})?\.jpg", fullmatch=True)


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(name=NAME, box=st.tuples(NUMBER, NUMBER, EDGE, EDGE), tab=st.booleans())
def test_a_line_comes_back(tmp_path_factory, name, box, tab):
    file = tmp_path_factory.mktemp("boxes") / "boxes.tsv"
    words = [f"train\\Type_1\\{name}", "1", *map(str, box)]
    file.write_text(("\t" if tab else " ").join(words) + "\r\n\n")
    table = read_boxes(file)
    assert table["path"].tolist() == [f"train/Type_1/{name}"]
    assert table[list(BOX)].to_numpy().tolist() == [list(box)]


def test_several_boxes_are_held_by_one_and_none_is_missing(tmp_path):
    file = tmp_path / "boxes.txt"
    file.write_text("Type_1\\a.jpg 2 10 20 30 40 5 50 10 30\nType_1\\b.jpg 0\n")
    table = read_boxes(file)
    assert table[list(BOX)].iloc[0].tolist() == [5, 20, 35, 60]
    assert table[list(BOX)].iloc[1].isna().all()


@pytest.mark.parametrize(
    "line",
    ["a.jpg", "a.jpg 1 2 3 4", "a.jpg 2 1 2 3 4", "a.jpg 1 1 2 0 4", "a.jpg 1 a 2 3 4", "1 1 2 3 4",
     "a.jpg 1 nan 2 3 4", "a.jpg 1 1 2 inf 4"],
)  # fmt: skip
def test_other_lines_are_named(tmp_path, line):
    file = tmp_path / "boxes.txt"
    file.write_text(f"b.jpg 1 1 2 3 4\n{line}\n")
    with pytest.raises(UserError, match=r"boxes.txt, line 2: write `path count x y w h"):
        read_boxes(file)


@pytest.mark.parametrize(
    ("line", "holds"), [("a.jpg 1 2 3 4 5\n", True), ("a.jpg 0", False), ("a.jpg 1 2", False)]
)
def test_a_line_that_holds_a_box_is_told(line, holds):
    assert holds_box(line) is holds


def test_mistakes_in_the_file(tmp_path):
    file = tmp_path / "boxes.txt"
    with pytest.raises(UserError, match="does not exist"):
        read_boxes(file)
    file.write_text("\n")
    with pytest.raises(UserError, match="holds no box"):
        read_boxes(file)
    file.write_text("a\\b.jpg 1 1 2 3 4\na/b.jpg 1 1 2 3 4\n")
    with pytest.raises(UserError, match="line 2: a/b.jpg stands there twice"):
        read_boxes(file)


@pytest.fixture
def boxes():
    rows = [("Type_1/1.jpg", 1, 2, 30, 40), ("Type_2/1.jpg", 5, 6, 70, 80), ("Type_2/2.jpg",)]
    filled = [(*row, *[np.nan] * (5 - len(row))) for row in rows]
    return pd.DataFrame(filled, columns=["path", *BOX])


def test_boxes_go_to_their_photographs(boxes):
    paths = ["/d/train/Type_1/1.JPG", "/d/train/Type_2/1.jpg", "/d/train/Type_2/2.jpg", "/d/3.jpg"]
    manifest = pd.DataFrame({"path": paths, "flags": [None, NOT_LOCATED, "blurred", None]})
    found = add_boxes(manifest, boxes)
    assert found["box_w"].tolist()[:2] == [30, 70]
    assert found["flags"].fillna("").tolist() == ["", "", f"blurred; {NOT_LOCATED}", ""]
    assert list(manifest.columns) == ["path", "flags"], "the manifest given is left alone"
    with pytest.warns(UserWarning, match="1 of 3"):
        assert regions(found.iloc[:3], "box")[1] == (5, 6, 70, 80)


def test_a_name_of_two_photographs_is_refused(boxes):
    manifest = pd.DataFrame({"path": ["/d/train/Type_1/1.jpg", "/d/additional/Type_1/1.jpg"]})
    with pytest.raises(UserError, match="several photographs"):
        add_boxes(manifest, boxes)
    whole = boxes.assign(path="train/" + boxes["path"])
    assert add_boxes(manifest, whole)["box_x"].notna().tolist() == [True, False]
    with pytest.raises(UserError, match="None of the boxes' paths"):
        add_boxes(pd.DataFrame({"path": ["/d/9.jpg"]}), boxes)
    with pytest.raises(UserError, match="row 0, column 'box_x': '10,5' is no number"):
        add_boxes(manifest.assign(box_x="10,5"), boxes)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", " ", ", "])
def test_boxes_of_any_delimiter_and_encoding(tmp_path, encoding, delimiter):
    file = tmp_path / "boxes.csv.gz"
    lines = [
        delimiter.join(["Type_1/ü, 1.jpg", "1", "10", "20", "30", "40"]),
        "b.jpg" + delimiter + "0",
    ]
    file.write_bytes("\r\n".join(lines).encode(encoding))
    table = read_boxes(file)
    assert table["path"].tolist() == ["Type_1/ü, 1.jpg", "b.jpg"]
    assert table[list(BOX)].iloc[0].tolist() == [10, 20, 30, 40]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"\x1f\x8b", "archive"), ("ä.jpg 0".encode("latin-1"), "UTF-8"), (b"\0" * 9, "no text")],
)
def test_what_is_no_text_is_said_in_a_line(tmp_path, content, reason):
    (tmp_path / "boxes.txt").write_bytes(content)
    with pytest.raises(UserError, match=reason):
        read_boxes(tmp_path / "boxes.txt")
