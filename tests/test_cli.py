import errno
import logging
import os
import re
import signal
import subprocess
import sys

import pytest
import typer

from cervix_tf import __version__, cli
from cervix_tf.commands.training import photographs
from cervix_tf.errors import UserError


def test_help_imports_nothing_heavy():
    heavy = "tensorflow keras numpy pandas scipy sklearn skimage cv2 matplotlib pydantic optuna"
    program = (
        "import sys, cervix_tf.cli as c; sys.argv = ['cervix-tf', '--help']\n"
        "try: c.main()\n"
        "except SystemExit: pass\n"
        f"heavy = set({heavy.split()}) & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "fit" in done.stdout


@pytest.mark.parametrize("verb", [c.callback.__name__ for c in cli.app.registered_commands])
def test_every_verb_has_help_with_an_example(run, verb):
    code, out, _ = run(verb, "--help")
    assert code == 0
    assert "Example: cervix-tf" in out


def test_phantom_draws_and_counts(run, tmp_path):
    code, out, _ = run("phantom", tmp_path, "--per-class", 2, "--test", 1, "--size", "96x128")
    assert code == 0
    assert "7 phantoms" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["train", "2", "2", "2", "0", "6"] in rows
    assert ["test", "0", "0", "0", "1", "1"] in rows
    assert ["share", "33.3%", "33.3%", "33.3%"] in rows
    assert len(list(tmp_path.glob("train/Type_*/*.jpg"))) == 6
    assert len(list(tmp_path.glob("test/*.jpg"))) == 1


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["audit", "--data="], "--data"),
        (["audit", "--decisions", ""], "--decisions"),
        (["fit", "--resume", ""], "--resume"),
        (["fit", "--run", "", "--model", "inception"], "--run"),
        (["audit", "--run", "runs/first", "--run", ""], "--run"),
        (["predict", "runs/first", ""], "run"),
        (["models", "--check", ""], "--check"),
    ],
)
def test_an_empty_word_is_not_taken_for_the_current_folder(mistake, words, named):
    assert f"{named} is empty" in mistake(*words)


def test_recipes(run, mistake):
    code, out, _ = run("recipes")
    assert code == 0
    assert {line.split()[0] for line in out.splitlines()} >= {"inception", "cervixnet2"}
    code, out, _ = run("recipes", "inception")
    assert "optimizer:" in out
    assert "'incepton': did you mean 'inception'" in mistake("recipes", "incepton")


def test_models(run):
    code, out, _ = run("models")
    assert code == 0
    assert "inception" in out
    assert "keras:MobileNet" in out


def test_mistakes_before_any_work(mistake, tmp_path, photograph):
    fit = ("fit", "--model", "cervixnet2", "--data")
    assert "does not exist" in mistake(*fit, tmp_path / "nowhere")
    assert "holds no photograph" in mistake(*fit, tmp_path)
    photograph(tmp_path / "a/0.jpg")
    (tmp_path / "b").mkdir()
    assert "class folder" in mistake(*fit, tmp_path)
    (tmp_path / "list.csv").write_text("path\na/0.jpg\n")
    assert "no column 'label'" in mistake(*fit, tmp_path / "list.csv")
    assert "did you mean 'inception'" in mistake("fit", "--model", "incepton")
    assert "did you mean 'batch_size'" in mistake(*fit, tmp_path, "--set", "bath_size=3")
    assert "either --model" in mistake("fit")
    assert "leave out --model" in mistake("fit", "--resume", tmp_path, "--model", "resnet")
    assert "not a run" in mistake("predict", tmp_path, tmp_path)
    assert "does not exist" in mistake("evaluate", tmp_path / "nowhere")
    assert "not a run" in mistake("fit", "--resume", tmp_path)
    assert "HEIGHTxWIDTH" in mistake("phantom", tmp_path / "p", "--size", "big")


