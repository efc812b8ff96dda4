import os
from pathlib import Path

import cv2
import hypothesis
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cervix_tf.data import read_kaggle, read_manifest, unreadable
from cervix_tf.errors import UserError

WHOLE = cv2.imencode(".png", np.full((8, 8, 3), 7, "uint8"))[1].tobytes()
NAMES = [
    "1.jpg", "2.PNG", "ü.jpeg", "3²4.jpg", " b .webp", "t.tif", "n.HEIC", "._1.jpg", ".x", "Thumbs.db",
    "notes.txt", "no ending", "$a$.jfif", "a\nb.png",
]  # fmt: skip
FOLDERS = ["A", "B", "train", "val", "Type_1", "__MACOSX", ".git", "sub", "image"]
LINKS = ["nowhere", "1.jpg", ".", "..", "/dev/null"]
place = st.lists(st.sampled_from(FOLDERS), max_size=3).map("/".join)


@pytest.mark.slow
@settings(max_examples=30)
@given(
    files=st.dictionaries(st.tuples(place, st.sampled_from(NAMES)), st.booleans(), min_size=1),
    links=st.dictionaries(
        st.tuples(place, st.sampled_from(["l.jpg", "L"])), st.sampled_from(LINKS)
    ),
    labelled=st.booleans(),
)
def test_every_file_is_used_named_or_counted(tmp_path_factory, files, links, labelled):
    root = tmp_path_factory.mktemp("tree")
    for (folder, name), whole in files.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / name).write_bytes(WHOLE if whole else b"")
    for (folder, name), target in links.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / name).symlink_to(target)
    try:
        table = read_manifest(root, labelled=labelled)
    except UserError:
        hypothesis.event("refused")
        return
    # A link counts once, be it to a file, to a folder that is read already or to nothing.
    there = [
        Path(top) / name
        for top, folders, names in os.walk(root)
        for name in names + [f for f in folders if os.path.islink(os.path.join(top, f))]
    ]
    outside = [p for p in there if p.is_dir() and not p.resolve().is_relative_to(root.resolve())]
    if outside:  # what it leads to counts, too
        return
    assert len(table) + sum(table.attrs["left_out"].values()) == len(there)
    empty = {str(path) for path in there if path.is_file() and not path.read_bytes()}
    named = unreadable(table["path"])
    assert set(named) == empty.intersection(table["path"])


def test_what_is_left_out_is_told_and_strict_refuses(tmp_path, photograph, caplog):
    for k, name in enumerate(("A/1.jpg", "B/2.jpg", "A/.hidden.jpg")):
        photograph(tmp_path / name, k)
    (tmp_path / "A/notes.TXT").touch()
    (tmp_path / "B/gone.jpg").symlink_to("nowhere")
    found = read_manifest(tmp_path)
    told = (
        f"{tmp_path}: 2 photographs; left out: links that lead nowhere (1: B/gone.jpg), "
        "hidden or system files (1), files of other kinds (1: .txt)"
    )
    assert sorted(told) == sorted(caplog.messages[0].rstrip("."))
    assert len(caplog.messages) == 1
    assert sum(found.attrs["left_out"].values()) == 3
    with pytest.raises(UserError, match=r"left out: .*\.txt.*leave out --strict"):
        read_manifest(tmp_path, strict=True)
    for name in ("A/notes.TXT", "B/gone.jpg", "A/.hidden.jpg"):
        (tmp_path / name).unlink()
    assert len(read_manifest(tmp_path, strict=True)) == 2
    assert len(caplog.messages) == 1


def test_photographs_that_the_csv_does_not_name(tmp_path, photograph, caplog):
    for k, name in enumerate(("a.jpg", "b.jpg", "masks/a.png", "page.png")):
        photograph(tmp_path / name, k)
    text = "path,label,mask\na.jpg,x,masks/a.png\nlink/b.jpg,y,\n"
    (tmp_path / "manifest.csv").write_text(text)
    (tmp_path / "audit.html").touch()
    (tmp_path / "link").symlink_to(".")
    assert read_manifest(tmp_path).attrs["left_out"] == {"photographs not in manifest.csv": 1}
    assert "photographs not in manifest.csv (1: page.png)" in caplog.text
    with pytest.raises(UserError, match="page.png"):
        read_manifest(tmp_path, strict=True)
    assert (
        len(read_manifest(tmp_path / "manifest.csv", strict=True)) == 2
    )  # the CSV alone was named


def test_kaggles_photographs_that_were_not_asked_for(tmp_path, photograph, caplog):
    for k in (1, 2, 3):
        photograph(tmp_path / f"train/Type_{k}/1.jpg", k)
        photograph(tmp_path / f"additional/Type_{k}_v2/1.jpg", 10 + k)
    (tmp_path / "fixed_labels_v2.csv").write_text("filename,old_label,new_label\n")
    (tmp_path / "test_stg2.7z").touch()
    assert len(read_manifest(tmp_path)) == 3
    assert "photographs in folders that are not read (3: additional/Type_1_v2" in caplog.text
    assert "files of other kinds (1: .7z)" in caplog.text
    (tmp_path / "test_stg2.7z").unlink()
    assert len(read_kaggle(tmp_path, additional=True, strict=True)) == 6


def test_a_line_stays_one_line_whatever_files_are_called(tmp_path, photograph, caplog):
    photograph(tmp_path / "A/1.jpg")
    (tmp_path / "A/two\nlines.jpg").symlink_to("nowhere")
    (tmp_path / "A" / os.fsdecode(b"\xe9.jpg")).symlink_to("nowhere")
    read_manifest(tmp_path, labelled=False)
    (line,) = caplog.messages
    assert line.endswith(r"links that lead nowhere (2: A/two\nlines.jpg, A/\udce9.jpg).")


def test_a_folder_is_named_as_it_was_typed(tmp_path, photograph, monkeypatch, caplog):
    photograph(tmp_path / "in/A/1.jpg", 1)
    photograph(tmp_path / "in/B/2.jpg", 2)
    (tmp_path / "in/notes.txt").touch()
    monkeypatch.chdir(tmp_path)
    table = read_manifest("in")
    assert table["path"].tolist() == [str(tmp_path / name) for name in ("in/A/1.jpg", "in/B/2.jpg")]
    assert caplog.messages == ["in: 2 photographs; left out: files of other kinds (1: .txt)."]
    photograph(tmp_path / "in/3.jpg", 3)
    with pytest.raises(UserError, match="^in holds photographs that are in no class folder"):
        read_manifest("in")
