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