def test_no_data_names_every_way_to_get_some(mistake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.delenv("CERVIX_DATA", raising=False)
    message = mistake("fit", "--model", "cervixnet2")
    assert "cervix-tf phantom" in message
    assert "--data" in message
    assert "Kaggle" in message
    monkeypatch.setenv("CERVIX_DATA", str(tmp_path / "elsewhere"))
    assert "elsewhere does not exist" in mistake("fit", "--model", "cervixnet2")


def test_additional_is_for_kaggle(mistake, tmp_path, photograph, capsys):
    fit = ("fit", "--recipe", "cervixnet1-row2", "--additional", "--data")
    photograph(tmp_path / "train/Type_1/0.jpg", 1)
    (tmp_path / "list.csv").write_text("path,label\ntrain/Type_1/0.jpg,Type_1\n")
    assert "list.csv is a file" in mistake(*fit, tmp_path / "list.csv")
    for number in (2, 3):
        photograph(tmp_path / f"train/Type_{number}/0.jpg", number)
    assert "holds no additional photographs" in mistake(*fit, tmp_path)
    for number in (1, 2, 3):
        photograph(tmp_path / f"additional/Type_{number}/0.jpg", 10 + number)
    assert len(photographs(tmp_path, additional=False)) == 3
    assert len(photographs(tmp_path, additional=True)) == 6
    capsys.readouterr()  # what was left out
    photograph(tmp_path / "other/a/0.jpg")
    assert "not Kaggle's download" in mistake(*fit, tmp_path / "other" / "a")
    assert "leave out --additional" in mistake("fit", "--resume", tmp_path, "--additional")


@pytest.mark.parametrize("words", [
    "phantom OUT", "audit --out OUT", "explore --out OUT", "segment DATA --out OUT", "fetch --folder OUT",
    "fit --model cervixnet2 --run OUT", "crossfit --model cervixnet2 --out OUT",
    "probe --model cervixnet2 --run OUT", "search --model cervixnet2 --space 6.2 --study OUT",
    "reproduce --out OUT", "evaluate RUN --out OUT", "predict RUN DATA --out OUT/FILE",
    "submit RUN --test DATA --out OUT/FILE", "export RUN --format onnx --out OUT/FILE",
    "explain RUN --out OUT/FILE", "report RUN --out OUT/FILE",
])  # fmt: skip
def test_every_output_is_checked_before_anything_is_read(mistake, tmp_path, words):
    """A file in place of a folder; neither run nor photographs are there."""
    (tmp_path / "OUT").write_text("mine")
    message = mistake(*words.replace("OUT", str(tmp_path / "OUT")).split())
    assert str(tmp_path / "OUT") in message
    assert "is a file" in message or "Not a directory" in message
    assert (tmp_path / "OUT").read_text() == "mine"


def cervix_tf(words, **environment):
    program = f"{sys.executable} -m cervix_tf.cli {words}"
    given = {**os.environ, **environment}
    return subprocess.run(program, shell=True, capture_output=True, env=given)


def test_an_output_that_is_full_is_one_line():
    done = cervix_tf("recipes > /dev/full")
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"No space left on device" in done.stderr


@pytest.mark.parametrize("flushed", [False, True])
def test_a_pipe_whose_reader_has_gone_ends_with_1_and_no_word(flushed):
    """Where it fails before the end, Typer puts another stream in place of standard output."""
    program = f"""
import sys
from cervix_tf import cli, recipes
recipes.summary_line = lambda name: print(name, flush={flushed})
sys.argv = ["cervix-tf", "recipes"]
cli.main()
"""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.slow
def test_names_are_printed_in_the_c_locale(tmp_path):
    photograph = tmp_path / "caf\u00e9 \u00d7"
    done = cervix_tf(f"audit --data '{photograph}'", PYTHONUTF8="0", LC_ALL="C")
    assert done.returncode == 2
    assert done.stderr.decode() == f"Error: {photograph} does not exist: " + (
        "give a CSV or a folder of photographs.\n"
    )


def test_a_failing_disk_is_one_line(mistake, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error", "data/1.jpg")

    monkeypatch.setattr("cervix_tf.data.read_manifest", fail)
    (tmp_path / "data").mkdir()
    message = mistake("explore", "--data", tmp_path / "data", "--out", tmp_path / "out")
    assert message == "Error: data/1.jpg cannot be read or written: Input/output error.\n"


@pytest.mark.parametrize(("words", "inside"), [
    ("audit --data DATA --out OUT", "cervix_tf.quality.audit"),
    ("prepare --data DATA --cache OUT", "cervix_tf.data.squares.decode_all"),
    ("phantom OUT", "cervix_tf.data.phantoms.drawing._draw_patient"),
    ("explore --data DATA --out OUT", "cervix_tf.data.squares.decode_all"),
    ("segment DATA --out OUT", "cervix_tf.segmentation.segmenter._segment_page"),
])  # fmt: skip
def test_ctrl_c_says_with_what_to_go_on(run, photograph, tmp_path, monkeypatch, words, inside):
    for number in range(8):
        photograph(tmp_path / f"data/Type_{number % 2 + 1}/{number}.jpg", number)

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(inside, stop)
    words = words.replace("DATA", str(tmp_path / "data")).replace("OUT", str(tmp_path / "out"))
    code, _, err = run(*words.split())
    assert code == 130
    assert err.splitlines()[-1] == f"Interrupted: go on with cervix-tf {words}"


def test_the_version_is_told(run):
    assert run("--version") == (0, f"cervix-tf {__version__}\n", "")


@pytest.mark.parametrize(("words", "completed"), [("ev", "evaluate"), ("fit --qu", "--quiet")])
def test_words_are_completed(words, completed):
    program = "import sys, cervix_tf.cli as c; sys.argv = ['cervix-tf']; c.main()"
    asked = {
        "_CERVIX_TF_COMPLETE": "complete_bash",
        "COMP_WORDS": f"cervix-tf {words}",
        "COMP_CWORD": str(len(words.split())),
    }
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | asked)
    assert done.stdout.split() == [completed]


def test_every_verb_can_be_quiet_or_verbose():
    for verb, command in typer.main.get_command(cli.app).commands.items():
        names = [option for parameter in command.params for option in parameter.opts]
        assert names[-4:] == ["--verbose", "-v", "--quiet", "-q"], verb
        assert len(names) == len(set(names)), f"{verb} has an option's name twice"


def test_quiet_and_verbose(run, mistake, monkeypatch):
    shown = []

    def tell(*_, **__):
        from cervix_tf.progress import _silent

        log = logging.getLogger("cervix_tf.data.readers")
        log.debug("a detail")
        log.info("a message")
        log.warning("a warning")
        shown.append(bool(_silent))
        print("a result")
        raise UserError("it is wrong: mend it.")

    monkeypatch.setattr("cervix_tf.recipes.recipe_names", tell)
    _, out, err = run("recipes")
    assert (out, err) == ("a message\na result\n", "a warning\nError: it is wrong: mend it.\n")
    _, out, err = run("recipes", "--quiet")
    assert (out, err) == ("a result\n", "a warning\nError: it is wrong: mend it.\n")
    _, out, err = run("recipes", "-v")
    assert re.search(r"\d\d:\d\d.* test_cli: a detail\n", out)
    assert "Traceback" in err
    assert err.endswith("\nError: it is wrong: mend it.\n")
    assert shown == [False, True, False]
    assert "give one of them" in mistake("recipes", "-q", "-v")


@pytest.mark.parametrize(("number", "code", "head"), [
    (signal.SIGINT, 130, "Interrupted: go on with"), (signal.SIGTERM, 143, "Terminated: go on with")
])  # fmt: skip
def test_a_signal_that_a_library_makes_an_error_of(run, monkeypatch, number, code, head):
    def fail(*_, **__):
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt as error:
            raise ImportError("initialization failed") from error

    monkeypatch.setattr("cervix_tf.data.phantom", fail)
    former = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # tests may run in the background
    try:
        ended, _, err = run("phantom", "out")
    finally:
        signal.signal(signal.SIGINT, former)
    assert ended == code
    assert err.startswith(head)
    assert err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_python_ends_changes_nothing(number):
    program = f"""
import atexit, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests may run in the background
atexit.register(signal.raise_signal, {int(number)})
from cervix_tf import cli
sys.argv = ["cervix-tf", "recipes", "inception"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_while_a_text_is_executed_has_its_exit_code_too(tmp_path):
    """As in a namedtuple being made: `python -m` would end by the signal, of which Python took a note."""
    (tmp_path / "interrupted.py").write_text(
        """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import cervix_tf.data
cervix_tf.data.phantom = lambda *_, **__: exec("import signal; signal.raise_signal(signal.SIGINT)")
from cervix_tf import cli
sys.argv = ["cervix-tf", "phantom", "x"]
cli.main()
"""
    )
    words = [sys.executable, "-m", "interrupted"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr == "Interrupted: go on with cervix-tf phantom x\n"
    assert done.returncode == 130


@pytest.mark.parametrize("words", ["report RUN --out 1.jpg", "submit RUN --test DATA --out 1.jpg"])
def test_no_photograph_is_written_over(mistake, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "1.jpg").write_text("mine")
    assert "--out 1.jpg: name a file that ends in" in mistake(*words.split())
    assert (tmp_path / "1.jpg").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("predict RUN DATA --out 1.jpg", "1.jpg"),
        ("export RUN --format onnx --out 1.jpg", "1.jpg"),
        ("export RUN --format litert --out 1.onnx", "1.onnx"),
        ("predict RUN mine.csv --out mine.csv", "mine.csv"),
        ("submit RUN --test mine.csv --out mine.csv", "mine.csv"),
        ("submit RUN --test DATA --sample mine.csv --out mine.csv", "mine.csv"),
        ("predict RUN DATA --out DATA/phantom.csv", "DATA/phantom.csv"),
    ],
)
def test_nothing_that_is_read_is_written_over(
    mistake, tmp_path, finished, phantoms, monkeypatch, words, file
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "DATA").symlink_to(phantoms)
    for name in ("1.jpg", "1.onnx", "mine.csv"):
        (tmp_path / name).write_text("path,label\nmine,x\n")
    before = (tmp_path / file).read_bytes()
    said = mistake(*words.replace("RUN", str(finished.folder)).split())
    assert "is read here" in said or "name a file that ends in" in said
    assert (tmp_path / file).read_bytes() == before


@pytest.mark.parametrize(
    "words",
    ["explain RUN --out DATA/train/Type_1/0.png", "evaluate RUN --out DATA/train/Type_1",
     "explain RUN --out DATA/train/new.png", "evaluate RUN --out DATA/train",
     "evaluate RUN --out DATA/train/new/deep", "report RUN --out DATA/train/new/page.html",
     "export RUN --out DATA/train/new", "explore --data DATA/phantom.csv --out DATA/train/new",
     "audit --data DATA/phantom.csv --out DATA/train/new",
     "segment DATA/phantom.csv --out DATA/train/new",
     "reproduce --data DATA/phantom.csv --out DATA/train/new",
     "fit --model cervixnet2 --data DATA --run DATA/train/Type_1", "card RUN --out DATA/train",
     "probe --model keras:MobileNet --weights none --data DATA --run DATA"],
)  # fmt: skip
def test_no_folder_of_photographs_becomes_anothers(mistake, finished, phantoms, words):
    words = words.replace("RUN", str(finished.folder)).replace("DATA", str(phantoms))
    before = sorted(phantoms.rglob("*"))
    said = mistake(*words.split())
    assert "holds photographs, such as" in said or "lies among the photographs" in said
    assert sorted(phantoms.rglob("*")) == before


@pytest.mark.parametrize("size", [10**9, 10**30])
def test_squares_larger_than_any_photograph(mistake, tmp_path, photograph, size):
    photograph(tmp_path / "a/0.jpg")
    photograph(tmp_path / "b/1.jpg", 1)
    words = ("prepare", "--data", tmp_path, "--size", size, "--cache", "none")
    assert "a square has at most 200000000 pixels" in mistake(*words)


def test_a_closed_stream_whose_number_a_file_has_taken(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)  # what Python makes of it; 1 is open here
    cli._open_streams()
    print("nowhere")
    assert sys.stdout.name == os.devnull
    sys.stdout.close()


@pytest.mark.parametrize("words", ["models", "doctor", "predict RUN DATA --out p.csv"])
def test_a_folder_that_was_deleted_is_no_place_to_work_in(mistake, tmp_path, monkeypatch, words):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert "was deleted: change to another" in mistake(*words.split())
