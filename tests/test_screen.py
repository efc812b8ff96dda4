import contextlib
import io
import logging
import os
import sys
import threading
import warnings

import click
import numpy as np
import pytest
from PIL import Image

from cervix_tf import cli, screen
from cervix_tf.commands.printing import print_data, print_table
from cervix_tf.data.decoding import UnreadableError, decode

OBEYED = "\x1b[2J\r\x07\x9b31m\u202e\u2028\x7f"
SHOWN = r"\x1b[2J\x0d\x07\x9b31m\u202e\u2028\x7f"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_a_terminal_obeys_is_shown_and_other_text_stays():
    assert screen.on_screen(OBEYED) == SHOWN
    assert screen.on_screen("caf\udc9b\udce9") == "caf\\x9b\udce9"  # bytes that are no UTF-8
    for text in ("Тип 1\tб\n", "型号①", "\u200d\u0301 👩\u200d⚕", r"\x1b"):
        assert screen.on_screen(text) == text
    assert screen.one_line("a\nError: b\t") == r"a\nError: b\t"


def test_a_stream_for_text():
    kept = io.StringIO()
    stream = screen.Screen(kept)
    assert stream.write("\x1b") == 1
    stream.writelines(["a\n", "\x1b"])
    click.echo("\x1b[31m", file=stream, color=True)
    assert kept.getvalue() == "\\x1ba\n\\x1b\\x1b[31m\n"
    assert screen.exact(stream) is screen.exact(kept) is kept
    with pytest.raises(TypeError):
        stream.write(b"")  # by which click tells a stream of text


def test_errors_counts_and_warnings_show_the_names_of_files(run, mistake, tmp_path, photograph):
    label, name = "\x1b[31mred\u202e", "\x1b]0;title\x07\nError: .jpg"
    photograph(tmp_path / "data" / label / "0.jpg")
    photograph(tmp_path / "data/b/1.jpg", 1)
    code, out, err = run("prepare", "--data", tmp_path / "data", "--size", 16, "--cache", "none")
    assert code == 0, err
    (tmp_path / "data/b" / name).touch()
    said = mistake("prepare", "--data", tmp_path / "data", "--size", 16, "--cache", "none")
    assert r"\x1b]0;title\x07\nError: .jpg (the file is empty" in said
    code, out, err = run("audit", "--data", tmp_path / "data", "--out", tmp_path / "out")
    assert code == 0, err
    assert not set("\x1b\x07\u202e") & set(out + err)
    table = (tmp_path / "out/audit.csv").read_text(encoding="utf-8-sig")
    assert label in table, "data are exact"
    assert name in table


def test_a_usage_error_shows_what_was_typed(run):
    code, _, err = run("audit", "--\x1b[31m")
    assert code == 2
    assert r"--\x1b[31m" in err
    assert "\x1b" not in err


def test_data_for_a_program_are_exact_and_on_a_terminal_shown(monkeypatch):
    for kept, seen in ((io.StringIO(), OBEYED), (Terminal(), SHOWN)):
        monkeypatch.setattr(sys, "stdout", screen.Screen(kept))
        print_data(OBEYED)
        assert kept.getvalue() == seen


def test_tables_and_warnings_keep_to_their_lines(capsys, monkeypatch):
    print_table(("name", "n"), [("a\nb", "1"), ("\x1b", "22")])
    assert capsys.readouterr().out.splitlines() == ["name  n", r"a\nb  1", r"\x1b  22"]
    monkeypatch.setattr(warnings, "showwarning", cli._warn)
    warnings.showwarning("one\ntwo\x1b", UserWarning, "", 0)
    assert capsys.readouterr().err == "Warning: one\\ntwo\\x1b\n"


@contextlib.contextmanager
def standard_error():
    """Standard error as a program has it, on descriptor 2, in place of pytest's."""
    former = sys.stderr
    with os.fdopen(2, "w", buffering=1, closefd=False) as sys.stderr:
        try:
            yield
        finally:
            sys.stderr = former


def damaged(kind: str, **options) -> bytes:
    kept = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    Image.fromarray(pixels).save(kept, kind, **options)
    data = bytearray(kept.getvalue())
    data[1500:1520] = bytes(20)
    return bytes(data)


DAMAGED = [damaged("PNG"), damaged("TIFF", compression="tiff_deflate")]


def test_what_libraries_say_of_a_damaged_photograph_is_not_shown(capfd):
    def look():
        for data in DAMAGED:
            with pytest.raises(UnreadableError):
                decode(data)

    look()
    said = capfd.readouterr().err
    assert "libpng error" in said, "they would say it"
    assert "ZIPDecode" in said
    with standard_error(), screen.screens():
        look()
        logging.getLogger("PIL.TiffImagePlugin").warning("odd")
    assert capfd.readouterr().err == ""
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


def test_what_we_say_meanwhile_is_heard(capfd):
    inside, over = threading.Event(), threading.Event()

    def look():
        with screen.libraries_silenced():
            inside.set()
            over.wait()

    with standard_error():
        with screen.screens():
            thread = threading.Thread(target=look)
            thread.start()
            inside.wait()
            with screen.libraries_silenced():
                os.write(2, b"a library")
            os.write(2, b"a library, still silenced")
            print("ours", file=sys.stderr)
            over.set()
            thread.join()
        print("after", file=sys.stderr)
    assert capfd.readouterr().err == "ours\nafter\n"
