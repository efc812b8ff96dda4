import os
from pathlib import Path

import pytest

from cervix_tf.data import folder_walk
from cervix_tf.data.folder_walk import AGAIN, DANGLING, HIDDEN, OF_A_RUN, OTHER_KIND, SPECIAL, walk
from cervix_tf.errors import UserError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names_of(found) -> list[str]:
    return [os.path.basename(path) for path in found.root.every()]


def left(found) -> dict[str, int]:
    return {reason: len(paths) for reason, paths in found.left_out.items()}


def test_every_kind_of_photograph_in_natural_order(tmp_path):
    names = ["2.JPG", "10.jpeg", "a.png", "b.bmp", "c.WebP", "d.jfif", "e.tif", "f.HEIC", "g.avif"]
    touch(tmp_path, *reversed(names))
    found = walk(tmp_path)
    assert names_of(found) == names
    assert left(found) == {}


def test_what_systems_leave_in_folders_is_left_out(tmp_path):
    touch(tmp_path, "1.jpg", "._1.jpg", ".DS_Store", "Thumbs.db", "A/desktop.ini", "A/2.jpg")
    touch(tmp_path, "__MACOSX/A/2.jpg", "__MACOSX/._A", ".git/x/3.jpg", "A/@eaDir/2.jpg")
    found = walk(tmp_path)
    assert names_of(found) == ["1.jpg", "2.jpg"]
    assert left(found) == {HIDDEN: 8}


def test_other_kinds_links_and_pipes(tmp_path):
    touch(tmp_path, "1.jpg", "notes.txt", "photographs.zip", "README")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "itself.jpg").symlink_to("itself.jpg")
    (tmp_path / "same.jpg").symlink_to("1.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    found = walk(tmp_path)
    assert names_of(found) == ["1.jpg", "same.jpg"]
    assert left(found) == {OTHER_KIND: 3, DANGLING: 2, SPECIAL: 1}


def test_links_to_folders_are_followed_once(tmp_path):
    touch(tmp_path, "in/A/1.jpg", "else/2.jpg")
    (tmp_path / "in/0again").symlink_to("A")
    (tmp_path / "in/A/up").symlink_to("..")
    (tmp_path / "in/B").symlink_to(tmp_path / "else")
    (tmp_path / "else/round").symlink_to(tmp_path / "in")
    found = walk(tmp_path / "in")
    assert names_of(found) == ["1.jpg", "2.jpg"]
    assert [folder.path.name for folder in found.root.folders] == ["A", "B"]
    assert left(found) == {AGAIN: 3}


def test_plots_of_a_run_are_no_photographs(tmp_path):
    touch(tmp_path, "A/1.jpg", "runs/a/recipe.yaml", "runs/a/plots/curves.png")
    found = walk(tmp_path)
    assert found.root.count == 1
    assert left(found) == {OF_A_RUN: 2}
    assert walk(tmp_path / "runs/a").root.count == 1  # named, it counts


def test_a_folder_without_permission_is_one_line(tmp_path, monkeypatch):
    touch(tmp_path, "A/1.jpg", "B/2.jpg", ".Trash/3.jpg")
    scandir = os.scandir

    def refuse(path):
        if os.fspath(path).endswith(("B", ".Trash")):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(folder_walk.os, "scandir", refuse)
    with pytest.raises(UserError, match=r"The folder .*B cannot be read \(permission denied\)"):
        walk(tmp_path)
    (tmp_path / "B").rename(tmp_path / "C")
    assert left(walk(tmp_path)) == {HIDDEN: 1}
