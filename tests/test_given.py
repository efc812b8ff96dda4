import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cervix_tf import models
from cervix_tf.archives import check_archive
from cervix_tf.data.decoding import read_grey
from cervix_tf.data.phantoms import phantom
from cervix_tf.data.tables import read_lines, read_table
from cervix_tf.errors import UserError
from cervix_tf.files import write_text
from cervix_tf.given import as_list, as_path, check_whole
from cervix_tf.keras_card import load_card
from cervix_tf.models.weights.keras_files import load_weights_file
from cervix_tf.runs.file_shapes import read_object
from cervix_tf.segmentation.annotations.reading import read_annotations
from cervix_tf.segmentation.boxes import read_boxes
from cervix_tf.segmentation.localizer import load_localizer
from cervix_tf.segmentation.mask_files import read_note


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("decisions.csv", read_table),
        ("files.json", read_object),
        ("references.npz", check_archive),
        ("model.keras", lambda path: load_card(path, "card.json")),
        ("network.h5", lambda path: load_weights_file(path, None)),
        ("network.ckpt", models.match_names),
        ("network.h5", models.match_names),
        ("mask.png", read_grey),
        ("mask.png", read_note),
    ],
)
def test_nobody_waits_for_what_comes_through_a_pipe(tmp_path, name, read):
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match=name):
        read(tmp_path / name)


def test_a_pipe_beside_a_checkpoint_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "checkpoint")
    os.mkfifo(tmp_path / "network.index")
    for given in (tmp_path, tmp_path / "network"):
        with pytest.raises(UserError, match="is a pipe"):
            models.match_names(given)


def test_a_path_is_text_or_a_path_and_not_empty():
    assert as_path("a", "out") == as_path(Path("a"), "out") == Path("a")
    for wrong in ("", b"a", None, 3, ["a"], zipfile):
        with pytest.raises(UserError, match="out is "):
            as_path(wrong, "out")


def test_every_room_calls_what_is_no_path_so(tmp_path):
    for read in (read_table, read_lines, read_boxes, load_localizer, read_annotations, phantom):
        with pytest.raises(UserError, match="^(path|file|folder) is of type int: give a path"):
            read(3)
    with pytest.raises(UserError, match="^path is of type NoneType"):
        write_text(None, "")


def test_several_are_no_text():
    assert as_list(("a", "b"), "only") == ["a", "b"]
    for wrong in ("ab", 3, None):
        with pytest.raises(UserError, match="only=.*: give a list"):
            as_list(wrong, "only")


def test_a_whole_number_is_one_of_python_or_numpy():
    for right in (2, np.int64(2), np.uint8(5)):
        check_whole(right, "folds", 2, 5)
    for wrong in (1, 6, 2.0, "2", None, True, np.float32(2)):
        with pytest.raises(UserError, match="folds=.*: give a whole number from 2 to 5"):
            check_whole(wrong, "folds", 2, 5)
