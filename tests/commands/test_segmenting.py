import sys

import cv2
import numpy as np
import pytest

from cervix_tf import cli


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line in this process: exit code, standard output, standard error."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["cervix-tf", "segment", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call


@pytest.fixture
def folder(tmp_path):
    """Three photographs, one of them black."""
    (tmp_path / "in").mkdir()
    for k, colour in enumerate([(115, 110, 180), (120, 115, 190), (0, 0, 0)]):
        cv2.imwrite(str(tmp_path / f"in/{k}.png"), np.full((60, 80, 3), colour, np.uint8))
    return tmp_path / "in"


def test_a_folder_is_segmented_and_counted(run, folder, tmp_path):
    code, out, err = run(folder, "--out", tmp_path / "out", "--segments", 20, "--space", "lab")
    assert (code, err) == (0, "")
    assert "3 photographs" in out
    assert "1 without a cervix" in out
    assert (tmp_path / "out/sheets/page-001.png").is_file()
    assert '"space": "lab"' in (tmp_path / "out/segmentation.json").read_text()
    code, out, _ = run(folder / "0.png", "--out", tmp_path / "one")
    assert code == 0
    assert "without" not in out


def test_mistakes_are_one_line_and_exit_code_2(run, folder, tmp_path):
    (folder / "corrupt.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a photograph")
    out = tmp_path / "out"
    for words, said in (
        ((folder, "--out", out), "corrupt.jpg"),
        ((folder, "--out", folder / "masks"), "lies in the folder of the photographs"),
        ((folder, "--out", out, "--method", "superpixel"), "did you mean 'superpixels'"),
        ((folder, "--out", out, "--space", "hsv"), "colour space"),
        ((tmp_path / "nowhere", "--out", out), "does not exist"),
    ):
        code, printed, err = run(*words)
        assert code == 2
        assert printed == ""
        assert err.startswith("Error: ")
        assert err.count("\n") == 1
        assert said in err
        assert not (out / "manifest.csv").exists()


def test_annotations_in_place_of_a_method(run, folder, tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/0.txt").write_text("1 0.5 0.5 0.5 0.5\n0 0.1 0.1 0.9 0.1 0.9 0.9\n")
    (tmp_path / "labels/1.txt").write_text("")
    (tmp_path / "labels/classes.txt").write_text("cervix\nos\n")
    words = (folder, "--out", tmp_path / "out", "--annotations", tmp_path / "labels")
    code, _, err = run(*words)
    assert (code, err.count("\n")) == (2, 1)
    assert "several categories (cervix, os): choose one, with --category" in err
    code, out, _ = run(*words, "--category", "cervix")
    assert code == 0
    assert f"1 that are not in {tmp_path / 'labels'}: flagged as not located" in out
    assert "1 without a cervix: their mask is empty" in out
