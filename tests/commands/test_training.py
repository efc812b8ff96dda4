import pytest

from cervix_tf.training import loop
from tests.planted import shortcuts

TINY = ("model.widths=[4,4]", "model.dense=8", "image_size=32", "batch_size=8")
SETTINGS = (*TINY, 'stages=[{"train": "all", "steps": 2}]')


@pytest.fixture
def words(phantoms):
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return ("--model", "cervixnet1", "--data", phantoms, "--cache", "memory", *settings)


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C at the first step."""

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop.Loop, "_stages", stop)
        yield patch


@pytest.mark.slow
def test_an_interrupted_fit_says_how_to_go_on_and_goes_on(
    run, interrupted, words, tmp_path, monkeypatch
):
    shortcuts.bare_fits(monkeypatch)
    folder = tmp_path / "run"
    code, out, err = run("fit", *words, "--run", folder)
    assert code == 130
    *_, line = err.splitlines()
    assert line == f"Interrupted: go on with cervix-tf fit --resume {folder}"
    interrupted.undo()

    code, out, err = run("fit", "--resume", folder)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("cervixnet1 at 32 x 32: ")
    assert lines[1].startswith("step     2  all       training ")
    assert lines[2].startswith("The step alone makes ")
    assert lines[-1] == f"Run folder: {folder}"
    code, out, err = run("fit", "--resume", folder)
    assert out.splitlines()[0] == f"{folder} is complete: nothing is left to train."


def test_an_interrupted_search_goes_on_by_the_same_command(run, interrupted, words, tmp_path):
    pytest.importorskip("optuna")
    space = ("--space", "model.l2=[0, 0.1]", "--study", tmp_path / "study")
    code, out, err = run("search", *words, *space)
    assert code == 130
    *_, line = err.splitlines()
    assert line.startswith("Interrupted: go on with cervix-tf search --model ")
    assert line.endswith(f" --study {tmp_path / 'study'}")
    assert out.startswith("trial 000 of 2: model.l2 ")
