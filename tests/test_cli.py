import subprocess
import sys

import pytest

from cervix_tf import cli
from cervix_tf.commands.training import photographs


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
