import logging
from pathlib import Path

import pytest

from cervix_tf.errors import UserError
from cervix_tf.segmentation.annotations.matching import matched
from cervix_tf.segmentation.annotations.reading import Annotations
from cervix_tf.segmentation.annotations.shapes import Picture

PATHS = ["/d/train/Type_1/1.JPG", "/d/train/Type_2/1.jpg", "/d/train/Type_2/ü 2.png"]


def match(*names, paths=PATHS, bare=False):
    pictures = [Picture(name, bare=bare) for name in names]
    found = matched(Annotations(Path("f.json"), pictures, ""), paths)
    return [one and one.name for one in found]


def test_by_path_then_by_the_files_name(caplog):
    caplog.set_level(logging.WARNING, "cervix_tf")
    names = ["images\\type_2\\1.jpg", "Type_1/1.jpg", "../../etc/0a1b2c3d-u\u0308 2.png"]
    assert match(*names) == [names[1], names[0], names[2]]
    assert not caplog.messages
    assert match("x/ü 2.png", "other.jpg", "") == [None, None, "x/ü 2.png"]
    assert caplog.messages == [
        "f.json: 2 of 3 annotated pictures are of no photograph here: other.jpg, ."
    ]
    # The better name has it.
    assert match("x/1.jpg", "Type_1/1.jpg", paths=PATHS[:1]) == ["Type_1/1.jpg"]
    assert match("labels/Type_2/1", bare=True) == [None, "labels/Type_2/1", None]


def test_what_could_be_another_is_refused():
    with pytest.raises(UserError, match=r"1.jpg may be any of /d/train/Type_1/1.JPG, /d"):
        match("1.jpg")
    with pytest.raises(UserError, match=r"a/1.jpg and b/1.jpg are both of /d/train/Type_1"):
        match("a/1.jpg", "b/1.jpg", paths=PATHS[:1])
    with pytest.raises(UserError, match=r"none of its pictures, such as 9.jpg"):
        match("9.jpg")


def test_a_file_of_a_photographs_name_that_is_none_of_the_formats_is_refused():
    def found(other, *names):
        pictures = [Picture(name, bare=True) for name in names]
        return matched(Annotations(Path("f"), pictures, "", {Path(other): "It is none."}), PATHS)

    for other in ("f/U\u0308 2.txt", "f/ü 2.json", "f/ü 2.XML"):
        with pytest.raises(
            UserError, match=r"^It is none. It is called as /d/.*/ü 2.png is: mend it"
        ):
            found(other, "Type_1/1")
    for other in ("f/ü 2.csv", "f/notes.json", "f/README.txt", "f/\\.txt"):
        assert found(other, "Type_1/1")[0]
    assert found("f/ü 2.json", "ü 2")[2], "it may be a note of one that is annotated"
