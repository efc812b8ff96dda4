import numpy as np
import pytest

from cervix_tf.errors import UserError
from cervix_tf.segmentation.annotations import yolo
from cervix_tf.segmentation.annotations.shapes import drawn


def test_boxes_and_polygons_in_fractions():
    lines = ["1 0.5 0.5 0.5 0.25", "", "0 0.25 0.5 0.75 0.5 0.75 1 0.25 1", "2 0.5 0.5 1 1 0.93"]
    assert yolo.is_yolo(lines)
    found = yolo.picture("train/a", lines, {0: "cervix", 1: "os", 2: "2"}, "f")
    assert [label for label, _ in found.shapes] == ["os", "cervix", "2"]
    assert found.shapes[0][1].sides == (0.25, 0.375, 0.5, 0.25)
    assert found.whole((300, 400)) == (1, 1)
    mask = drawn([found.shapes[1][1]], (1, 1), (4, 8))
    assert np.array_equal(np.argwhere(mask), [(y, x) for y in (2, 3) for x in range(2, 6)])


def test_other_lines_are_not_yolo():
    assert yolo.is_yolo([])
    for line in ("a.jpg 1 2 3 4 5", "1 0.5 0.5", "0.5 0.5 0.5 0.5 0.5", "1 20 30 40 50", "1 nan 0 1 1",
                 "-1 0.5 0.5 0.5 0.5", "0 0.1 0.1 0.2 0.2 0.3 0.3 0.4"):  # fmt: skip
        assert not yolo.is_yolo([line]), line


def test_a_wrong_line_is_named_by_its_number():
    right = "1 0.5 0.5 0.5 0.25"
    assert yolo.broken_line([right, "", right]) is None
    assert yolo.broken_line(["words", "of a text"]) is None
    assert yolo.broken_line([right, "", "1 0.5 0.5 0.5"]) == 3
    assert yolo.broken_line(["", "1 0.5 0.5"]) is None
    assert yolo.broken_line(["", "1 0.5 0.5"], alone=True) == 2
    assert yolo.broken_line(["1 0.5 0.5", "words of a text"], alone=True) is None
    assert yolo.broken_line(["a.jpg 1 2 3 4", "words of a text"], alone=True) is None
    with pytest.raises(UserError, match="f, line 2: there is no class 1 in the list"):
        yolo.picture("a", ["0 0.5 0.5 0.5 0.25", right], {0: "os"}, "f")
    with pytest.raises(UserError, match="f, line 2: a box needs a width and a height above 0"):
        yolo.picture("a", [right, "1 0.5 0.5 0 0.25"], {}, "f")
    with pytest.raises(UserError, match="f, line 1: the corners of a polygon lie on one line"):
        yolo.picture("a", ["0 0.1 0.1 0.2 0.2 0.3 0.3"], {}, "f")
    assert yolo.picture("a", [right], {}, "f").shapes[0][0] == "1"


def test_names_of_the_classes(tmp_path):
    assert yolo.class_list(tmp_path) == {}
    (tmp_path / "data.yaml").write_text("train: ../x\nnames:\n  0: cervix\n  1: os\n")
    assert yolo.class_list(tmp_path) == {0: "cervix", 1: "os"}
    (tmp_path / "data.yaml").write_text("names: [cervix, [&a [x, x], *a]]\n")
    assert yolo.class_list(tmp_path) == {0: "cervix"}
    (tmp_path / "classes.txt").write_text("os\r\ncervix\r\n")
    assert yolo.class_list(tmp_path) == {0: "os", 1: "cervix"}


@pytest.mark.parametrize(
    "text", ["names: cervix", "names: {a: b}", "names: 5", "[", "names: [a, *b]"]
)
def test_names_that_are_none_name_their_file(tmp_path, text):
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(UserError, match=r"data\.yaml names no classes"):
        yolo.class_list(tmp_path)


def test_names_are_read_as_text(tmp_path):
    (tmp_path / "data.yaml").write_text("names: [no, 1, !!bool x]\n")
    assert yolo.class_list(tmp_path) == {0: "no", 1: "1", 2: "x"}


def test_a_few_lines_cannot_stand_for_a_billion_keys(tmp_path):
    lines = ["names: [os]", "a: &a {x: 1}"]
    lines += [
        f"{new}: &{new} {{<<: [{','.join(10 * ['*' + old])}]}}"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    (tmp_path / "data.yaml").write_text("\n".join(lines))
    assert yolo.class_list(tmp_path) == {0: "os"}
